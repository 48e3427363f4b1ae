"""The stages, run by the real `dvc repro` in a clone, on a slice of the real data."""

import json

import pytest
from conftest import Clone


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory, first_run) -> Clone:
    """A clone after its first `dvc repro`, the results committed."""
    made, printed = first_run
    assert ran(printed) == ["download", "prepare", "train@model", "evaluate", "plot", "augment"]
    clone = made.copy(tmp_path_factory.mktemp("pipeline") / "a clone")
    clone.commit("Test")
    return clone


def ran(printed: str) -> list[str]:
    """The stages that DVC says it ran, in order; `augment`, on which no other depends, may come at any time and stands last."""
    stages = [line.split("'")[1] for line in printed.splitlines() if line.startswith("Running stage ")]
    return sorted(stages, key=lambda stage: stage == "augment")


def test_the_outputs(pipeline):
    scores = json.loads((pipeline.path / "reports/metrics.json").read_text())
    assert list(scores) == ["calibration", "out_of_distribution", "train", "validation", "test"]
    assert scores["calibration"].pop("floor") == 0.005 and 0.05 <= scores.pop("calibration").pop("temperature") <= 20
    detection = scores.pop("out_of_distribution")
    assert detection["threshold"] > 0 and 0 < detection["test_false_alarms"] < 0.2
    for values in scores.values():
        assert 0.1 < values["accuracy"] < 1 and values["loss"] > 0
    assert scores["test"]["accuracy_low"] < scores["test"]["accuracy"] < scores["test"]["accuracy_high"]
    assert len((pipeline.path / "reports/predictions.csv").read_text().splitlines()) == 10_001
    assert (pipeline.path / "reports/history/model.csv").read_text().count("\n") == 3
    for figure in (
        "predictions",
        "mistakes",
        "augmented",
        "learning_curves",
        "confusion_matrix",
        "confused_pairs",
        "reliability",
    ):
        assert (pipeline.path / f"reports/figures/{figure}.png").read_bytes().startswith(b"\x89PNG")


def test_a_second_run_does_nothing(pipeline):
    assert ran(pipeline.dvc("repro")) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("calibrate: true ", "calibrate: false ", ["evaluate", "plot"]),
        ("validation_fraction: 0.1", "validation_fraction: 0.2", ["prepare", "train@model", "evaluate", "plot", "augment"]),
        ("model: {seed: 0}", "model: {seed: 0}\n  second: {seed: 1}", ["train@second", "evaluate", "plot"]),
    ],
)
def test_an_edit_runs_the_right_stages_and_going_back_runs_none(pipeline, old, new, expected):
    before = (pipeline.path / "reports/metrics.json").read_bytes()
    pipeline.edit(old, new)
    assert ran(pipeline.dvc("repro")) == expected
    scores = json.loads((pipeline.path / "reports/metrics.json").read_text())
    assert (scores["calibration"] == {"floor": 0, "temperature": 1}) == ("calibrate" in new)
    assert scores.get("members", {}).keys() == ({"second", "model"} if "second" in new else set())
    pipeline.git("checkout", ".")
    pipeline.dvc("checkout")
    assert ran(pipeline.dvc("repro")) == []
    assert (pipeline.path / "reports/metrics.json").read_bytes() == before
    assert [path.name for path in (pipeline.path / "models").glob("*.keras")] == ["model.keras"]


@pytest.mark.slow
def test_verify_reproduces_the_commit_to_the_byte_in_a_folder_of_another_repository(pipeline, tmp_path):
    folder = pipeline.as_folder(tmp_path)
    done = folder.run("python", "tools/verify.py")
    assert done.returncode == 0 and "Identical: dvc.lock" in done.stdout, done.stdout + done.stderr
    folder.edit("epochs: 2 ", "epochs: 3 ")
    done = folder.run("python", "tools/verify.py")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: uncommitted changes: only a commit") and done.stderr.count("\n") == 1


def test_the_summary(pipeline):
    done = pipeline.run("python", "tools/summary.py")
    assert done.returncode == 0 and "Accuracy   training " in done.stdout and "reports/figures/" in done.stdout


def test_what_users_type(pipeline):
    assert "test.accuracy" in pipeline.dvc("metrics", "show")
    assert "train.epochs" in pipeline.dvc("params", "diff", "HEAD~1")
    assert "test.accuracy" in pipeline.dvc("metrics", "diff", "HEAD~1")
    assert "file://" in pipeline.dvc("plots", "show")
    html = (pipeline.path / "dvc_plots/index.html").read_text()
    assert "Learning curves of model" in html and "confusion_matrix.png" in html
