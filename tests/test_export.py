"""Export: an ensemble of two, in each format, run by that format's own runtime."""

import json
import re
import shutil

import numpy as np
import pytest

import export
from fashion.errors import UserError


@pytest.mark.parametrize("form", export.NAMES)
def test_the_exported_ensemble_agrees_with_the_original(form, trained, monkeypatch, capfd):
    monkeypatch.chdir(trained.path)
    export.main(form)
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
    from fashion import dataset

    monkeypatch.chdir(trained.path)
    test = dataset.load(dataset.TEST_FILE)
    found = export.build().predict(test.images, batch_size=1000, verbose=0).argmax(axis=1)
    scores = json.loads((trained.path / "reports/metrics.json").read_text())
    assert np.mean(found == test.labels) == pytest.approx(scores["test"]["accuracy"], abs=1e-3)
    assert set(scores["members"]) == {"first", "second"}


def test_predict_starts_without_tensorflow_once_there_is_an_export_of_these_models(trained, tmp_path):
    from PIL import Image

    Image.fromarray(np.full((28, 28), 200, np.uint8)).save(tmp_path / "grey.png")

    def predict() -> tuple[dict, bool]:
        """Return what is predicted, and whether TensorFlow was imported."""
        words = ("-X", "importtime", "src/predict.py", "--json", "--background", "dark", str(tmp_path / "grey.png"))
        done = trained.run(".venv/bin/python", *words)
        assert done.returncode == 0, done.stderr
        # The module that imports it for all others hides what that prints.
        return json.loads(done.stdout)[0], "fashion.backend" in done.stderr or "tensorflow" in done.stderr

    shutil.rmtree(trained.path / "exported", ignore_errors=True)
    original, imported = predict()
    assert imported
    done = trained.run(".venv/bin/python", "src/export.py", "--format", "onnx")
    assert (done.returncode, done.stderr) == (0, "")
    assert "agrees on 10,000 test images" in done.stdout
    quick, imported = predict()
    assert not imported
    assert quick["class"] == original["class"]
    assert quick["confidence"] == pytest.approx(original["confidence"], abs=1e-3)
    # Another ensemble than the exported one.
    trained.edit("flip_averaging: true", "flip_averaging: false")
    other, imported = predict()
    trained.edit("flip_averaging: false", "flip_averaging: true")
    assert imported
    (trained.path / "exported/model.onnx").write_bytes(b"damaged")
    assert predict() == (original, True)


def test_a_model_that_disagrees_is_refused(trained, monkeypatch):
    monkeypatch.chdir(trained.path)
    model = export.build()
    with pytest.raises(UserError, match=r"disagrees with the original: another class for \d+ of 10,000 images"):
        export.check(lambda images: np.full((len(images), 10), 0.1, np.float32), model)

    # The same classes, but other probabilities; what was exported before stays.
    target = trained.path / "exported/model.keras"
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(b"of before")
    monkeypatch.setattr(
        export, "open_exported", lambda form, path: lambda images: 0.99 * model.predict(images, verbose=0) + 0.001
    )
    with pytest.raises(UserError, match=r"another class for 0 of 10,000 images, probabilities up to 0.00\d+ apart"):
        export.main("keras")
    assert target.read_bytes() == b"of before"
    target.unlink()
    assert [path.name for path in target.parent.iterdir() if path.name.startswith(".")] == []


def test_without_models_it_says_what_to_do(clone):
    done = clone.run(".venv/bin/python", "src/export.py", "--format", "keras")
    assert done.returncode == 1
    assert done.stderr == "error: models/first.keras: missing; run `dvc repro`\n"
