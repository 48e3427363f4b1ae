"""The results page and the model card: what they say, and what is said of damaged files."""

import csv
import json
import re
import shutil
import statistics
from pathlib import Path

import in_process
import numpy as np
import pytest

from fashion import params, paths
from fashion.data.facts import CLASS_NAMES
from fashion.params import MemberParams, Params, PrepareParams
from fashion.pipeline.errors import UserError
from fashion.pipeline.files import read_results, sha256
from fashion.reporting import content, render
from fashion.scoring.comparison import Difference
from fashion.scoring.prediction_table import Predictions

READ = (
    "dvc.lock",
    "params.yaml",
    "reports",
    "studies/labels",
    "studies/out_of_distribution",
    "studies/seeds/results",
    "studies/seeds/test_labels.md",
    "studies/speed/results.json",
)


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


def write_seeds_of_this_recipe(results: Path) -> dict[str, float]:
    """Make the seeds study one of the recipe that the page is about, with two seeds; return the scores of the first."""
    test = read_results(paths.METRICS, lambda scores: scores["test"])
    accuracies = [test["accuracy"], test["accuracy"] - 0.002]
    study = {"seeds": {str(seed): {"test": test | {"accuracy": accuracy}} for seed, accuracy in enumerate(accuracies)}}
    (results / "studies/seeds/results/params.json").write_text(json.dumps(study))
    return test


def test_the_accuracy_over_seeds_is_shown_only_of_this_recipe(results, recipe, member):
    test = write_seeds_of_this_recipe(results)
    mean, std = 100 * test["accuracy"] - 0.1, 0.2 / 2**0.5
    assert content.scores_over_seeds(test) == {"count": 2, "mean": pytest.approx(mean), "std": pytest.approx(std)}
    speed = json.loads((results / "studies/speed/results.json").read_text())
    page, card = make_pages(recipe, {"model": member})
    assert f"Over 2 seeds, it is {mean:.2f} ± {std:.2f}\u00a0% (mean ± std)" in page.replace("&nbsp;", "\u00a0")
    assert f"It has {speed['work']['params.yaml']['parameters']:,} parameters.<" in page
    assert f"{100 - mean:.2f} ± {std:.2f}\u00a0% wrong" in page
    assert f"| test, over 2 seeds | 10,000 | {mean:.2f} ± {std:.2f} % (mean ± std) |" in card
    assert content.scores_over_seeds(test | {"loss": test["loss"] + 0.001}) is None
    (results / "studies/seeds/results/params.json").write_text(json.dumps({"seeds": {"0": {"test": test}}}))
    assert content.scores_over_seeds(test) is None


def test_the_script_is_shown_beside_a_single_training(results, recipe, member):
    test = read_results(paths.METRICS, lambda scores: scores["test"])
    (results / "studies/seeds/results/params.json").write_text(json.dumps({"seeds": {"0": {"test": test}}}))
    speed = json.loads((results / "studies/speed/results.json").read_text())
    script = [100 * run["accuracy"] for run in speed["runs"]["studies/speed/baseline.py"]]
    page, _ = make_pages(recipe, {"model": member})
    assert f"{100 - 100 * test['accuracy']:.2f}\u00a0% wrong" in page
    wrong = f"{100 - statistics.mean(script):.2f} ± {statistics.stdev(script):.2f}\u00a0% wrong"
    assert wrong in page and f"{len(script)} trainings" in page
    assert page.count('class="std"') == 1 and " parameters.<" not in page


def test_the_bars_are_as_long_as_what_is_wrong(results):
    ours, script = content.compared_with_script({"count": 2, "mean": 99.0, "std": 0.5})
    wrong = 100 - script["mean"]
    assert script["high"] == pytest.approx(100) and script["bar"] == pytest.approx(100 * wrong / (wrong + script["std"]))
    assert [ours[end] / ours["bar"] for end in ("low", "high")] == pytest.approx([0.5, 1.5])
    assert ours["bar"] / script["bar"] == pytest.approx(1 / wrong)


@pytest.mark.parametrize(
    ("which", "said"),
    [
        ("first", "The first 2 test images: 1 right."),
        ("wrong", "The 1 most confident mistakes: 0 right."),
        ("least_confident", "The 2 least confident predictions: 1 right."),
    ],
)
def test_the_figure_of_predictions_is_described_by_what_it_shows(which, said, recipe):
    predictions = Predictions(np.array([0, 1, 2]), np.array([0, 2, 2]), np.array([0.5, 0.6, 0.9]))
    figures = recipe.plot.model_copy(update={"which": which, "predictions": 2})
    assert content.shown_predictions(predictions, figures) == said


