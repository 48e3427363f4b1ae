"""What the results page says in words."""

import numpy as np
import pytest

import report


@pytest.mark.parametrize(
    ("patience", "said"),
    [(0, ("After 3 epochs it", "92.0", "97.0", "5.0 points")), (1, ("After 2 epochs it", "93.0", "95.0", "2.0 points"))],
)
def test_the_curves_are_described_by_the_weights_that_were_kept(patience, said):
    history = {
        "epoch": np.array([1, 2, 3]),
        "train_accuracy": np.array([0.90, 0.95, 0.97]),
        "validation_accuracy": np.array([0.91, 0.93, 0.92]),
    }
    text = report.describe_learning(history, patience, "it")
    assert [word for word in said if word not in text] == []
