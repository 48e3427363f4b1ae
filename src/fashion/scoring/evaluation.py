"""From networks to scores: what evaluate.py and the studies have in common."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fashion.backend import keras
from fashion.data.images import Images
from fashion.params import EvaluateParams
from fashion.scoring.calibration import Reliability, expected_calibration_error, reliability
from fashion.scoring.ensemble import Predicted, average
from fashion.scoring.metrics import ClassScores, class_scores, confusion_matrix, score, wilson_interval
from fashion.scoring.prediction import predict


def predict_splits(
    models: list[keras.Model], splits: dict[str, Images], params: EvaluateParams, label_smoothing: Sequence[float]
) -> Predicted:
    """Predict every split with an ensemble.

    Args:
        models: its members.
        splits: images, with labels, by name; the split "validation" calibrates the ensemble, if that is wanted.
        params: how the scores are computed.
        label_smoothing: each member's.
    """
    members = {name: predict(models, data.images, params.tta) for name, data in splits.items()}
    return average(members, splits["validation"].labels, params, label_smoothing)


class Evaluation(NamedTuple):
    """Everything that is said of the test set.

    Attributes:
        overall: for metrics.json.
        classes: of each class.
        reliability: of each bin of the confidence.
    """

    overall: dict[str, float]
    classes: ClassScores
    reliability: Reliability


def score_test(data: Images, probabilities: np.ndarray, calibration_bins: int) -> Evaluation:
    """Score predictions of the test set.

    Args:
        data: N labelled images.
        probabilities: float32, shape (N, 10).
        calibration_bins: bins of the confidence.
    """
    predicted = probabilities.argmax(axis=1)
    right = predicted == data.labels
    low, high = wilson_interval(int(right.sum()), len(data))
    classes = class_scores(confusion_matrix(data.labels, predicted))
    bins = reliability(right, probabilities.max(axis=1), calibration_bins)
    overall = score(data, probabilities) | {
        "accuracy_low": low,
        "accuracy_high": high,
        "precision": classes.precision.mean(),
        "recall": classes.recall.mean(),
        "f1": classes.f1.mean(),
        "calibration_error": expected_calibration_error(bins),
    }
    return Evaluation(overall, classes, bins)


def rounded(scores: dict | float) -> dict | float:
    """Return scores, however nested, with six digits after the point."""
    if isinstance(scores, dict):
        return {key: rounded(value) for key, value in scores.items()}
    return round(float(scores), 6)
