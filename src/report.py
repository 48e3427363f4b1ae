"""Make the results page, one file that needs no network, and the model card: -> reports/index.html and model_card.md."""

import base64
import csv
import hashlib
import json
import statistics
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

import plot
from fashion import metrics, stage
from fashion.dataset import CLASS_NAMES
from fashion.errors import UserError
from fashion.files import atomic_write
from fashion.params import CLASSES, MemberParams

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
# How many kinds of label errors, confused pairs and mistakes are named.
KINDS, PAIRS, MISTAKES = 8, 3, 25


def percent(part: float | str, digits: int = 2) -> str:
    """Return a part of 1 as a percentage, with a space that does not break."""
    return f"{100 * float(part):.{digits}f}\u00a0%"


def read_csv(path: Path) -> list[dict[str, str]]:
    """Read a table's rows.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def data_uri(path: Path) -> str:
    """Return a PNG file as an address that holds it.

    Raises:
        OSError: the file cannot be read.
    """
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def describe_learning(history: dict[str, np.ndarray], patience: int, network: str) -> str:
    """Say in words what the learning curves show of the weights that were kept: with patience, those of the best epoch.

    Args:
        history: the columns of the member's history.
        patience: the member's train.patience.
        network: what the member is called in the sentence.
    """
    kept = int(np.argmax(history["validation_accuracy"])) if patience else len(history["epoch"]) - 1
    train, validation = history["train_accuracy"][kept], history["validation_accuracy"][kept]
    return (
        f"After {kept + 1} epochs {network} is right about {percent(validation, 1)} of the validation images, and was right about "
        f"{percent(train, 1)} of the training images: a gap of {100 * (train - validation):.1f} points."
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
        OSError: it cannot be read.
    """
    rows = read_csv(Path("studies/labels/audit.csv"))
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
        OSError: it cannot be read.
    """
    shown = []
    for number, row in enumerate(read_csv(Path("reports/improvements.csv"))):
        values = {key: float(value) for key, value in row.items() if key not in ("row", "improvement", "change")}
        verdict = "better" if values["test_low"] > 0 else "worse" if values["test_high"] < 0 else "not told apart"
        interval = f"{values['test_difference']:+.2f} ({values['test_low']:+.2f} to {values['test_high']:+.2f}), {verdict}"
        shown.append(
            {
                "change": row["change"],
                **{part: f"{values[f'{part}_mean']:.2f} ± {values[f'{part}_sd']:.2f}" for part in ("validation", "test")},
                "difference": interval if number else "",
                "time": f"{values['time_ratio']:.2f}",
                "parameters": f"{int(values['parameters']):,}",
                "seeds": row["seeds"],
            }
        )
    return shown


def over_seeds(accuracy: float) -> dict[str, float] | None:
    """Return the number of seeds, mean and standard deviation (percent) of the study of seeds, if it is of this very recipe.

    It is when one of its seeds gives the accuracy that the pipeline has.

    Raises:
        OSError: the study cannot be read.
    """
    paths = sorted(Path("studies/seeds/results").glob("shipped-*.json"))
    found = [json.loads(path.read_text(encoding="utf-8"))["test"]["accuracy"] for path in paths]
    if round(accuracy, 6) not in (round(value, 6) for value in found):
        return None
    return {"count": len(found), "mean": 100 * statistics.mean(found), "deviation": 100 * statistics.stdev(found)}


def main(members: dict[str, MemberParams], kind: str) -> None:
    """Write the page and the card.

    Args:
        members: the ensemble's members, by name.
        kind: name of the network.

    Raises:
        UserError: a table is damaged.
        OSError: a file cannot be read or written.
    """
    labels, predicted, confidence = plot.read_predictions(plot.PREDICTIONS)
    confusion = metrics.confusion_matrix(labels, predicted, CLASSES)
    try:
        test = json.loads(Path("reports/metrics.json").read_text(encoding="utf-8"))["test"]
    except (ValueError, KeyError, TypeError):
        raise UserError("reports/metrics.json: damaged; run `dvc repro --force evaluate`") from None
    classes = sorted(read_csv(Path("reports/classes.csv")), key=lambda row: CLASS_NAMES.index(row["class"]))
    shown = plot.choose("wrong", labels == predicted, confidence)[:MISTAKES]
    first, *others = members
    history = plot.read_history(plot.HISTORY / f"{first}.csv")
    content = dict(
        percent=percent,
        members=list(members),
        kind=kind,
        sections=SECTIONS,
        test=test,
        count=len(labels),
        seeds=over_seeds(test["accuracy"]),
        learned=describe_learning(history, members[first].train.patience, f"the network {first!r}" if others else "it"),
        classes=classes,
        best=max(classes, key=lambda row: float(row["f1"])),
        worst=min(classes, key=lambda row: float(row["f1"])),
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
        lock=hashlib.sha256(Path("dvc.lock").read_bytes()).hexdigest(),
        environment=json.dumps(json.loads(Path("reports/machine.json").read_text())["machine"], indent=2),
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
    stage.run(main, __doc__, reads=lambda params: [params.ensemble, params.model.name])
