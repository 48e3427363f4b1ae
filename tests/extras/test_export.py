"""Export: an ensemble of two, in each format, run by that format's own runtime."""

import json
import re
import runpy
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from fashion import paths
from fashion.data.images import Images, load_images, save_images
from fashion.inference import export
from fashion.pipeline.errors import UserError

FORMATS = ("keras", "saved_model", "onnx", "litert")


@pytest.fixture
def run(monkeypatch):
    """A function that runs the program where this process is."""

    def run(*words: str) -> None:
        monkeypatch.setattr(sys, "argv", ["export.py", *words])
        runpy.run_path(str(ROOT / "tools/export.py"), run_name="__main__")

    return run


@pytest.mark.parametrize("form", FORMATS)
def test_the_exported_ensemble_agrees_with_the_original(form, run, trained, monkeypatch, capfd):
    monkeypatch.chdir(trained.path)
    run("--format", form)
    printed, complaints = capfd.readouterr()
    said = re.fullmatch(
        r"(exported/\S+): \d+\.\d\d MB, \d+\.\d\d ms for one image; agrees on 10,000 test images: the same classes, "
        r"probabilities at most (\S+) and out_of_distribution at most (\S+) apart\n",
        printed,
    )
    assert said and float(said[2]) <= 1e-3 and float(said[3]) <= 1e-3
    assert (trained.path / said[1]).exists()
    if form == "saved_model":  # where TensorFlow Serving looks for versions
        assert said[1] == "exported/saved_model/1" and (trained.path / said[1] / "saved_model.pb").exists()
    assert complaints == ""


def test_a_few_test_images_are_compared_too(run, trained, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(trained.path)
    few = Images(*(array[:7] for array in load_images(paths.TEST)))
    monkeypatch.setattr(paths, "TEST", tmp_path / "test.npz")
    save_images(paths.TEST, few)
    Path("exported/model.onnx").unlink(missing_ok=True)  # otherwise an earlier test's would count
    run("--format", "onnx")
    assert "agrees on 7 test images" in capfd.readouterr().out


def test_what_it_exports_scores_as_the_pipeline_did(trained, monkeypatch):
    """The original that the exports are compared with has the accuracy that `dvc repro` wrote."""
    monkeypatch.chdir(trained.path)
    test = load_images(paths.TEST)
    found = export.build().predict(test.images, batch_size=1000, verbose=0)
    scores = json.loads(paths.METRICS.read_text())
    right = found["probabilities"].argmax(axis=1) == test.labels
    assert right.mean() == pytest.approx(scores["test"]["accuracy"], abs=1e-3)
    alarms = found["out_of_distribution"] > 1
    assert alarms.mean() == pytest.approx(scores["out_of_distribution"]["test_false_alarms"], abs=1e-3)
    assert set(scores["members"]) == {"second", "model"}


def test_predict_starts_without_tensorflow_once_there_is_an_export_of_these_models(trained, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (28, 28)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")

    def predict() -> tuple[dict, bool]:
        """Return what is predicted, and whether TensorFlow was imported."""
        words = ("-X", "importtime", "tools/predict.py", "--json", "--background", "dark", str(tmp_path / "noise.png"))
        done = trained.run(".venv/bin/python", *words)
        assert done.returncode == 0, done.stderr
        # The module that imports it for all others hides what that prints.
        return json.loads(done.stdout)[0], "fashion.backend" in done.stderr or "tensorflow" in done.stderr

    shutil.rmtree(trained.path / "exported", ignore_errors=True)
    original, imported = predict()
    assert imported
    done = trained.run(".venv/bin/python", "tools/export.py", "--format", "onnx")
    assert (done.returncode, done.stderr) == (0, "")
    assert "agrees on 10,000 test images" in done.stdout
    quick, imported = predict()
    assert not imported
    assert quick["class"] == original["class"]
    assert quick["confidence"] == pytest.approx(original["confidence"], abs=1e-3)
    assert quick["out_of_distribution"] is original["out_of_distribution"] is True
    # Another ensemble than the exported one, or another threshold.
    threshold = str(json.loads((trained.path / paths.METRICS).read_text())["out_of_distribution"]["threshold"])
    for old, new, file in (
        ("tta: flip_shift ", "tta: flip ", "params.yaml"),
        (f'"threshold": {threshold}', '"threshold": 1e9', str(paths.METRICS)),
    ):
        trained.edit(old, new, file)
        other, imported = predict()
        trained.edit(new, old, file)
        assert imported
    assert other["out_of_distribution"] is False
    (trained.path / "exported/model.onnx").write_bytes(b"damaged")
    assert predict() == (original, True)


def test_a_model_that_disagrees_is_refused(run, trained, monkeypatch, capfd):
    monkeypatch.chdir(trained.path)
    model = export.build()
    images = load_images(paths.TEST).images
    right = model.predict(images, batch_size=1000, verbose=0)

    def wrong(changed: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
        """An exported model that gives the right answers for the test images in their order, but for one output."""
        answers = iter(range(0, len(images), 100))

        def answer(batch: np.ndarray) -> dict[str, np.ndarray]:
            start = next(answers)
            found = {name: output[start : start + len(batch)] for name, output in right.items()}
            return found | {changed: change(found[changed])}

        return answer

    with pytest.raises(UserError, match=r"disagrees with the original: another class for \d+ of 10,000 images"):
        export.check(wrong("probabilities", lambda found: np.full_like(found, 0.1)), model)
    with pytest.raises(UserError, match=r"for 0 of 10,000 images, .+out_of_distribution up to 0.01 apart"):
        export.check(wrong("out_of_distribution", lambda found: found * 1.01), model)
    assert "agrees on 10,000" in export.check(wrong("out_of_distribution", lambda found: found * 1.0005), model)

    # The same classes, but other probabilities; what was exported before stays.
    target = Path("exported/model.keras")
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(b"of before")
    monkeypatch.setattr(export, "open_exported", lambda form, path: wrong("probabilities", lambda found: 0.99 * found + 0.001))
    with pytest.raises(SystemExit):
        run("--format", "keras")
    said = r"another class for 0 of 10,000 images, .*probabilities up to 0.00\d+ apart"
    assert re.search(said, capfd.readouterr().err)
    assert target.read_bytes() == b"of before"
    target.unlink()
    assert [path.name for path in target.parent.iterdir() if path.name.startswith(".")] == []


def test_without_models_it_says_what_to_do(run, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "tests/params.yaml", "params.yaml")
    with pytest.raises(SystemExit) as end:
        run("--format", "keras")
    assert end.value.code == 1
    assert capfd.readouterr().err == "error: models/model.keras: missing; run `dvc repro`\n"
