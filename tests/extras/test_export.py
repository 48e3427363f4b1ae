"""Export: an ensemble of two, in each format, run by that format's own runtime."""

import json
import re
import runpy
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from fashion import paths
from fashion.data.images import load_images
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
        r"probabilities at most (\S+) apart\n",
        printed,
    )
    assert said and float(said[2]) <= 1e-3
    assert (trained.path / said[1]).exists()
    assert complaints == ""


def test_what_it_exports_scores_as_the_pipeline_did(trained, monkeypatch):
    """The original that the exports are compared with has the accuracy that `dvc repro` wrote."""
    monkeypatch.chdir(trained.path)
    test = load_images(paths.TEST)
    found = export.build().predict(test.images, batch_size=1000, verbose=0).argmax(axis=1)
    scores = json.loads(paths.METRICS.read_text())
    assert np.mean(found == test.labels) == pytest.approx(scores["test"]["accuracy"], abs=1e-3)
    assert set(scores["members"]) == {"second", "model"}


def test_predict_starts_without_tensorflow_once_there_is_an_export_of_these_models(trained, tmp_path):
    Image.fromarray(np.full((28, 28), 200, np.uint8)).save(tmp_path / "grey.png")

    def predict() -> tuple[dict, bool]:
        """Return what is predicted, and whether TensorFlow was imported."""
        words = ("-X", "importtime", "tools/predict.py", "--json", "--background", "dark", str(tmp_path / "grey.png"))
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
    # Another ensemble than the exported one.
    trained.edit("tta: flip_shift ", "tta: flip ")
    _, imported = predict()
    trained.edit("tta: flip ", "tta: flip_shift ")
    assert imported
    (trained.path / "exported/model.onnx").write_bytes(b"damaged")
    assert predict() == (original, True)


def test_a_model_that_disagrees_is_refused(run, trained, monkeypatch, capfd):
    monkeypatch.chdir(trained.path)
    model = export.build()
    with pytest.raises(UserError, match=r"disagrees with the original: another class for \d+ of 10,000 images"):
        export.check(lambda images: np.full((len(images), 10), 0.1, np.float32), model)

    # The same classes, but other probabilities; what was exported before stays.
    target = Path("exported/model.keras")
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(b"of before")
    monkeypatch.setattr(
        export, "open_exported", lambda form, path: lambda images: 0.99 * model.predict(images, verbose=0) + 0.001
    )
    with pytest.raises(SystemExit):
        run("--format", "keras")
    assert re.search(r"another class for 0 of 10,000 images, probabilities up to 0.00\d+ apart", capfd.readouterr().err)
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
