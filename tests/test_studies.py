"""The studies, run for real on the tests' small recipe."""

import csv
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

import prepare
from fashion import params
from fashion.errors import ParameterError


def load(study: str, name: str) -> ModuleType:
    """Import a study's script as running it would."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "studies" / study))
        spec = importlib.util.spec_from_file_location(f"{study}_{name}", ROOT / f"studies/{study}/{name}.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


@given(
    labels=st.lists(st.integers(0, 9), min_size=1, max_size=300),
    folds=st.integers(2, 12),
    seed=st.integers(0, 2**31 - 1),
)
def test_every_image_is_in_one_fold_and_classes_are_spread_evenly(labels, folds, seed):
    assign = load("cross_validation", "folds").assign
    assigned = assign(np.array(labels), folds, seed)
    assert set(assigned) <= set(range(1, folds + 1))
    np.testing.assert_array_equal(assigned, assign(np.array(labels), folds, seed))
    for label in set(labels):
        sizes = np.bincount(assigned[np.array(labels) == label], minlength=folds + 1)[1:]
        assert sizes.sum() == labels.count(label)
        assert np.ptp(sizes) <= 1


@pytest.fixture(scope="module")
def study_clone(tmp_path_factory, raw):
    from conftest import Clone

    made = Clone(tmp_path_factory.mktemp("studies") / "clone")
    made.use_raw(raw)
    made.edit("epochs: 2 ", "epochs: 1 ")
    made.edit("filters: [16, 32, 32]", "filters: [8, 16, 16]")
    made.dvc("repro", "prepare")
    return made


def test_cross_validation_and_what_it_says_of_labels(study_clone):
    clone = study_clone
    clone.edit("folds: [1, 2, 3, 4, 5]", "folds: [1, 2]", "studies/cross_validation/params.yaml")
    first = clone.dvc("repro", "studies/cross_validation/dvc.yaml")
    assert first.count("Running stage") == 3
    assert re.search(r"Of the 60,000 images, .*, [\d,]+ are right: [789]\d\.\d\d%, 95 % interval", first)
    for fold in ("1", "2"):
        with np.load(clone.path / f"studies/cross_validation/out_of_fold/{fold}.npz", allow_pickle=False) as predicted:
            probabilities = predicted["probabilities"]
        assert probabilities.shape == (30_000, 10)
        np.testing.assert_allclose(probabilities.astype(float).sum(axis=1), 1, atol=5e-3)
    assert "Running stage" not in clone.dvc("repro", "studies/cross_validation/dvc.yaml")

    said = clone.dvc("repro", "studies/labels/dvc.yaml")
    assert re.search(r"[\d,]+ of 60,000 labels \(\d+\.\d%\) are suspected to be wrong", said)
    done = clone.run(".venv/bin/python", "studies/labels/correct.py", "100", "--relabel")
    assert done.returncode == 0, done.stderr
    with (clone.path / "corrections/suspects.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 100 and all(row["label"] != row["becomes"] for row in rows)
    clone.edit("exclude: corrections/none.csv", "exclude: corrections/suspects.csv")
    assert "900 training" in clone.dvc("repro", "prepare")
    clone.edit("exclude: corrections/suspects.csv", "exclude: corrections/none.csv")
    done = clone.run(".venv/bin/python", "studies/labels/correct.py", "99999")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "99999 is not from 1 to" in done.stderr


def test_folds_that_would_flatter_are_refused(study_clone):
    study_clone.edit("patience: 0 ", "patience: 1 ")
    done = study_clone.run(".venv/bin/python", "studies/cross_validation/fold.py", "1")
    study_clone.edit("patience: 1 ", "patience: 0 ")
    assert done.returncode == 2
    assert done.stderr.startswith("error: train.patience and train.schedule: plateau look at the images held out")


def test_tuning_goes_on_and_prunes_and_names_the_best(study_clone):
    import optuna

    clone = study_clone
    space = clone.path / "studies/tuning/space.yaml"
    space.write_text(
        "train.learning_rate: {low: 0.001, high: 0.1, log: true}\ntrain.batch_size: [50, 100]\ntrain.epochs: {low: 1, high: 2}\n"
    )
    clone.edit("UNPRUNED_TRIALS, UNPRUNED_EPOCHS = 5, 2", "UNPRUNED_TRIALS, UNPRUNED_EPOCHS = 3, 0", "studies/tuning/tune.py")
    first = clone.run(".venv/bin/python", "studies/tuning/tune.py", "--trials", "1")
    assert (first.returncode, first.stderr) == (0, "")
    assert "1 trials, 0 of them pruned" in first.stdout
    # Two good ones, then one that learns next to nothing.
    storage = f"sqlite:///{clone.path}/studies/tuning/trials.db"
    [summary] = optuna.get_all_study_summaries(storage)
    study = optuna.load_study(study_name=summary.study_name, storage=storage)
    for rate in (0.03, 0.05, 0.001):
        study.enqueue_trial({"train.learning_rate": rate, "train.batch_size": 50, "train.epochs": 2})
    again = clone.run(".venv/bin/python", "studies/tuning/tune.py", "--trials", "4")
    assert "going on after 1 trials" in again.stdout and "4 trials, 1 of them pruned" in again.stdout, again.stdout
    best = re.search(
        r"dvc exp run -S train\.learning_rate=([\d.e-]+) -S train\.batch_size=(50|100) -S train\.epochs=([12])$",
        again.stdout,
        re.M,
    )
    with (clone.path / "studies/tuning/trials.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["trial"] for row in rows] == ["0", "1", "2", "3"]
    assert [row["state"] for row in rows] == ["complete", "complete", "complete", "pruned"]
    assert rows[3]["epochs"] == "1"
    top = max(rows, key=lambda row: float(row["validation_accuracy"]))
    assert (best[2], best[3]) == (top["train.batch_size"], top["train.epochs"])
    # Processes that share the trials, and end at the same time.
    command = [".venv/bin/python", "studies/tuning/tune.py", "--trials", "4"]
    together = [
        subprocess.Popen(command, cwd=clone.path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [process.communicate()[1] for process in together] == [""] * 3

    for text, message in (
        ("train.epohcs: [1, 2]\n", "train.epohcs: unknown key"),
        ("train.epochs: [0, 2]\n", "train.epochs: should be greater than or equal to 1"),
        ("train.schedule: [cosine, cosnie]\n", "train.schedule: should be"),
        ("train.epochs: 2026-99-99\n", "not valid YAML"),
        ("train.optimizer: [adam, muon]\n", "train: weight_decay: "),
        ("train.learning_rate: {low: 0.0, high: 0.1, log: true}\n", "low 0.0 has to be below high 0.1, and above 0 if log"),
        ("evaluate.calibration_bins: [2, 20]\n", "evaluate.calibration_bins: no part of a training"),
        ("- train\n", "space.yaml: "),
        ("{}\n", "space.yaml: "),
    ):
        space.write_text(text)
        done = clone.run(".venv/bin/python", "studies/tuning/tune.py")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert message in done.stderr
    space.write_text("train.epochs: [1, 2]\n")
    done = clone.run(".venv/bin/python", "studies/tuning/tune.py", "--storage", "postgresql+psycopg://HOST:PORT/NAME")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
    assert "postgresql+psycopg://HOST:PORT/NAME: cannot be used as storage (" in done.stderr
    clone.edit("first: {seed: 0", "first: {train: {epochs: 1}, seed: 0")
    done = clone.run(".venv/bin/python", "studies/tuning/tune.py")
    assert "train.epochs: ensemble.first in params.yaml has a value of its own" in done.stderr


def test_values_that_do_not_go_together_are_a_pruned_trial(study_clone, tmp_path):
    import optuna

    (study_clone.path / "studies/tuning/space.yaml").write_text("train.optimizer: [muon, adam]\n")
    storage = f"sqlite:///{tmp_path}/trials.db"
    command = [".venv/bin/python", "studies/tuning/tune.py", "--storage", storage, "--trials"]
    first = study_clone.run(*command, "1")
    assert (first.returncode, first.stderr) == (0, "")
    [summary] = optuna.get_all_study_summaries(storage)
    optuna.load_study(study_name=summary.study_name, storage=storage).enqueue_trial({"train.optimizer": "adam"})
    again = study_clone.run(*command, "2")
    assert (again.returncode, again.stderr) == (0, "")
    assert "trial 1: train.optimizer adam\nstudies/tuning/space.yaml: train: weight_decay: " in again.stdout, again.stdout
    assert (study_clone.path / "studies/tuning/trials.csv").read_text().splitlines()[2] == "1,pruned,0,0,adam"


ROWS = sorted(path.stem for path in (ROOT / "studies/improvements/rows").glob("*.yaml"))


@pytest.mark.parametrize("name", ROWS)
def test_a_row_changes_the_seeds_recipe_and_has_a_title(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    rows = load("improvements", "rows")
    row = rows.read(name)
    assert (row.params == rows.read("seed").params) == (name == "seed")
    assert row.title and row.group


def test_every_row_is_measured_and_timed():
    stages = YAML(typ="safe").load(ROOT / "studies/improvements/dvc.yaml")["stages"]
    # The row of corrected labels depends on a table of them, and so has stages of its own.
    assert {"corrected", "corrected_cost"} < stages.keys()
    for stage in ("row", "cost"):
        assert sorted([*stages[stage]["matrix"]["row"], "exclude"]) == ROWS


def test_wrong_rows_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    rows = load("improvements", "rows")
    with pytest.raises(ParameterError, match="rows/none.yaml: not found"):
        rows.read("none")
    monkeypatch.setattr(rows, "HERE", tmp_path)
    (tmp_path / "rows").mkdir()
    for text, message in (
        ("title: x\n", "not a row with title and changes"),
        ("[", "not valid YAML"),
        ("title: 2026-99-99", "not valid YAML"),
        ("title: x\nchanges: {train: {epochs: 0}}\n", "train.epochs: should be greater"),
    ):
        (tmp_path / "rows/wrong.yaml").write_text(text)
        with pytest.raises(ParameterError, match=message):
            rows.read("wrong")


def test_a_row_is_trained_as_an_ensemble_and_timed(tmp_path, raw, monkeypatch):
    """Three small networks: each run has networks of its own, and the parameters of all are counted."""
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    Path("data/raw").symlink_to(raw)
    Path("corrections").symlink_to(ROOT / "corrections")
    monkeypatch.syspath_prepend(str(ROOT / "studies/improvements"))
    for name in ("rows", "measure", "cost"):
        sys.modules.pop(name, None)
    import cost
    import measure
    import rows

    monkeypatch.setattr(rows, "HERE", tmp_path)
    monkeypatch.setattr(rows, "RECIPE", ROOT / "tests/params.yaml")
    Path("rows").mkdir()
    Path("rows/seed.yaml").write_text("# 0\ntitle: as it is\nchanges: {}\n")
    Path("rows/three.yaml").write_text("# 5\ntitle: three\nchanges: {ensemble: {second: {seed: 1}, third: {seed: 2}}}\n")
    for row in ("seed", "three"):
        for seed in ("0", "1"):
            measure.main(*measure.read(row, seed), row, seed)
        cost.main(rows.read(row).params, rows.read("seed").params, row)
    scores = {path.stem: json.loads(path.read_text())["test"]["accuracy"] for path in Path("results").iterdir()}
    assert set(scores) == {"seed-0", "seed-1", "three-0", "three-1"}
    assert len(set(scores.values())) == 4
    assert scores["three-0"] > scores["seed-0"] - 0.02
    costs = {path.stem: json.loads(path.read_text()) for path in Path("costs").iterdir()}
    assert costs["three"]["parameters"] == 3 * costs["seed"]["parameters"] == 3 * 33_194
    assert costs["three"]["ratio"] > 0
    with pytest.raises(ParameterError, match="the seed is 'x', not a whole number"):
        measure.read("seed", "x")


def test_every_ensemble_of_the_measured_networks_is_scored(tmp_path, raw, monkeypatch):
    """Three networks, each wrong about another tenth of the images: two of them are always right together."""
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    Path("data/raw").symlink_to(raw)
    Path("corrections").symlink_to(ROOT / "corrections")
    for name in ("probabilities", "results"):
        Path("studies/seeds", name).mkdir(parents=True)
    ensemble = load("seeds", "ensemble")
    split = params.load(ROOT / "recipes/ensemble.yaml").prepare
    _, validation = prepare.split(prepare.read_raw("train", 60_000), split)
    sets = {"validation": validation.labels, "test": prepare.read_raw("t10k", 10_000).labels}
    for seed in range(3):
        probabilities = {}
        for name, labels in sets.items():
            wrong = np.arange(len(labels)) % 10 == seed
            right = np.where(wrong, 0.4, 0.9)[:, None] * np.eye(10)[labels]
            probabilities[name] = right + np.where(wrong, 0.6, 0.1)[:, None] * np.eye(10)[(labels + 1) % 10]
        np.savez(f"studies/seeds/probabilities/accurate-{seed}.npz", **probabilities)
    ensemble.main(split, [0, 2])
    assert json.loads(Path("studies/seeds/results/ensemble.json").read_text())["test"]["accuracy"] == 1
    assert Path("studies/seeds/ensembles.md").read_text().splitlines()[2:] == [
        "| 1 | 3 | 90.00 % | 90.00 % |",
        "| 2 | 3 | 100.00 % | 100.00 % |",
        "| 3 | 1 | 100.00 % | 100.00 % |",
    ]
    with pytest.raises(ParameterError, match="no network of seed 7 is measured"):
        ensemble.main(split, [0, 7])


def test_the_interval_of_a_difference_is_welchs():
    """Against values that scipy.stats.ttest_ind(..., equal_var=False) gives."""
    table = load("improvements", "table")
    change, half = table.difference([92.0, 92.2, 92.4, 92.2], [91.0, 91.4, 91.2, 91.0])
    assert change == pytest.approx(1.05)
    # 5.86 degrees of freedom are rounded down to 5: a slightly wider interval than scipy's 0.31.
    assert 0.30 < half < 0.34
