"""Scores by hand and from the literature."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fashion.scoring import metrics


def test_accuracy_and_loss():
    labels = np.array([0, 1, 2])
    probabilities = np.array([[0.5, 0.25, 0.25], [0.5, 0.25, 0.25], [0.0, 0.0, 1.0]])
    assert metrics.accuracy(labels, probabilities) == pytest.approx(2 / 3)
    assert metrics.cross_entropy(labels, probabilities) == pytest.approx((np.log(2) + np.log(4)) / 3)


def test_the_loss_of_an_impossible_label_is_finite():
    assert metrics.cross_entropy(np.array([1]), np.array([[1.0, 0.0]])) == pytest.approx(-np.log(1e-7))


def test_wilson_interval_of_a_published_example():
    # Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662; 0 of 20 gives 0 to 0.1611.
    assert metrics.wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert metrics.wilson_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


@given(st.integers(1, 10**6).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_wilson_interval_holds_the_proportion(case):
    right, total = case
    low, high = metrics.wilson_interval(right, total)
    assert 0 <= low <= right / total + 1e-12 and right / total - 1e-12 <= high <= 1


def test_class_scores_by_hand():
    # Two classes and a third that never occurs: 3 right and 1 wrong of the first, 2 right and 2 wrong of the second.
    confusion = metrics.confusion_matrix(np.array([0, 0, 0, 0, 1, 1, 1, 1]), np.array([0, 0, 0, 1, 1, 1, 0, 0]), 3)
    assert confusion.tolist() == [[3, 1, 0], [2, 2, 0], [0, 0, 0]]
    scores = metrics.class_scores(confusion)
    assert scores.precision.tolist() == pytest.approx([3 / 5, 2 / 3, 0])
    assert scores.recall.tolist() == pytest.approx([3 / 4, 1 / 2, 0])
    assert scores.f1.tolist() == pytest.approx([2 / 3, 4 / 7, 0])
