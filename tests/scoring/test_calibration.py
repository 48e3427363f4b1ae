"""The calibration error, by hand."""

import numpy as np
import pytest

from fashion.scoring.calibration import expected_calibration_error


def test_calibration_error_by_hand():
    # Bin 0.5-1.0: two of four right at a mean confidence of 0.8. Bin 0-0.5: one of one right at 0.4.
    right = np.array([True, True, False, False, True])
    confidence = np.array([0.7, 0.9, 0.6, 1.0, 0.4])
    assert expected_calibration_error(right, confidence, bins=2) == pytest.approx((4 * 0.3 + 1 * 0.6) / 5)
