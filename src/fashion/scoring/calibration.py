"""Is a prediction right as often as its confidence says, and what makes it so."""

from typing import NamedTuple

import numpy as np
from scipy.special import softmax

from fashion import paths
from fashion.pipeline.files import read_results
from fashion.scoring.metrics import wilson_interval

# Logarithms are taken of probabilities of at least this, so that they stay finite.
SMALLEST = float(np.finfo(np.float32).tiny)
# What a network leaves to a class above the floor is not known better than this fraction of the floor.
RESOLUTION = 0.02
# Others are not looked for; there is no best one where no validation image is misclassified.
TEMPERATURES = (0.05, 20.0)


class Calibration(NamedTuple):
    """What makes probabilities as sure as they are right.

    Attributes:
        floor: is subtracted from each probability; label smoothing puts it under them.
        temperature: then divides the logits; above 1 for less confidence, below 1 for more.
    """

    floor: float
    temperature: float


# Changes no probability.
NO_CALIBRATION = Calibration(0.0, 1.0)


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


def smallest(floor: float) -> float:
    """Return the least that a probability counts as, once the floor is subtracted."""
    return max(SMALLEST, RESOLUTION * floor)


def logarithms(probabilities: np.ndarray, floor: float) -> np.ndarray:
    """Return the logarithms of what probabilities are above a floor, float64 of the same shape."""
    return np.log(np.maximum(probabilities.astype(np.float64) - floor, smallest(floor)))


def calibrate(probabilities: np.ndarray, calibration: Calibration) -> np.ndarray:
    """Return calibrated probabilities, of the same shape (N, classes) and type; the most probable class stays."""
    if calibration == NO_CALIBRATION:
        return probabilities
    floor, temperature = calibration
    return softmax(logarithms(probabilities, floor) / temperature, axis=1).astype(probabilities.dtype)


def fit_calibration(labels: np.ndarray, probabilities: np.ndarray, label_smoothing: float) -> Calibration:
    """Return the floor that label smoothing leaves, and the temperature at which the cross-entropy is then lowest.

    Smoothed labels teach a network probabilities of (1 - smoothing) p + smoothing / classes (Szegedy et al. 2016, "Rethinking
    the Inception architecture"). The temperature is that of Guo et al. 2017, "On calibration of modern neural networks". The
    cross-entropy is a convex function of its inverse; the derivative, the mean of the expected logit less the label's, is
    brought to 0 by bisection.

    Args:
        labels: integers, shape (N,), of images that were not trained on.
        probabilities: shape (N, classes).
        label_smoothing: that the network was trained with; of an ensemble, the mean of its members'.

    Returns:
        A temperature with four digits after the point: as many as metrics.json keeps.
    """
    floor = label_smoothing / probabilities.shape[1]
    logits = logarithms(probabilities, floor)
    of_labels = logits[np.arange(len(labels)), labels].mean()
    coldest, hottest = TEMPERATURES
    low, high = 1 / hottest, 1 / coldest
    for _ in range(40):
        inverse = (low + high) / 2
        expected = (softmax(inverse * logits, axis=1) * logits).sum(axis=1).mean()
        low, high = (inverse, high) if expected <= of_labels else (low, inverse)
    return Calibration(floor, round(1 / inverse, 4))


def read_calibration() -> Calibration:
    """Return what the last evaluation fitted.

    Raises:
        UserError: metrics.json is damaged, or of an older version of this project.
    """
    return read_results(
        paths.METRICS, lambda scores: Calibration(**{name: float(value) for name, value in scores["calibration"].items()})
    )