def test_sure_and_unsure_predictions_are_counted_apart(results):
    predictions = Predictions(np.array([0, 1, 2, 3]), np.array([0, 1, 3, 3]), np.array([0.9, 0.95, 1.0, 0.3]))
    sure = "Of the 3 predictions with a confidence of at least 90\u00a0%, 66.7\u00a0% are right."
    unsure = "Of the 1 predictions with a confidence below that, 100.0\u00a0% are right."
    assert content.confidence(predictions, 0.01)["summary"] == f"{sure} {unsure}"
    assert content.confidence(predictions._replace(confidence=np.ones(4)), 0.01)["summary"].count("Of the") == 1


def test_the_improvements_are_counted_by_interval_and_by_all_at_once():
    found = [
        (Difference(1.0, 0.5, 1.5, 0.001), "deeper", 0.003),
        (Difference(2.0, 0.1, 3.9, 0.04), "wider", 0.08),
        (Difference(0.1, -0.5, 0.7, 0.9), "flips", 0.9),
        (Difference(0.1, -0.2, 0.4, 0.9), "shifts", 0.9),
        (Difference(3.0, -1.0, 7.0, 0.9), "unsure", 0.9),
    ]
    text = content.describe_improvements(found)
    assert "2 helped, 0 did harm, 1 brought or cost less than 0.5 points, and 2 were not told apart from it." in text
    assert "the difference held for 1." in text and "wider, +2.00 (+0.10 to +3.90)" in text
    assert "largest gain" not in content.describe_improvements(found[2:])


def test_the_sections_of_the_page(results, recipe, member):
    page, _ = make_pages(recipe, {"model": member})
    sections = ["what", "accuracy", "confidence", "errors", "improvements", "limits", "learning", "origin"]
    assert re.findall(r'<h2 id="(\w+)">', page) == sections
    assert re.findall(r'<a href="#(\w+)">', page) == sections
    assert re.findall(r"<h([1-6])", page)[:2] == ["1", "2"]
    # The picture of the improvements comes before their table, which is folded.
    assert page.index("Dots and bars") < page.index("<summary>All changes as a table</summary>")
    rows = list(csv.DictReader(paths.IMPROVEMENTS.open()))
    assert all(f"<td>{float(row['validation_p_holm']):.2g}</td>" in page for row in rows[1:])
    cells = set(re.findall(r"<t[dh][^>]*>([^<]*)</t[dh]>", page))
    for name in ("seeds/test_labels", "labels/duplicates"):
        lines = (results / f"studies/{name}.md").read_text().splitlines()
        shown = {cell.strip().replace("`", "") for line in lines if line.startswith("| ") for cell in line[1:-1].split("|")}
        assert len(shown) > 8 and shown <= cells


def test_a_page_on_own_data_has_nothing_of_fashion_mnist(results, recipe, member):
    names = {name: f"{name} of ours" for name in CLASS_NAMES}
    for path in (paths.PREDICTIONS, paths.CLASSES):
        text = path.read_text()
        for name, own in names.items():
            text = text.replace(name, own)
        path.write_text(text)
    page, card = make_pages(recipe, {"model": member})
    assert re.findall(r'<h2 id="(\w+)">', page) == ["what", "accuracy", "confidence", "errors", "learning", "origin"]
    assert "Coat of ours" in page and "Coat of ours" in card and "Fashion-MNIST" not in card
    said, _, parameters = page.partition("Parameters:")
    assert "train:" in parameters
    for hidden in ("Fashion-MNIST", "garment", "Keras script", "Why these classes", "Near-duplicates", "label errors"):
        assert hidden not in said


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
    ("studies/labels/audit.md", "<<<<<<< HEAD\n"),
    ("studies/seeds/test_labels.md", "<<<<<<< HEAD\n"),
    ("studies/labels/duplicates.md", "| a | b |\n|---|---|\n| 1 |\n"),
    ("studies/speed/results.json", '{"runs": {}}'),
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
def test_a_missing_file_is_named_in_one_line(name, results, capfd):
    before = paths.PAGE.read_bytes()
    (results / name).unlink()
    code, message = in_process.refused(results, capfd, "src/report.py")
    assert code == 1 and message.startswith(f"error: {name}: No such file or directory")
    assert paths.PAGE.read_bytes() == before


def test_the_stage_writes_the_page_and_the_card(results, capfd):
    for path in (paths.PAGE, paths.MODEL_CARD):
        path.unlink()
    capfd.readouterr()
    in_process.run(results, "src/report.py")
    assert capfd.readouterr() == ("-> reports/index.html, reports/model_card.md: open the first in a browser\n", "")
    for path in (paths.PAGE, paths.MODEL_CARD):
        assert "{{" not in path.read_text(encoding="utf-8") and "None" not in path.read_text(encoding="utf-8")
