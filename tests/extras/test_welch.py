"""The interval of a difference of two means, which needs SciPy."""

import numpy as np
import pytest

from fashion.scoring.comparison import welch

OURS, THEIRS = [92.0, 92.2, 92.4, 92.2], [91.0, 91.4, 91.2, 91.0]


def test_the_interval_of_a_difference_is_welchs():
    """Its 5.85 degrees of freedom lie between 5 and 6, whose 97.5 % quantiles in tables of Student's t are 2.571, 2.447."""
    difference = welch(OURS, THEIRS)
    variances = [np.var(group, ddof=1) / len(group) for group in (OURS, THEIRS)]
    assert sum(variances) ** 2 / sum(variance**2 / 3 for variance in variances) == pytest.approx(5.854, abs=0.001)
    half = difference.high - difference.mean
    assert 2.447 < half / np.sqrt(sum(variances)) < 2.571
    assert half == pytest.approx(0.30977, abs=1e-5)  # as SciPy has it
    assert difference == pytest.approx((1.05, 1.05 - half, 1.05 + half))
    assert difference.verdict == "better"


def test_it_knows_no_sides():
    there, back = welch(OURS, THEIRS), welch(THEIRS, OURS)
    assert back == pytest.approx((-there.mean, -there.high, -there.low))
    assert back.verdict == "worse" and welch(OURS, OURS).verdict == "not told apart"
