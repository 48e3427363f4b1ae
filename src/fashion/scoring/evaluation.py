"""What metrics.json and classes.csv say of the test images."""

import numpy as np

from fashion.data.images import Images
from fashion.scoring.calibration import expected_calibration_error
from fashion.scoring.metrics import ClassScores, class_scores, confusion_matrix, score, wilson_interval


def score_test(data: Images, probabilities: np.ndarray, calibration_bins: int) -> tuple[dict[str, float], ClassScores]:
    """Return everything that is said of the test set: the scores for metrics.json and the scores of each class.

    Args:
        data: N labelled images.
        probabilities: float32, shape (N, 10).
        calibration_bins: see `expected_calibration_error`.
    """
    predicted = probabilities.argmax(axis=1)
    right = predicted == data.labels
    low, high = wilson_interval(int(right.sum()), len(data))
    classes = class_scores(confusion_matrix(data.labels, predicted))
    scores = score(data, probabilities) | {
        "accuracy_low": low,
        "accuracy_high": high,
        "precision": classes.precision.mean(),
        "recall": classes.recall.mean(),
        "f1": classes.f1.mean(),
        "calibration_error": expected_calibration_error(right, probabilities.max(axis=1), calibration_bins),
    }
    return scores, classes


def rounded(scores: dict | float) -> dict | float:
    """Return scores, however nested, with six digits after the point."""
    if isinstance(scores, dict):
        return {key: rounded(value) for key, value in scores.items()}
    return round(float(scores), 6)
