"""Calibration: the error by hand, and the temperature found again that was put in."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fashion import paths
from fashion.pipeline.errors import UserError
from fashion.scoring.calibration import (
    COLDEST,
    expected_calibration_error,
    fit_temperature,
    read_temperature,
    reliability,
    scale_by_temperature,
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


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return probabilities, float32, as a network gives them."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


@given(seed=st.integers(0, 2**32 - 1), temperature=st.floats(0.3, 4))
def test_the_temperature_is_found_again(seed, temperature):
    """Labels drawn from probabilities whose logits are then multiplied by the temperature that has to undo it."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=2, size=(4000, 10))
    truth = softmax(logits)
    labels = (truth.cumsum(axis=1) > rng.random((4000, 1))).argmax(axis=1)
    given = softmax(logits * temperature)
    found = fit_temperature(labels, given)
    assert found == pytest.approx(temperature, rel=0.15)
    scaled = scale_by_temperature(given, found)
    loss = cross_entropy(labels, scaled)
    assert loss <= min(cross_entropy(labels, scale_by_temperature(given, found * factor)) for factor in (0.9, 1.1))
    assert loss <= cross_entropy(labels, given) + 1e-9
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled.sum(axis=1), 1, rtol=1e-6)


@given(seed=st.integers(0, 2**32 - 1), temperature=st.floats(COLDEST, 20))
def test_no_temperature_changes_the_class(seed, temperature):
    probabilities = softmax(np.random.default_rng(seed).normal(scale=3, size=(100, 10)))
    scaled = scale_by_temperature(probabilities, temperature)
    # Rounding may make the highest probability equal to another, but not lower.
    assert (np.take_along_axis(scaled, probabilities.argmax(axis=1)[:, None], axis=1)[:, 0] == scaled.max(axis=1)).all()


def test_probabilities_of_nothing_stay_finite():
    certain = np.eye(10, dtype=np.float32)
    assert np.isfinite(scale_by_temperature(certain, 0.5)).all() and np.isfinite(scale_by_temperature(certain, 20)).all()
    assert fit_temperature(np.arange(10), np.full((10, 10), 0.1, np.float32)) > 0


def test_a_temperature_of_one_changes_nothing():
    probabilities = softmax(np.random.default_rng(0).normal(size=(5, 10)))
    assert scale_by_temperature(probabilities, 1.0) is probabilities


def test_where_everything_is_right_it_stops_at_the_coldest():
    assert fit_temperature(np.arange(10), softmax(np.eye(10))) == pytest.approx(COLDEST, rel=0.1)


@pytest.mark.parametrize("content", ["{}", '{"temperature": "warm"}', "{"])
def test_metrics_without_a_temperature_are_refused(content, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths.METRICS.parent.mkdir()
    paths.METRICS.write_text(content)
    with pytest.raises(UserError, match=r"reports/metrics\.json: damaged"):
        read_temperature()
    paths.METRICS.write_text(json.dumps({"temperature": 0.7}))
    assert read_temperature() == 0.7
