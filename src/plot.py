"""Draw the figures: reports/predictions.csv, reports/history/ and the test images -> reports/figures/*.png."""

from pathlib import Path

import numpy as np

from fashion import dataset, figures, metrics, stage, tables
from fashion.dataset import CLASS_NAMES
from fashion.errors import UserError
from fashion.members import files
from fashion.params import CLASSES, PlotParams

HISTORY = Path("reports/history")
PREDICTIONS = Path("reports/predictions.csv")
HISTORY_COLUMNS = ("epoch", "learning_rate", "train_accuracy", "validation_accuracy", "train_loss", "validation_loss")
FIGURES = Path("reports/figures")


def read_predictions(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read the test predictions.

    Returns:
        True classes and predicted classes, integers of shape (N,), and confidence, float64 of shape (N,).

    Raises:
        UserError: the table is damaged.
        OSError: the file cannot be read.
    """
    columns = tables.read(path, ("label", "predicted", "confidence"))
    number = {name: index for index, name in enumerate(CLASS_NAMES)}
    try:
        labels, predicted = (np.array([number[name] for name in columns[key]]) for key in ("label", "predicted"))
        return labels, predicted, np.array(columns["confidence"], dtype=np.float64)
    except (KeyError, ValueError) as error:
        raise tables.damaged(path, error) from None


def read_history(path: Path) -> dict[str, np.ndarray]:
    """Read a member's history: its columns as float64 of shape (epochs,), by name.

    Raises:
        UserError: the table is damaged.
        OSError: the file cannot be read.
    """
    columns = tables.read(path, HISTORY_COLUMNS)
    try:
        return {name: np.array(column, dtype=np.float64) for name, column in columns.items()}
    except ValueError as error:
        raise tables.damaged(path, error) from None


def choose(which: str, right: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """Return the indices of the test images to show, best first: see `plot.which` in params.yaml.

    Args:
        which: first, wrong or unsure.
        right: bool, shape (N,).
        confidence: shape (N,).
    """
    if which == "wrong":
        mistakes = np.flatnonzero(~right)
        return mistakes[np.argsort(-confidence[mistakes], kind="stable")]
    if which == "unsure":
        return np.argsort(confidence, kind="stable")
    return np.arange(len(right))


def main(members: list[str], params: PlotParams) -> None:
    """Draw every figure.

    Raises:
        UserError: a table or the test images are missing or damaged, or reports/history/ holds a file that is no member's.
        OSError: a file cannot be read or written.
    """
    images = dataset.load(dataset.TEST_FILE).images
    labels, predicted, confidence = read_predictions(PREDICTIONS)
    if len(labels) != len(images):
        raise UserError(f"{PREDICTIONS}: {len(labels)} predictions for {len(images)} test images; run `dvc repro evaluate`")
    histories = {member: read_history(path) for member, path in files(HISTORY, ".csv", members).items()}
    names = np.array(CLASS_NAMES)
    confusion = metrics.confusion_matrix(labels, predicted, CLASSES)

    for name, which in (("predictions", params.which), ("mistakes", "wrong")):
        shown = choose(which, labels == predicted, confidence)[: params.predictions]
        figures.save(
            FIGURES / f"{name}.png",
            figures.predictions(images[shown], names[labels[shown]], names[predicted[shown]], confidence[shown]),
        )
    figures.save(FIGURES / "learning_curves.png", figures.learning_curves(histories))
    figures.save(FIGURES / "confusion_matrix.png", figures.confusion_matrix(confusion, CLASS_NAMES))

    mistakes = confusion * ~np.eye(CLASSES, dtype=bool)
    rows = []
    for pair in np.argsort(-mistakes, axis=None, kind="stable")[: params.confused_pairs]:
        label, guess = divmod(pair, CLASSES)
        if not mistakes[label, guess]:
            break
        examples = np.flatnonzero((labels == label) & (predicted == guess))
        examples = examples[np.argsort(-confidence[examples], kind="stable")][: params.examples]
        count, total = mistakes[label, guess], confusion[label].sum()
        rows.append((f"{names[label]}\ntaken for {names[guess]}\n{count} of {total:,}", images[examples]))
    figures.save(FIGURES / "confused_pairs.png", figures.confused_pairs(rows, params.examples))
    print(f"5 figures -> {FIGURES}/")


if __name__ == "__main__":
    stage.run(main, __doc__, reads=lambda params: [list(params.ensemble), params.plot])
