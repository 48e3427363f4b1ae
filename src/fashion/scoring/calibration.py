"""Is a prediction right as often as its confidence says?"""

import numpy as np


def expected_calibration_error(right: np.ndarray, confidence: np.ndarray, bins: int) -> float:
    """Return how far confidence is from accuracy, on average over the examples (Guo et al. 2017).

    Args:
        right: bool, shape (N,): whether the most probable class is the right one.
        confidence: shape (N,): its probability.
        bins: how many bins of equal width from 0 to 1 the examples are sorted into by confidence.
    """
    place = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    # In each bin, count * |accuracy - mean confidence| = |sum of right - sum of confidence|.
    gaps = np.bincount(place, weights=right, minlength=bins) - np.bincount(place, weights=confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(right))
