"""Scores of a classifier and their uncertainty."""

import math
from typing import NamedTuple

import numpy as np

from fashion.data.facts import CLASSES
from fashion.data.images import Images

# Cross-entropy is computed with probabilities of at least this, as Keras does, so that it stays finite.
SMALLEST_PROBABILITY = 1e-7
# The 97.5 % quantile of the normal distribution: intervals of 95 %.
Z = 1.959963984540054


def accuracy(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the fraction of the examples whose most probable class is the right one.

    Args:
        labels: integers, shape (N,).
        probabilities: shape (N, classes).
    """
    return float(np.mean(probabilities.argmax(axis=1) == labels))


def cross_entropy(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the mean negative logarithm of the right class's probability, in nats; arguments as for `accuracy`."""
    of_label = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    return float(-np.log(np.clip(of_label, SMALLEST_PROBABILITY, 1)).mean())


def wilson_interval(right: int, total: int) -> tuple[float, float]:
    """Return the 95 % score interval of a proportion (Wilson 1927), which stays within 0 and 1.

    Args:
        right: how many of `total`, from 0 to `total`.
        total: at least 1.
    """
    proportion = right / total
    center = (proportion + Z**2 / (2 * total)) / (1 + Z**2 / total)
    half = Z / (1 + Z**2 / total) * math.sqrt(proportion * (1 - proportion) / total + Z**2 / (4 * total**2))
    return max(0.0, center - half), min(1.0, center + half)


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, classes: int = CLASSES) -> np.ndarray:
    """Count the examples by true class (rows) and predicted class (columns).

    Args:
        labels: integers from 0 to classes - 1, shape (N,).
        predicted: likewise.
        classes: how many classes there are.

    Returns:
        int64, shape (classes, classes).
    """
    return np.bincount(labels.astype(np.int64) * classes + predicted, minlength=classes**2).reshape(classes, classes)


def most_confused(confusion: np.ndarray, count: int) -> list[tuple[int, int]]:
    """Return the pairs of classes (true, predicted) that are confused most often, at most `count`, the most frequent first."""
    mistakes = confusion * ~np.eye(len(confusion), dtype=bool)
    pairs = (divmod(int(pair), len(confusion)) for pair in np.argsort(-mistakes, axis=None, kind="stable")[:count])
    return [pair for pair in pairs if mistakes[pair]]


class ClassScores(NamedTuple):
    """Scores of each class, float64 of shape (classes,); 0 where a ratio has no cases.

    Attributes:
        precision: of those predicted to be of the class, the fraction that is.
        recall: of those of the class, the fraction predicted to be.
        f1: the harmonic mean of the two.
    """

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray


def class_scores(confusion: np.ndarray) -> ClassScores:
    """Return precision, recall and F1 of each class from a confusion matrix."""
    right = np.diag(confusion).astype(np.float64)
    labelled, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
    return ClassScores(
        precision=right / np.maximum(predicted, 1),
        recall=right / np.maximum(labelled, 1),
        f1=2 * right / np.maximum(labelled + predicted, 1),
    )


def score(data: Images, probabilities: np.ndarray) -> dict[str, float]:
    """Return accuracy, and loss in nats.

    Args:
        data: N labelled images.
        probabilities: float32, shape (N, 10).
    """
    return {"accuracy": accuracy(data.labels, probabilities), "loss": cross_entropy(data.labels, probabilities)}
