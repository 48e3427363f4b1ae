"""What an ensemble predicts, from what its members predict."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from fashion.params import EvaluateParams
from fashion.scoring.calibration import NO_CALIBRATION, Calibration, calibrate, fit_calibration


class Predicted(NamedTuple):
    """What an ensemble predicts.

    Attributes:
        members: each member's probabilities by split, float32 of shape (members, N, 10), as the networks give them.
        calibration: of the ensemble's mean probabilities.
        ensemble: the probabilities after that, by split, float32 of shape (N, 10).
    """

    members: Mapping[str, np.ndarray]
    calibration: Calibration
    ensemble: dict[str, np.ndarray]


def average(
    members: Mapping[str, np.ndarray], labels: np.ndarray, params: EvaluateParams, label_smoothing: Sequence[float]
) -> Predicted:
    """Average over an ensemble's members, and calibrate what comes out, if that is wanted.

    Args:
        members: each member's probabilities by split, float32 of shape (members, N, 10).
        labels: integers, shape (N,): those of the split "validation", which calibrates.
        params: how the scores are computed.
        label_smoothing: that each member was trained with.
    """
    means = {name: probabilities.mean(axis=0) for name, probabilities in members.items()}
    calibration = NO_CALIBRATION
    if params.calibrate:
        calibration = fit_calibration(labels, means["validation"], float(np.mean(label_smoothing)))
    ensemble = {name: calibrate(probabilities, calibration) for name, probabilities in means.items()}
    return Predicted(members, calibration, ensemble)
