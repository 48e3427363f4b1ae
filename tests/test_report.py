"""The results page and the model card: what they say in words, and of damaged files."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

import report
from fashion import params
from fashion.errors import UserError
from fashion.files import sha256

RECIPE = params.load(ROOT / "tests/params.yaml")
READS = ("dvc.lock", "params.yaml", "reports", "studies/labels", "studies/seeds/results")


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A directory with a copy of the committed results."""
    for name in READS:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        copy(ROOT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ("After 3 epochs it", "92.0", "97.0\u00a0% of the training images", "5.0 points")),
        ({"patience": 1}, ("After 2 epochs it", "93.0", "95.0\u00a0% of the training images", "2.0 points")),
        ({"data_pruning": 0.4}, ("After 3 epochs it", "97.0\u00a0% of the hardest 60\u00a0% of the training images")),
    ],
)
def test_the_curves_are_described_by_the_weights_that_were_kept(changes, said):
    history = {
        "epoch": np.array([1, 2, 3]),
        "train_accuracy": np.array([0.90, 0.95, 0.97]),
        "validation_accuracy": np.array([0.91, 0.93, 0.92]),
    }
    text = report.describe_learning(history, RECIPE.train.model_copy(update=changes), "it")
    assert [word for word in said if word not in text] == []


def test_the_card_names_every_kind_of_network_and_the_number_of_images(results):
    first = RECIPE.ensemble["first"]
    second = first.model_copy(update={"model": first.model.model_copy(update={"name": "resnet"})})
    data = RECIPE.prepare.model_copy(update={"images": 1000, "exclude": "corrections/mine.csv"})
    report.main({"first": first, "second": second}, data)
    card = (results / "reports/model_card.md").read_text(encoding="utf-8")
    assert "2 networks (first, second) of the kinds `cnn`, `resnet`" in card
    assert "On 1,000 images of Fashion-MNIST" in card
    assert "with the training labels corrected by `corrections/mine.csv`" in card


def test_the_environment_is_that_of_the_results(results):
    first = RECIPE.ensemble["first"]
    (results / "reports/machine.json").write_text(
        json.dumps({"dvc.lock": sha256(Path("dvc.lock")), "machine": {"cpu": "an abacus"}})
    )
    report.main({"first": first}, RECIPE.prepare)
    assert "an abacus" in (results / "reports/index.html").read_text(encoding="utf-8")
    with (results / "dvc.lock").open("a") as lock:
        lock.write("# other results\n")
    report.main({"first": first}, RECIPE.prepare)
    page = (results / "reports/index.html").read_text(encoding="utf-8")
    assert "an abacus" not in page and "not recorded; `make verify` does" in page


def test_the_card_gives_the_accuracy_over_seeds_only_of_this_recipe(results):
    scores = json.loads((results / "reports/metrics.json").read_text())["test"]
    for seed, accuracy in enumerate([scores["accuracy"], scores["accuracy"] - 0.002]):
        found = {"test": {"accuracy": accuracy, "loss": scores["loss"]}}
        (results / f"studies/seeds/results/shipped-{seed}.json").write_text(json.dumps(found))
    for path in sorted((results / "studies/seeds/results").glob("shipped-[2-9].json")):
        path.unlink()
    over = report.over_seeds(scores)
    assert over == {"count": 2, "mean": pytest.approx(100 * scores["accuracy"] - 0.1), "deviation": pytest.approx(0.2 / 2**0.5)}
    assert report.over_seeds(scores | {"loss": scores["loss"] + 0.001}) is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("reports/machine.json", "<<<<<<< HEAD\n"),
        ("reports/metrics.json", '{"test": {}}'),
        ("reports/classes.csv", "<<<<<<< HEAD\n"),
        ("reports/improvements.csv", "change,seeds\nx,3\n"),
        ("studies/labels/audit.csv", "<<<<<<< HEAD\n"),
        ("studies/seeds/results/shipped-0.json", "{}"),
    ],
)
def test_a_damaged_file_is_named(name, text, results):
    (results / name).write_text(text)
    with pytest.raises(UserError, match=f"{name}: damaged"):
        report.main({"first": RECIPE.ensemble["first"]}, RECIPE.prepare)
