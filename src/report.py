"""Make the results page, one file that needs no network, and the model card: -> reports/index.html and model_card.md."""

import base64
import json
import statistics
from collections.abc import Iterable, Sequence
from operator import itemgetter
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

import plot
from fashion import metrics, stage, tables
from fashion.dataset import CLASS_NAMES
from fashion.errors import UserError
from fashion.files import atomic_write, sha256
from fashion.params import CLASSES, WHOLE_EPOCHS, MemberParams, PrepareParams, TrainParams

PAGES = {"report.html": Path("reports/index.html"), "model_card.md": Path("reports/model_card.md")}
TEMPLATES = Path(__file__).parent / "templates"
PICTURES = {
    "learning_curves": Path("reports/figures/learning_curves.png"),
    "mistakes": Path("reports/figures/mistakes.png"),
    "labels": Path("studies/labels/gallery.png"),
    "improvements": Path("reports/improvements.png"),
}
SECTIONS = (
    ("learning", "How it learned"),
    ("classes", "Class by class"),
    ("confusion", "What is taken for what"),
    ("mistakes", "Where it is surely wrong"),
    ("labels", "Likely label errors"),
    ("improvements", "What improves it"),
    ("origin", "What produced it"),
)
PARTS = ("validation", "test")
# What is shown of the test images' scores, and of each improvement.
TEST = ("accuracy", "accuracy_low", "accuracy_high", "calibration_error", "loss")
IMPROVEMENT = (
    *(f"{part}_{key}" for part in PARTS for key in ("mean", "sd")),
    *(column for part in PARTS for column in metrics.difference_columns(part)),
    *("time_ratio", "parameters"),
)
# How many kinds of label errors, confused pairs and mistakes are named.
KINDS, PAIRS, MISTAKES = 8, 3, 25


def percent(part: float | str, digits: int = 2) -> str:
    """Return a part of 1 as a percentage, with a space that does not break."""
    return f"{100 * float(part):.{digits}f}\u00a0%"


def read_rows(path: Path, texts: Sequence[str], numbers: Sequence[str] = ()) -> list[dict]:
    """Read some columns of a table, row by row.

    Args:
        path: the table.
        texts: the columns that are taken as they are.
        numbers: the columns that are numbers.

    Raises:
        UserError: the table is damaged.
        OSError: the file cannot be read.
    """
    columns = tables.read(path, (*texts, *numbers))
    try:
        columns |= {name: list(map(float, columns[name])) for name in numbers}
    except ValueError as error:
        raise tables.damaged(path, error) from None
    return [dict(zip(columns, row)) for row in zip(*columns.values())]


def data_uri(path: Path) -> str:
    """Return a PNG file as an address that holds it.

    Raises:
        OSError: the file cannot be read.
    """
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def describe_learning(history: dict[str, np.ndarray], recipe: TrainParams, network: str) -> str:
    """Say in words what the learning curves show of the weights that were kept: with patience, those of the best epoch.

    Args:
        history: the columns of the member's history.
        recipe: how the member was trained.
        network: what the member is called in the sentence.
    """
    kept = int(np.argmax(history["validation_accuracy"])) if recipe.patience else len(history["epoch"]) - 1
    train, validation = history["train_accuracy"][kept], history["validation_accuracy"][kept]
    pruned = recipe.data_pruning if kept >= WHOLE_EPOCHS else 0
    seen = f"hardest {percent(1 - pruned, 0)} of the training images" if pruned else "training images"
    return (
        f"After {kept + 1} epochs {network} is right about {percent(validation, 1)} of the validation images (without mirror "
        f"images); during the last of them it was right about {percent(train, 1)} of the {seen}: a gap of "
        f"{round(100 * train, 1) - round(100 * validation, 1):.1f} points."
    )


def describe_confusion(confusion: np.ndarray) -> str:
    """Name the pairs of classes that are confused most often."""
    mistakes = confusion * ~np.eye(CLASSES, dtype=bool)
    words = []
    for pair in np.argsort(-mistakes, axis=None, kind="stable")[:PAIRS]:
        label, guess = divmod(pair, CLASSES)
        words.append(f"{CLASS_NAMES[label]} taken for {CLASS_NAMES[guess]} ({mistakes[label, guess]} times)")
    return f"{mistakes.sum():,} of {confusion.sum():,} are wrong. Most often: {', '.join(words)}."


def label_errors() -> dict:
    """Return what the study of labels found.

    Raises:
        UserError: its table is damaged.
        OSError: it cannot be read.
    """
    rows = read_rows(Path("studies/labels/audit.csv"), ("label", "more_likely"))
    kinds: dict[tuple[str, str], int] = {}
    for row in rows:
        kind = (row["label"], row["more_likely"])
        kinds[kind] = kinds.get(kind, 0) + 1
    first = sorted(kinds.items(), key=lambda item: -item[1])[:KINDS]
    return {
        "summary": f"{len(rows):,} of the 60,000 training labels are suspected to be wrong.",
        "kinds": [(label, guess, f"{count:,}") for (label, guess), count in first],
    }


