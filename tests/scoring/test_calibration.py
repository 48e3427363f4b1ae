"""Calibration: the error by hand, label smoothing undone, and the temperature found again that was put in."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from fashion import paths
from fashion.pipeline.errors import UserError
from fashion.scoring.calibration import (
    NO_CALIBRATION,
    TEMPERATURES,
    Calibration,
    calibrate,
    expected_calibration_error,
    fit_calibration,
    read_calibration,
    reliability,
)
from fashion.scoring.metrics import cross_entropy


def test_reliability_and_calibration_error_by_hand():
    # Bin 0.5-1.0: two of four right at a mean confidence of 0.8. Bin 0-0.5: one of one right at 0.4.
    right = np.array([True, True, False, False, True])
    confidence = np.array([0.7, 0.9, 0.6, 1.0, 0.4])
    found = reliability(right, confidence, bins=2)
    np.testing.assert_allclose(found.confidence, [0.4, 0.8])
    np.testing.assert_allclose(found.accuracy, [1, 0.5])
    assert found.count.tolist() == [1, 4]
    assert (found.accuracy_low < found.accuracy).all() and (found.accuracy_high[1] > 0.5)
    assert expected_calibration_error(found) == pytest.approx((4 * 0.3 + 1 * 0.6) / 5)


def test_empty_bins_are_left_out():
    assert reliability(np.array([True]), np.array([0.95]), bins=10).count.tolist() == [1]


def networks_output(logits: np.ndarray) -> np.ndarray:
    return softmax(logits, axis=1).astype(np.float32)


@given(
    seed=st.integers(0, 2**32 - 1),
    trained=st.tuples(st.just(0.0), st.floats(0.3, 4)) | st.tuples(st.floats(0, 0.3), st.floats(0.3, 1.5)),
)
def test_smoothing_is_undone_and_the_temperature_found_again(seed, trained):
    """Labels drawn from probabilities whose logits are then multiplied by the temperature, and which are smoothed."""
    smoothing, temperature = trained
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=2, size=(4000, 10))
    labels = (softmax(logits, axis=1).cumsum(axis=1) > rng.random((4000, 1))).argmax(axis=1)
    given = (1 - smoothing) * networks_output(logits * temperature) + np.float32(smoothing / 10)
    found = fit_calibration(labels, given, smoothing)
    assert found.floor == pytest.approx(smoothing / 10)
    assert found.temperature == pytest.approx(temperature, rel=0.2)
    calibrated = calibrate(given, found)
    loss = cross_entropy(labels, calibrated)
    for factor in (0.9, 1.1):
        assert loss <= cross_entropy(labels, calibrate(given, found._replace(temperature=found.temperature * factor)))
    assert calibrated.dtype == np.float32
    np.testing.assert_allclose(calibrated.sum(axis=1), 1, rtol=1e-6)


@given(seed=st.integers(0, 2**32 - 1), floor=st.floats(0, 0.09), temperature=st.floats(*TEMPERATURES))
def test_no_calibration_changes_the_class(seed, floor, temperature):
    probabilities = networks_output(np.random.default_rng(seed).normal(scale=3, size=(100, 10)))
    calibrated = calibrate(probabilities, Calibration(floor, temperature))
    # Rounding may make the highest probability equal to another, but not lower.
    assert (np.take_along_axis(calibrated, probabilities.argmax(axis=1)[:, None], axis=1)[:, 0] == calibrated.max(axis=1)).all()


def test_probabilities_of_nothing_stay_finite():
    certain = np.eye(10, dtype=np.float32)
    for temperature in TEMPERATURES:
        assert np.isfinite(calibrate(certain, Calibration(0.005, temperature))).all()
    assert np.isfinite(fit_calibration(np.arange(10), np.full((10, 10), 0.1, np.float32), 0.1)).all()


def test_no_calibration_leaves_the_probabilities():
    probabilities = networks_output(np.random.default_rng(0).normal(size=(5, 10)))
    assert calibrate(probabilities, NO_CALIBRATION) is probabilities


def test_where_everything_is_right_it_stops_at_the_coldest():
    assert fit_calibration(np.arange(10), softmax(np.eye(10), axis=1), 0.0).temperature == pytest.approx(
        TEMPERATURES[0], rel=0.1
    )


@pytest.mark.parametrize(
    "content", ["{}", '{"calibration": {"floor": 0.005}}', '{"calibration": {"floor": 0, "temperature": "warm"}}', "{"]
)
def test_metrics_without_a_calibration_are_refused(content, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths.METRICS.parent.mkdir()
    paths.METRICS.write_text(content)
    with pytest.raises(UserError, match=r"reports/metrics\.json: damaged"):
        read_calibration()
    paths.METRICS.write_text(json.dumps({"calibration": {"floor": 0.005, "temperature": 0.7}}))
    assert read_calibration() == Calibration(0.005, 0.7)
