"""The results page and the model card: what they say, and what is said of damaged files."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fashion import params, paths
from fashion.params import MemberParams, Params, PrepareParams
from fashion.pipeline.errors import UserError
from fashion.pipeline.files import read_results, sha256
from fashion.reporting import content, render
from fashion.scoring.prediction_table import Predictions

READ = ("dvc.lock", "params.yaml", "reports", "studies/labels", "studies/out_of_distribution", "studies/seeds/results")


@pytest.fixture
def results(root, tmp_path, monkeypatch):
    """A directory with a copy of the committed results, in which the test runs."""
    for name in READ:
        copy = shutil.copytree if (root / name).is_dir() else shutil.copy
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        copy(root / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def recipe(root) -> Params:
    """The tests' recipe."""
    return params.load(root / "tests/params.yaml")


@pytest.fixture
def member(recipe) -> MemberParams:
    """Its only member."""
    return recipe.ensemble["model"]


def make_pages(recipe: Params, members: dict[str, MemberParams], data: PrepareParams | None = None) -> tuple[str, str]:
    """Write the page and the card, and return their texts."""
    render.write_pages(content.collect(members, data or recipe.prepare, recipe.plot))
    return paths.PAGE.read_text(encoding="utf-8"), paths.MODEL_CARD.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ("After 3 epochs, it", "92.0", "on the training images was 97.0", "5.0 points")),
        ({"patience": 1}, ("After 2 epochs, it", "93.0", "on the training images was 95.0", "2.0 points")),
        ({"data_pruning": 0.4}, ("After 3 epochs, it", "on the hardest 60\u00a0% of the training images was 97.0")),
        ({"data_pruning": 0.4, "patience": 1}, ("After 2 epochs, it", "on the training images was 95.0")),
    ],
)
def test_the_curves_are_described_by_the_weights_that_were_kept(changes, said, recipe):
    history = {
        "epoch": np.array([1, 2, 3]),
        "train_accuracy": np.array([0.90, 0.95, 0.97]),
        "validation_accuracy": np.array([0.91, 0.93, 0.92]),
    }
    text = content.describe_learning(history, recipe.train.model_copy(update=changes), "it")
    assert [words for words in said if words not in text] == []


def test_the_confusion_is_described_by_the_most_frequent_pairs():
    labels, predicted = np.array([6, 6, 6, 0, 1, 1]), np.array([0, 0, 6, 6, 1, 1])
    shown = content.confusion(Predictions(labels, predicted, np.ones(6)))
    assert shown["summary"] == (
        "3 of 6 test images are misclassified. "
        "Most often: Shirt predicted as T-shirt/top (2), T-shirt/top predicted as Shirt (1)."
    )
    name, cells = shown["rows"][6]
    assert name == "Shirt"
    assert cells[0] == {"count": 2, "fraction": pytest.approx(2 / 3)}
    assert content.confusion(Predictions(labels, labels, np.ones(6)))["summary"] == "0 of 6 test images are misclassified."


def test_the_card_names_every_kind_of_network_and_the_number_of_images(results, recipe, member):
    resnet = member.model_copy(update={"model": member.model.model_copy(update={"name": "resnet"})})
    data = recipe.prepare.model_copy(update={"images": 1000, "corrections": "data/corrections/mine.csv"})
    _, card = make_pages(recipe, {"model": member, "second": resnet}, data)
    assert "An ensemble of 2 networks (model, second) of the kinds `cnn`, `resnet` whose averaged probabilities sort a" in card
    assert "the network 'model' has an accuracy of" in card
    assert "On 1,000 images of Fashion-MNIST" in card
    assert "with the training labels corrected by `data/corrections/mine.csv`" in card
    _, card = make_pages(recipe, {"model": member})
    assert "A network of the kind `cnn` that sorts a 28x28 grey image" in card
    assert "After" in card and "the network has an accuracy of" in card
    assert "corrected by" not in card


def test_the_page_lists_the_mistakes_that_the_figure_shows(results, recipe, member):
    page, _ = make_pages(recipe, {"model": member})
    assert page.count("<li>Test image ") == recipe.plot.predictions
    assert f"Most confident mistakes: {recipe.plot.predictions} test images" in page


