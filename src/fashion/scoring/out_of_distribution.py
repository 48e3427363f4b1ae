"""Is an image unlike those that the network was trained on?

Lee et al. 2018, "A simple unified framework for detecting out-of-distribution samples and adversarial attacks": an image's
features lie close to those of some class, by the Mahalanobis distance, or the image is no garment. The features come from
`fashion.scoring.features`; this module needs no Keras.
"""

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fashion import paths
from fashion.pipeline.errors import UserError
from fashion.pipeline.files import read_results, write_arrays

# The fraction of the validation images that the threshold takes for something else.
FALSE_ALARMS = 0.05
# Added to the variances, which are 1 for each feature over all images, so that directions that hardly occur are not blown up.
EPSILON = 1e-3
# Leading binary digits of the statistics that are kept: the last ones of 53 depend on how many threads the linear algebra has.
DIGITS = 12
# The key of metrics.json.
KEY = "out_of_distribution"


class Statistics(NamedTuple):
    """Where the classes lie among the D features; arrays of float32.

    Attributes:
        mean: of the features, shape (D,).
        whitening: a matrix, shape (D, D): features less their mean, times this, vary by 1 in all directions within each class.
        centres: each class's mean after that, shape (classes, D).
    """

    mean: np.ndarray
    whitening: np.ndarray
    centres: np.ndarray


def fit(features: np.ndarray, labels: np.ndarray) -> Statistics:
    """Find where the classes lie; the spread around their means is taken to be the same for all.

    Args:
        features: shape (N, D), of training images.
        labels: integers, shape (N,); a class without images gets no centre.
    """
    features = features.astype(np.float64)
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale[scale == 0] = 1
    scaled = (features - mean) / scale
    classes = np.unique(labels)
    centres = np.stack([scaled[labels == label].mean(axis=0) for label in classes])
    within = scaled - centres[np.searchsorted(classes, labels)]
    covariance = within.T @ within / len(within) + EPSILON * np.eye(len(mean))
    whitening = np.linalg.cholesky(np.linalg.inv(covariance))
    arrays = (mean, whitening / scale[:, None], centres @ whitening)
    return Statistics(*map(rounded, arrays))


def rounded(array: np.ndarray) -> np.ndarray:
    """Return an array as float32, with `DIGITS` binary digits of each number."""
    mantissa, exponent = np.frexp(array)
    return np.ldexp(np.rint(mantissa * 2**DIGITS) / 2**DIGITS, exponent).astype(np.float32)


def fit_threshold(distances: np.ndarray) -> float:
    """Return the distance that a fraction of `FALSE_ALARMS` exceed, with four digits after the point.

    Args:
        distances: shape (N,), of garments that were not trained on.
    """
    return round(float(np.quantile(distances, 1 - FALSE_ALARMS)), 4)


def save_statistics(path: Path, statistics: Statistics) -> None:
    """Write the statistics as an .npz file; equal arrays give equal bytes."""
    write_arrays(path, statistics._asdict())


def load_statistics(path: Path) -> Statistics:
    """Read the statistics.

    Raises:
        UserError: the file is damaged or holds something else.
    """
    content = path.read_bytes()
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            statistics = Statistics(*(arrays[name] for name in Statistics._fields))
        (size,) = statistics.mean.shape
        if statistics.whitening.shape != (size, size) or statistics.centres.shape[1:] != (size,):
            raise ValueError("the shapes do not fit together")
        if not all(np.isfinite(array).all() for array in statistics):
            raise ValueError("some numbers are not finite")
    except MemoryError:
        raise
    except Exception as error:  # the readers of both formats raise whatever the damage leads to
        raise UserError(f"{path}: not the statistics of features ({error}); delete it and run `dvc repro`") from None
    return statistics


def read_threshold() -> float:
    """Return the distance from which on an image is out of distribution, as the last evaluation fitted it.

    Raises:
        UserError: metrics.json is damaged, or of an older version of this project.
    """
    return read_results(paths.METRICS, lambda scores: float(scores[KEY]["threshold"]))
