"""The table of test predictions, and which of them are shown."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fashion.data.facts import CLASS_NAMES, CLASSES
from fashion.pipeline import tables


class Predictions(NamedTuple):
    """Predictions of N test images.

    Attributes:
        labels: true classes, integers of shape (N,).
        predicted: predicted classes, likewise.
        confidence: probability of the predicted class, float64 of shape (N,).
        names: of the classes, in the order of their numbers.
    """

    labels: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    names: tuple[str, ...] = CLASS_NAMES

    @property
    def right(self) -> np.ndarray:
        """Which predictions are right: bool, shape (N,)."""
        return self.labels == self.predicted


def write_predictions(path: Path, labels: np.ndarray, probabilities: np.ndarray, names: Sequence[str]) -> None:
    """Write the table: each image's index, true class, predicted class and confidence.

    Args:
        path: the file.
        labels: integers, shape (N,).
        probabilities: float32, shape (N, 10).
        names: of the classes.
    """

    def rows() -> Iterator[dict]:
        for index, (label, row) in enumerate(zip(labels, probabilities)):
            yield {
                "index": index,
                "label": names[label],
                "predicted": names[row.argmax()],
                "confidence": float(row.max()),
            }

    tables.write(path, rows())


def read_predictions(path: Path) -> Predictions:
    """Read the table.

    Raises:
        UserError: it is damaged.
    """
    columns = tables.read(path, ("label", "predicted", "confidence"))
    names = class_names(columns["label"])
    number = {name: index for index, name in enumerate(names)}
    try:
        labels, predicted = (np.array([number[name] for name in columns[key]]) for key in ("label", "predicted"))
        return Predictions(labels, predicted, np.array(columns["confidence"], dtype=np.float64), names)
    except (KeyError, ValueError) as error:
        raise tables.damaged(path, error) from None


def class_names(labels: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the classes, in the order of their numbers, from the true classes of all test images.

    Those of a data set of your own are in alphabetical order, and each of its classes has a test image.
    """
    found = set(labels)
    own = len(found) == CLASSES and not found <= set(CLASS_NAMES)
    return tuple(sorted(found)) if own else CLASS_NAMES


def choose(which: str, predictions: Predictions) -> np.ndarray:
    """Return the indices of the test images to show, best first.

    Args:
        which: first (in their order), wrong (the most confident mistakes first) or least_confident.
        predictions: of all test images.
    """
    if which == "wrong":
        mistakes = np.flatnonzero(~predictions.right)
        return mistakes[np.argsort(-predictions.confidence[mistakes], kind="stable")]
    if which == "least_confident":
        return np.argsort(predictions.confidence, kind="stable")
    return np.arange(len(predictions.labels))
