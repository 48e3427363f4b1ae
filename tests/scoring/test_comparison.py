"""The comparison of two sets of test predictions, and the difference of two mean accuracies."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fashion.pipeline.errors import UserError
from fashion.scoring.comparison import (
    Difference,
    compare,
    difference_interval,
    holm,
    mcnemar,
    paired,
    welch,
)
from fashion.scoring.prediction_table import Predictions

LABELS = np.arange(10).repeat(10)


def predictions(*wrong: int) -> Predictions:
    """Predictions of 100 images, ten of each class, of which those named are wrong."""
    predicted = LABELS.copy()
    predicted[list(wrong)] = (predicted[list(wrong)] + 1) % 10
    return Predictions(LABELS, predicted, np.ones(100))


@pytest.mark.parametrize(
    ("fixed", "broken", "expected"),
    [(0, 0, 1), (1, 0, 1), (5, 0, 2 / 32), (8, 2, 2 * (1 + 10 + 45) / 1024), (3, 3, 1)],
)
def test_mcnemar_counts_coin_throws(fixed, broken, expected):
    assert mcnemar(fixed, broken) == pytest.approx(expected)


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_a_probability_and_knows_no_sides(fixed, broken):
    chance = mcnemar(fixed, broken)
    assert 0 < chance <= 1 and chance == mcnemar(broken, fixed)
    if fixed > broken:
        assert chance >= mcnemar(fixed + 1, broken)


@given(st.integers(0, 500), st.integers(0, 500))
def test_the_interval_holds_the_difference_and_agrees_with_the_test(fixed, broken):
    low, high = difference_interval(fixed, broken, 10_000)
    assert low < (fixed - broken) / 10_000 < high
    if mcnemar(fixed, broken) < 0.02:
        assert (low > 0) == (fixed > broken) and (high < 0) == (broken > fixed)
    expected = 2 * 1.96 * math.sqrt(fixed + broken + 1 - (fixed - broken) ** 2 / 10_000) / 10_000
    assert high - low == pytest.approx(expected, rel=0.01)


def test_a_real_gain_is_called_one_and_its_class_is_named():
    text = compare("old", "new", predictions(*range(12), 50), predictions(50, 60))
    assert "Fixed      12 images" in text and "Broken     1 images" in text
    assert "Difference +11.00 points" in text and "Yes: on these images, new is better" in text
    assert text.splitlines()[-3:] == [
        "  T-shirt/top     10       0   +10",
        "  Trouser          2       0    +2",
        "  Shirt            0       1    -1",
    ]


def test_a_loss_is_called_one():
    assert "Yes: on these images, old is better" in compare("old", "new", predictions(), predictions(*range(12)))


def test_luck_is_called_luck():
    assert "No: on these images, the difference may be luck" in compare("a", "b", predictions(1, 2, 3), predictions(4))
    assert "class " not in compare("a", "b", predictions(1), predictions(1))


def test_other_images_are_refused():
    other = Predictions(LABELS[::-1], LABELS, np.ones(100))
    with pytest.raises(UserError, match="a and b predict different images"):
        compare("a", "b", predictions(), other)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.1, 0.4, "better"),
        (-0.4, -0.1, "worse"),
        (-0.1, 0.4, "within ±0.5"),
        (-0.1, 0.5, "not told apart"),
        (-0.5, 0.1, "not told apart"),
    ],
)
def test_what_an_interval_of_a_difference_shows(low, high, verdict):
    difference = Difference((low + high) / 2, low, high, 0.05)
    assert difference.verdict == verdict
    assert str(difference) == f"{(low + high) / 2:+.2f} ({low:+.2f} to {high:+.2f})"


OURS, THEIRS = [92.0, 92.2, 92.4, 92.2], [91.0, 91.4, 91.2, 91.0]


def test_the_interval_of_a_difference_is_welchs():
    """Its 5.85 degrees of freedom lie between 5 and 6, whose 97.5 % quantiles in tables of Student's t are 2.571, 2.447."""
    difference = welch(OURS, THEIRS)
    variances = [np.var(group, ddof=1) / len(group) for group in (OURS, THEIRS)]
    assert sum(variances) ** 2 / sum(variance**2 / 3 for variance in variances) == pytest.approx(5.854, abs=0.001)
    half = difference.high - difference.mean
    assert 2.447 < half / np.sqrt(sum(variances)) < 2.571
    assert half == pytest.approx(0.30977, abs=1e-5)  # as SciPy has it
    assert difference[:3] == pytest.approx((1.05, 1.05 - half, 1.05 + half))
    assert difference.verdict == "better"


def test_it_knows_no_sides():
    there, back = welch(OURS, THEIRS), welch(THEIRS, OURS)
    assert back == pytest.approx((-there.mean, -there.high, -there.low, there.p_value))
    assert back.verdict == "worse" and welch(OURS, OURS).verdict == "within ±0.5"


def test_the_p_value_and_the_interval_say_the_same():
    """The interval that ends at zero has a p-value of 0.05."""
    apart = welch(OURS, THEIRS)
    half = apart.high - apart.mean
    assert apart.p_value < 0.05
    assert welch([value - apart.mean + half for value in OURS], THEIRS).p_value == pytest.approx(0.05)


def test_pairs_are_compared_by_students_t():
    """Differences 1, 2 and 3: a standard deviation of 1, and with two degrees of freedom t = 4.303."""
    difference = paired([3.0, 5.0, 7.0], [2.0, 3.0, 4.0])
    assert difference.mean == pytest.approx(2)
    assert difference.half == pytest.approx(4.3027 / math.sqrt(3), abs=1e-3)
    assert difference.high - difference.mean == pytest.approx(difference.half)


def test_p_values_that_are_judged_at_once_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]).tolist() == [1, 1] and holm([0.3]) == pytest.approx([0.3])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_judged_at_once_none_is_lower_and_the_order_stays(p_values):
    adjusted = holm(p_values)
    assert (adjusted >= p_values).all() and (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(p_values)]) >= 0).all()