def improvements() -> list[dict[str, str]]:
    """Return the rows of the study of improvements as they are shown.

    Raises:
        UserError: its table is damaged.
        OSError: it cannot be read.
    """
    shown = []
    for number, row in enumerate(read_rows(Path("reports/improvements.csv"), ("change", "seeds"), IMPROVEMENT)):
        validation, test = (
            metrics.with_interval(*(row[column] for column in metrics.difference_columns(part))) for part in PARTS
        )
        judged = f"{validation}, {metrics.verdict(row['validation_low'], row['validation_high'])}"
        shown.append(
            {
                "change": row["change"],
                **{part: f"{row[f'{part}_mean']:.2f} ± {row[f'{part}_sd']:.2f}" for part in PARTS},
                "validation_difference": judged if number else "",
                "test_difference": test if number else "",
                "time": f"{row['time_ratio']:.2f}",
                "parameters": f"{int(row['parameters']):,}",
                "seeds": row["seeds"],
            }
        )
    return shown


def read_scores(path: Path, names: Iterable[str], remedy: str) -> dict[str, float]:
    """Read some of what a file of scores says of the test images, by name.

    Raises:
        UserError: it is damaged; with the remedy.
        OSError: it cannot be read.
    """
    try:
        scores = json.loads(path.read_text(encoding="utf-8"))["test"]
        return {name: float(scores[name]) for name in names}
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{path}: damaged; {remedy}") from None


def over_seeds(test: dict[str, float]) -> dict[str, float] | None:
    """Return the number of seeds, mean and standard deviation (percent) of the study of seeds, if it is of this very recipe.

    It is when one of its seeds gives the accuracy and the loss that the pipeline has.

    Raises:
        UserError: the study is damaged.
        OSError: the study cannot be read.
    """
    paths = sorted(Path("studies/seeds/results").glob("shipped-*.json"))
    found = [read_scores(path, ("accuracy", "loss"), "run `make seeds`") for path in paths]
    same = [all(round(value, 6) == test[name] for name, value in scores.items()) for scores in found]
    if len(found) < 2 or not any(same):
        return None
    accuracies = [100 * scores["accuracy"] for scores in found]
    return {"count": len(found), "mean": statistics.mean(accuracies), "deviation": statistics.stdev(accuracies)}


def main(members: dict[str, MemberParams], data: PrepareParams) -> None:
    """Write the page and the card.

    Args:
        members: the ensemble's members, by name.
        data: what the training and validation images are.

    Raises:
        UserError: a file is damaged.
        OSError: a file cannot be read or written.
    """
    lock = sha256(Path("dvc.lock"))
    labels, predicted, confidence = plot.read_predictions(plot.PREDICTIONS)
    confusion = metrics.confusion_matrix(labels, predicted, CLASSES)
    test = read_scores(Path("reports/metrics.json"), TEST, "run `dvc repro --force evaluate`")
    classes = read_rows(Path("reports/classes.csv"), ("class",), ("precision", "recall", "f1"))
    try:
        record = json.loads(Path("reports/machine.json").read_text(encoding="utf-8"))
        machine = json.dumps(record["machine"], indent=2) if record["dvc.lock"] == lock else "not recorded; `make verify` does"
    except (ValueError, KeyError, TypeError):
        raise UserError("reports/machine.json: damaged; `git checkout reports/machine.json` restores it") from None
    shown = plot.choose("wrong", labels == predicted, confidence)[:MISTAKES]
    first, *others = members
    history = plot.read_history(plot.HISTORY / f"{first}.csv")
    content = dict(
        percent=percent,
        members=list(members),
        kinds=sorted({member.model.name for member in members.values()}),
        images=data.images,
        corrections=data.exclude,
        sections=SECTIONS,
        test=test,
        count=len(labels),
        seeds=over_seeds(test),
        learned=describe_learning(history, members[first].train, f"the network {first!r}" if others else "it"),
        classes=classes,
        best=max(classes, key=itemgetter("f1")),
        worst=min(classes, key=itemgetter("f1")),
        confused=describe_confusion(confusion),
        names=CLASS_NAMES,
        matrix=[
            (name, [{"count": int(count), "part": count / max(1, row.sum())} for count in row])
            for name, row in zip(CLASS_NAMES, confusion)
        ],
        wrong=f"{len(shown)} mistakes, the most confident first; they are listed as text below.",
        mistakes=[
            {
                "index": int(index),
                "label": CLASS_NAMES[labels[index]],
                "predicted": CLASS_NAMES[predicted[index]],
                "confidence": confidence[index],
            }
            for index in shown
        ],
        labels=label_errors(),
        improvements=improvements(),
        pictures={name: data_uri(path) for name, path in PICTURES.items()},
        lock=lock,
        environment=machine,
        parameters=Path("params.yaml").read_text(encoding="utf-8"),
    )
    templates = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    for template, path in PAGES.items():
        with atomic_write(path) as file:
            file.write(templates.get_template(template).render(content).encode())
    print(f"-> {', '.join(map(str, PAGES.values()))}: open the first in a browser")


if __name__ == "__main__":
    stage.run(main, __doc__, reads=lambda params: [params.ensemble, params.prepare])
