"""studies/measure.py: what it trains, how it resumes, and what it refuses."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
import small_project
from conftest import ROOT

from fashion import params
from fashion.data import release
from fashion.data.images import Images
from fashion.scoring.metrics import accuracy

MEASURE = "studies/measure.py"
BASELINE = "studies/improvements/results/baseline.json"


@pytest.fixture(scope="module", autouse=True)
def small_test_set():
    """All is scored on the first test images alone."""
    read = release.read_test_set
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(release, "read_test_set", lambda: Images(*(array[:1000] for array in read())))
        yield


@pytest.fixture(scope="module")
def measured(tmp_path_factory, raw, small_test_set) -> Path:
    """A project in which both rows of the improvements study have been measured."""
    directory = tmp_path_factory.mktemp("measured")
    small_project.make(directory, raw)
    for row in ("baseline", "two"):
        small_project.run(directory, MEASURE, "improvements", row)
    return directory


@pytest.fixture
def project(tmp_path, raw):
    small_project.make(tmp_path, raw)
    return tmp_path


def read(path: Path) -> dict:
    return json.loads(path.read_text())


def test_the_runs_of_a_row_are_of_different_networks(measured):
    found = {row: read(measured / f"studies/improvements/results/{row}.json")["seeds"] for row in ("baseline", "two")}
    for seeds in found.values():
        assert list(seeds) == ["0", "1"]
        assert all(list(scores) == ["train", "validation", "test"] for scores in seeds.values())
    tests = [scores["test"] for seeds in found.values() for scores in seeds.values()]
    assert len({scores["loss"] for scores in tests}) == 4
    # Two networks are not worse than one, and the first of them is the baseline's.
    assert tests[2]["accuracy"] > tests[0]["accuracy"] - 0.05
    assert not list((measured / ".resume").iterdir())


def test_an_interrupted_row_trains_no_finished_epoch_again(project, measured, monkeypatch, capfd):
    """Two runs of two epochs, stopped in the last epoch, then completed: the result is that of an undisturbed measurement."""
    from fashion.training.fit import Training

    train_epoch, trained = Training.train_epoch, []

    def stop_in_the_fourth(training: Training, ctrl_c) -> None:
        if len(trained) == 3:
            raise KeyboardInterrupt
        note(training, ctrl_c)

    def note(training: Training, ctrl_c) -> None:
        trained.append((training.params.seed, len(training.history) + 1))
        train_epoch(training, ctrl_c)

    monkeypatch.setattr(Training, "train_epoch", stop_in_the_fourth)
    code, message = small_project.refused(project, capfd, MEASURE, "improvements", "baseline")
    assert (code, message) == (130, "error: interrupted; run it again to resume\n")
    assert trained == [(0, 1), (0, 2), (1000, 1)]
    assert not (project / BASELINE).exists()

    trained.clear()
    monkeypatch.setattr(Training, "train_epoch", note)
    small_project.run(project, MEASURE, "improvements", "baseline")
    assert trained == [(1000, 2)]
    assert not list((project / ".resume").iterdir())

    assert (project / BASELINE).read_bytes() == (measured / BASELINE).read_bytes()


def test_a_recipe_is_scored_with_each_seed_and_the_probabilities_of_one_are_kept(project, monkeypatch):
    monkeypatch.chdir(project)
    program = runpy.run_path(str(ROOT / MEASURE))
    monkeypatch.setitem(program["main"].__globals__, "SEEDS", 2)
    program["main"](program["read_plan"](params.load(), "seeds", "accurate"), "seeds", "accurate")
    seeds = read(project / "studies/seeds/results/accurate.json")["seeds"]
    assert list(seeds) == ["0", "1"]
    assert all(list(scores) == ["last_epoch", "train", "validation", "test"] for scores in seeds.values())
    assert len({scores["test"]["loss"] for scores in seeds.values()}) == 2
    with np.load(project / "studies/seeds/probabilities/accurate.npz", allow_pickle=False) as kept:
        probabilities = dict(kept)
    assert {name: (array.shape, array.dtype.name) for name, array in probabilities.items()} == {
        "validation": ((2, 100, 10), "float32"),
        "test": ((2, 1000, 10), "float32"),
    }
    labels = release.read_test_set().labels
    for scores, predicted in zip(seeds.values(), probabilities["test"]):
        assert accuracy(labels, predicted) == scores["test"]["accuracy"]


def test_a_recipe_is_trained_whole_each_time_with_other_seeds_and_params_is_params_yaml(project, monkeypatch):
    monkeypatch.chdir(project)
    plan_recipe = runpy.run_path(str(ROOT / MEASURE))["plan_recipe"]

    def seeds(recipe: str) -> list[list[tuple[str, int]]]:
        plan = plan_recipe(params.load(), recipe)
        assert (plan.division, plan.scoring) == (params.load().prepare, params.load().evaluate)
        return [[(name, member.seed) for name, member in run.items()] for run in plan.runs]

    text = Path("params.yaml").read_text()
    for ensemble, runs in (
        ("first: {seed: 7}", [[("first", run)] for run in range(5)]),
        ("first: {seed: 7}\n  second: {seed: 8}", [[("first", 2 * run), ("second", 2 * run + 1)] for run in range(5)]),
        ("first: {seed: 2}\n  second: {seed: 0}", [[("first", 3 * run + 2), ("second", 3 * run)] for run in range(5)]),
    ):
        Path("params.yaml").write_text(text.replace("model: {seed: 0}", ensemble))
        assert seeds("params") == runs
    assert seeds("baseline") == [[("model", run)] for run in range(5)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("improvments", "baseline"),
            "there is no study 'improvments'; there are improvements, ablation, seeds, cross_validation",
        ),
        (("improvements", "ten"), "studies/improvements/rows.yaml: no row is called 'ten'; there are baseline, two"),
        (("seeds", "../params"), "recipes: no recipe is called '../params'; there are accurate, baseline, ensemble and params"),
        (("cross_validation", "3"), "there is no fold '3'; there are 1, 2"),
        (("cross_validation", "01"), "there is no fold '01'; there are 1, 2"),
    ],
)
def test_what_there_is_not_is_refused_in_one_line(project, capfd, words, message):
    assert small_project.refused(project, capfd, MEASURE, *words) == (2, f"error: {message}\n")


@pytest.mark.parametrize(("old", "new"), [("patience: 0 ", "patience: 1 "), ("schedule: cosine ", "schedule: plateau ")])
def test_folds_that_would_flatter_are_refused(project, capfd, old, new):
    text = (project / "params.yaml").read_text()
    assert text.count(old) == 1
    (project / "params.yaml").write_text(text.replace(old, new))
    code, message = small_project.refused(project, capfd, MEASURE, "cross_validation", "1")
    assert code == 2
    assert message.startswith("error: train.patience and train.schedule: plateau look at the images held out")