def test_the_environment_is_that_of_the_results(results, recipe, member):
    record = {"dvc.lock": sha256(Path("dvc.lock")), "machine": {"cpu": "an abacus"}}
    (results / "reports/machine.json").write_text(json.dumps(record))
    assert "an abacus" in make_pages(recipe, {"model": member})[0]
    with (results / "dvc.lock").open("a") as lock:
        lock.write("# other results\n")
    page, _ = make_pages(recipe, {"model": member})
    assert "an abacus" not in page and "not recorded; `make verify` records it" in page


def test_the_accuracy_over_seeds_is_shown_only_of_this_recipe(results, recipe, member):
    test = read_results(paths.METRICS, lambda scores: scores["test"])
    accuracies = [test["accuracy"], test["accuracy"] - 0.002]
    study = {"seeds": {str(seed): {"test": test | {"accuracy": accuracy}} for seed, accuracy in enumerate(accuracies)}}
    (results / "studies/seeds/results/params.json").write_text(json.dumps(study))
    mean, std = 100 * test["accuracy"] - 0.1, 0.2 / 2**0.5
    assert content.scores_over_seeds(test) == {"count": 2, "mean": pytest.approx(mean), "std": pytest.approx(std)}
    page, card = make_pages(recipe, {"model": member})
    assert f"Over 2 seeds, it is {mean:.2f} ± {std:.2f}\u00a0% (mean ± std)" in page.replace("&nbsp;", "\u00a0")
    assert f"| test, over 2 seeds | 10,000 | {mean:.2f} ± {std:.2f} % (mean ± std) |" in card
    assert content.scores_over_seeds(test | {"loss": test["loss"] + 0.001}) is None
    (results / "studies/seeds/results/params.json").write_text(json.dumps({"seeds": {"0": {"test": test}}}))
    assert content.scores_over_seeds(test) is None


DAMAGED = [
    ("reports/machine.json", "<<<<<<< HEAD\n"),
    ("reports/machine.json", "[]"),
    ("reports/metrics.json", "<<<<<<< HEAD\n"),
    ("reports/metrics.json", '{"test": {}}'),
    ("reports/classes.csv", "<<<<<<< HEAD\n"),
    ("reports/classes.csv", "class,precision,recall,f1\nCoat,0.9,0.9,high\n"),
    ("reports/history/model.csv", "<<<<<<< HEAD\n"),
    ("reports/predictions.csv", "<<<<<<< HEAD\n"),
    ("reports/improvements.csv", "change,seeds\nx,3\n"),
    ("studies/labels/audit.csv", "<<<<<<< HEAD\n"),
    ("studies/seeds/results/params.json", "{}"),
    ("studies/seeds/results/params.json", '{"seeds": []}'),
]


@pytest.mark.parametrize(("name", "text"), DAMAGED)
def test_a_damaged_file_is_named_and_the_page_stays(name, text, results, recipe, member):
    before = paths.PAGE.read_bytes()
    (results / name).write_text(text)
    with pytest.raises(UserError, match=f"^{name}: damaged.*restores it") as raised:
        make_pages(recipe, {"model": member})
    assert "\n" not in str(raised.value)
    assert paths.PAGE.read_bytes() == before


@pytest.mark.parametrize("name", ["reports/figures/mistakes.png", "studies/labels/gallery.png", "reports/metrics.json"])
def test_a_missing_file_is_named_in_one_line(name, root, results):
    before = paths.PAGE.read_bytes()
    (results / name).unlink()
    done = subprocess.run([sys.executable, root / "src/report.py"], cwd=results, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {name}: No such file or directory") and done.stderr.count("\n") == 1
    assert paths.PAGE.read_bytes() == before


def test_the_stage_writes_the_page_and_the_card(root, results):
    for path in (paths.PAGE, paths.MODEL_CARD):
        path.unlink()
    done = subprocess.run([sys.executable, root / "src/report.py"], cwd=results, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "-> reports/index.html, reports/model_card.md: open the first in a browser\n"
    for path in (paths.PAGE, paths.MODEL_CARD):
        assert "{{" not in path.read_text(encoding="utf-8") and "None" not in path.read_text(encoding="utf-8")
