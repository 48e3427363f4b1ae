"""The seeds study: what is computed from the recipes' results."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import small_project
from conftest import ROOT

from fashion import params
from fashion.data import release
from fashion.data.split import split
from fashion.scoring.calibration import calibrate, fit_calibration
from fashion.scoring.metrics import score

ENSEMBLE, TABLE = "studies/seeds/ensemble.py", "studies/seeds/table.py"


@pytest.fixture
def project(tmp_path, raw, monkeypatch):
    """With an ensemble of the seeds 0 and 2, and three networks, each wrong about another tenth of the images."""
    small_project.make(tmp_path, raw)
    monkeypatch.chdir(tmp_path)
    recipe = Path("recipes/ensemble.yaml")
    recipe.write_text(recipe.read_text().replace("  model: {seed: 0}", "  model: {seed: 0}\n  second: {seed: 2}"))
    _, validation = split(release.read_training_set(), params.load(recipe).prepare)
    probabilities = {}
    for name, labels in {"validation": validation.labels, "test": release.read_test_set().labels}.items():
        wrong = np.arange(len(labels)) % 10 == np.arange(3)[:, None]
        of_label = np.where(wrong, 0.4, 0.9)[..., None]
        probabilities[name] = of_label * np.eye(10)[labels] + (1 - of_label) * np.eye(10)[(labels + 1) % 10]
    Path("studies/seeds/probabilities").mkdir(parents=True)
    np.savez("studies/seeds/probabilities/accurate.npz", **probabilities)
    return tmp_path


def test_every_ensemble_of_the_measured_networks_is_scored(project):
    """Two of the networks are always right together."""
    small_project.run(project, ENSEMBLE)
    found = json.loads(Path("studies/seeds/results/ensemble.json").read_text())
    assert list(found["seeds"]) == ["0"]
    assert found["seeds"]["0"]["test"]["accuracy"] == 1
    rows = [[cell.strip() for cell in line.split("|")] for line in Path("studies/seeds/ensembles.md").read_text().splitlines()]
    assert [row[1:-1] for row in rows[2:]] == [
        ["1", "3", "90.00 %", "90.00 %"],
        ["2", "3", "100.00 %", "100.00 %"],
        ["3", "1", "100.00 %", "100.00 %"],
    ]


def test_an_ensemble_is_calibrated_once_it_is_averaged(project):
    read = params.load(Path("recipes/ensemble.yaml"))
    assert read.evaluate.calibrate
    small_project.run(project, ENSEMBLE)
    scores = json.loads(Path("studies/seeds/results/ensemble.json").read_text())["seeds"]["0"]
    _, validation = split(release.read_training_set(), read.prepare)
    with np.load("studies/seeds/probabilities/accurate.npz") as kept:
        means = {name: kept[name][[0, 2]].mean(axis=0) for name in kept}
    calibration = fit_calibration(validation.labels, means["validation"], read.ensemble["model"].train.label_smoothing)
    for name, data in {"validation": validation, "test": release.read_test_set()}.items():
        assert scores[name]["loss"] == score(data, calibrate(means[name], calibration))["loss"]
        assert scores[name]["loss"] < score(data, means[name])["loss"]


@pytest.mark.parametrize(
    ("recipe", "old", "new", "message"),
    [
        ("ensemble", "{seed: 2}", "{seed: 7}", "recipes/ensemble.yaml: no network of seed 7 is measured; .* below 3"),
        ("ensemble", "tta: flip", "tta: none", "ensemble.yaml: differs from recipes/accurate.yaml in more than the"),
        ("accurate", "epochs: 2 ", "epochs: 3 ", "ensemble.yaml: differs from recipes/accurate.yaml in more than the seeds"),
    ],
)
def test_an_ensemble_of_other_networks_is_refused(project, capfd, recipe, old, new, message):
    path = Path(f"recipes/{recipe}.yaml")
    assert path.read_text().count(old) == 1
    path.write_text(path.read_text().replace(old, new))
    code, error = small_project.refused(project, capfd, ENSEMBLE)
    assert code == 2
    assert re.search(message, error), error


def test_the_table_has_the_mean_and_the_std_over_the_seeds(tmp_path):
    shutil.copytree(ROOT / "studies/seeds/results", tmp_path / "studies/seeds/results")
    fast = {
        str(seed): {"train": {"accuracy": 1}, "validation": {"accuracy": 0.8}, "test": {"accuracy": accuracy}}
        for seed, accuracy in enumerate((0.9, 0.92))
    }
    (tmp_path / "studies/seeds/results/fast.json").write_text(json.dumps({"seeds": fast}))
    small_project.run(tmp_path, TABLE)
    lines = (tmp_path / "studies/seeds/table.md").read_text().splitlines()
    (row,) = [line for line in lines if line.startswith("| `fast`")]
    assert [cell.strip() for cell in row.split("|")[1:-1]] == [
        "`fast`: the script's layers, two epochs",
        "",
        "100.00 ± 0.00 %",
        "80.00 ± 0.00 %",
        "91.00 ± 1.41 %",
        "2",
    ]


def test_the_committed_table_is_of_the_committed_results(tmp_path):
    shutil.copytree(ROOT / "studies/seeds/results", tmp_path / "studies/seeds/results")
    small_project.run(tmp_path, TABLE)
    assert (tmp_path / "studies/seeds/table.md").read_bytes() == (ROOT / "studies/seeds/table.md").read_bytes()
