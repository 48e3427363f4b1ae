"""The five stages, run by the real `dvc repro` in a clone, on a slice of the real data."""

import json
import shutil
from pathlib import Path

import pytest
from conftest import Clone


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory, raw) -> Clone:
    """A clone after its first `dvc repro`."""
    clone = Clone(tmp_path_factory.mktemp("pipeline") / "clone")
    clone.edit("images: 60000 ", "images: 1000 ")
    clone.edit("epochs: 10 ", "epochs: 2 ")
    clone.edit("    - http://fashion", f"    - file:{raw}\n    - http://fashion")
    printed = clone.dvc("repro")
    assert ran(printed) == ["download", "prepare", "train@first", "evaluate", "plot"]
    shutil.copytree(clone.path / "reports", clone.path / "first/reports")
    shutil.copy(clone.path / "models/first.keras", clone.path / "first")
    shutil.copy(clone.path / "dvc.lock", clone.path / "first")
    return clone


def ran(printed: str) -> list[str]:
    """The stages that DVC says it ran."""
    return [line.split("'")[1] for line in printed.splitlines() if line.startswith("Running stage ")]


def test_the_outputs(pipeline):
    scores = json.loads((pipeline.path / "reports/metrics.json").read_text())
    assert list(scores) == ["train", "validation", "test"]
    for values in scores.values():
        assert 0.1 < values["accuracy"] < 1 and values["loss"] > 0
    assert scores["test"]["accuracy_low"] < scores["test"]["accuracy"] < scores["test"]["accuracy_high"]
    assert len((pipeline.path / "reports/predictions.csv").read_text().splitlines()) == 10_001
    assert (pipeline.path / "reports/history/first.csv").read_text().count("\n") == 3
    for figure in ("predictions", "learning_curves", "confusion_matrix", "confused_pairs"):
        assert (pipeline.path / f"reports/figures/{figure}.png").read_bytes().startswith(b"\x89PNG")


def test_a_second_run_does_nothing(pipeline):
    assert ran(pipeline.dvc("repro")) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("which: first ", "which: wrong ", ["plot"]),
        ("calibration_bins: 15", "calibration_bins: 14", ["evaluate"]),
        ("dropout: 0.0 ", "dropout: 0.1 ", ["train@first", "evaluate", "plot"]),
        ("validation_fraction: 0.1", "validation_fraction: 0.2", ["prepare", "train@first", "evaluate", "plot"]),
        ("first: {seed: 0}", "first: {seed: 0}\n  second: {seed: 1}", ["train@second", "evaluate", "plot"]),
    ],
)
def test_an_edit_runs_the_right_stages_and_its_reversal_comes_from_the_cache(pipeline, old, new, expected):
    before = (pipeline.path / "reports/metrics.json").read_bytes()
    pipeline.edit(old, new)
    assert ran(pipeline.dvc("repro")) == expected
    pipeline.edit(new, old)
    if "second" in new:
        (pipeline.path / "models/second.keras").unlink()
        (pipeline.path / "reports/history/second.csv").unlink()
    assert ran(pipeline.dvc("repro")) == []
    assert (pipeline.path / "reports/metrics.json").read_bytes() == before


def test_a_fresh_clone_gives_the_same_bytes(pipeline, tmp_path, raw):
    clone = Clone(tmp_path / "elsewhere")
    (clone.path / "params.yaml").write_text((pipeline.path / "params.yaml").read_text())
    clone.dvc("repro")
    for path in (clone.path / "models/first.keras", clone.path / "dvc.lock"):
        assert path.read_bytes() == (pipeline.path / "first" / path.name).read_bytes(), path
    for path in filter(Path.is_file, (clone.path / "reports").rglob("*")):
        assert path.read_bytes() == (pipeline.path / "first" / path.relative_to(clone.path)).read_bytes(), path


def test_the_summary(pipeline):
    done = pipeline.run(".venv/bin/python", "src/summary.py")
    assert done.returncode == 0 and "Accuracy   training " in done.stdout and "reports/figures/" in done.stdout


def test_what_users_type(pipeline):
    assert "test.accuracy" in pipeline.dvc("metrics", "show")
    assert "train.epochs" in pipeline.dvc("params", "diff")
    assert "file://" in pipeline.dvc("plots", "show")
    html = (pipeline.path / "dvc_plots/index.html").read_text()
    assert "Accuracy after each epoch" in html and "confusion_matrix.png" in html
