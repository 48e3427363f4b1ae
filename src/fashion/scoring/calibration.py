"""Is a prediction right as often as its confidence says, and what makes it so."""

from typing import NamedTuple

import numpy as np

from fashion import paths
from fashion.pipeline.files import read_results
from fashion.scoring.metrics import wilson_interval

# Logarithms are taken of probabilities of at least this, so that they stay finite.
SMALLEST = float(np.finfo(np.float32).tiny)
# Temperatures outside this range are not looked for; there is no best one where no validation image is misclassified.
COLDEST, HOTTEST = 0.05, 20.0


class Reliability(NamedTuple):
    """How often predictions of a given confidence are right; arrays of shape (bins,), for the bins that hold any.

    Attributes:
        confidence: their mean confidence.
        accuracy: the fraction that is right.
        accuracy_low, accuracy_high: its 95 % interval.
        count: how many there are.
    """

    confidence: np.ndarray
    accuracy: np.ndarray
    accuracy_low: np.ndarray
    accuracy_high: np.ndarray
    count: np.ndarray


def reliability(right: np.ndarray, confidence: np.ndarray, bins: int) -> Reliability:
    """Sort predictions into bins by their confidence.

    Args:
        right: bool, shape (N,): whether the most probable class is the right one.
        confidence: shape (N,): its probability.
        bins: how many bins of equal width from 0 to 1 there are.
    """
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    count = np.bincount(place, minlength=bins)
    filled = count > 0
    sure, hits = (np.bincount(place, weights=values, minlength=bins)[filled] for values in (confidence, right))
    count = count[filled]
    low, high = np.transpose([wilson_interval(*of_bin) for of_bin in zip(hits, count)])
    return Reliability(sure / count, hits / count, low, high, count)


def expected_calibration_error(bins: Reliability) -> float:
    """Return how far confidence is from accuracy, on average over the predictions (Guo et al. 2017)."""
    return float((bins.count * np.abs(bins.accuracy - bins.confidence)).sum() / bins.count.sum())


def scale_by_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Divide the logits behind some probabilities by a temperature; the order of the classes stays.

    Args:
        probabilities: shape (N, classes).
        temperature: above 1 for less confidence, below 1 for more; 1 changes nothing.

    Returns:
        Probabilities of the same shape and type.
    """
    if temperature == 1:
        return probabilities
    logits = np.log(np.maximum(probabilities, SMALLEST, dtype=np.float64)) / temperature
    scaled = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (scaled / scaled.sum(axis=1, keepdims=True)).astype(probabilities.dtype)


def fit_temperature(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the temperature at which the cross-entropy is lowest.

    Guo et al. 2017, "On calibration of modern neural networks". The cross-entropy is a convex function of the inverse
    temperature; its derivative, the mean of the expected logit less the label's, is brought to 0 by bisection.

    Args:
        labels: integers, shape (N,), of images that were not trained on.
        probabilities: shape (N, classes).

    Returns:
        The temperature, with four digits after the point: as many as metrics.json keeps.
    """
    logits = np.log(np.maximum(probabilities, SMALLEST, dtype=np.float64))
    of_labels = logits[np.arange(len(labels)), labels].mean()
    low, high = 1 / HOTTEST, 1 / COLDEST
    for _ in range(60):
        inverse = (low + high) / 2
        expected = (scale_by_temperature(probabilities, 1 / inverse) * logits).sum(axis=1).mean()
        low, high = (inverse, high) if expected <= of_labels else (low, inverse)
    return round(1 / inverse, 4)


def read_temperature() -> float:
    """Return the temperature that the last evaluation fitted.

    Raises:
        UserError: metrics.json is damaged, or of an older version of this project.
    """
    return read_results(paths.METRICS, lambda scores: float(scores["temperature"]))
