"""The comparison of two sets of test predictions."""

import math
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

import compare
from fashion.errors import UserError

LABELS = np.arange(10).repeat(10)


def predictions(*wrong: int) -> compare.Predictions:
    """Predictions of 100 images, ten of each class, of which those named are wrong."""
    predicted = LABELS.copy()
    predicted[list(wrong)] = (predicted[list(wrong)] + 1) % 10
    return compare.Predictions(LABELS, predicted)


@pytest.mark.parametrize(
    ("fixed", "broken", "expected"),
    [(0, 0, 1), (1, 0, 1), (5, 0, 2 / 32), (8, 2, 2 * (1 + 10 + 45) / 1024), (3, 3, 1)],
)
def test_mcnemar_counts_coin_throws(fixed, broken, expected):
    assert compare.mcnemar(fixed, broken) == pytest.approx(expected)


@given(st.integers(0, 300), st.integers(0, 300))
def test_mcnemar_is_a_probability_and_knows_no_sides(fixed, broken):
    chance = compare.mcnemar(fixed, broken)
    assert 0 < chance <= 1 and chance == compare.mcnemar(broken, fixed)
    if fixed > broken:
        assert chance >= compare.mcnemar(fixed + 1, broken)


@given(st.integers(0, 500), st.integers(0, 500))
def test_the_interval_holds_the_difference_and_agrees_with_the_test(fixed, broken):
    low, high = compare.difference_interval(fixed, broken, 10_000)
    assert low < (fixed - broken) / 10_000 < high
    if compare.mcnemar(fixed, broken) < 0.02:
        assert (low > 0) == (fixed > broken) and (high < 0) == (broken > fixed)
    expected = 2 * 1.96 * math.sqrt(fixed + broken + 1 - (fixed - broken) ** 2 / 10_000) / 10_000
    assert high - low == pytest.approx(expected, rel=0.01)


def test_a_real_gain_is_called_one_and_its_class_is_named():
    text = compare.report("old", "new", predictions(*range(12), 50), predictions(50, 60))
    assert "Fixed      12 images" in text and "Broken     1 images" in text
    assert "Difference +11.00 points" in text and "Yes: on these images, new is better" in text
    assert text.splitlines()[-3:] == [
        "  T-shirt/top     10       0   +10",
        "  Trouser          2       0    +2",
        "  Shirt            0       1    -1",
    ]


def test_a_loss_is_called_one():
    assert "Yes: on these images, old is better" in compare.report("old", "new", predictions(), predictions(*range(12)))


def test_luck_is_called_luck():
    assert "No: on these images, the difference may be luck" in compare.report("a", "b", predictions(1, 2, 3), predictions(4))
    assert "class " not in compare.report("a", "b", predictions(1), predictions(1))


def test_other_images_are_refused():
    other = compare.Predictions(LABELS[::-1], LABELS)
    with pytest.raises(UserError, match="a and b predict different images"):
        compare.report("a", "b", predictions(), other)


def run(*words: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "src/compare.py", *words], cwd=ROOT, capture_output=True, text=True)


def test_two_commits_of_the_history():
    grep = ["git", "-C", str(ROOT), "log", "--format=%h", "--grep=^Results of recipes/seed.yaml", "-1"]
    seed = subprocess.run(grep, check=True, capture_output=True, text=True).stdout.strip()
    done = run(seed, "HEAD")
    assert done.returncode == 0, done.stderr
    assert f"{seed}  9,105 of 10,000 test images right: 91.05%" in done.stdout
    assert "Yes: on these images, HEAD is better" in done.stdout


def test_a_commit_without_predictions_and_a_name_of_none_are_refused_in_one_line():
    roots = subprocess.run(["git", "-C", str(ROOT), "rev-list", "--max-parents=0", "HEAD"], capture_output=True, text=True)
    first = roots.stdout.split()[0]
    for name, message in ((first, "has no reports/predictions.csv"), ("nonsense", "no commit, branch or experiment")):
        done = run(name)
        assert done.returncode == 1 and done.stderr.startswith(f"error: {name}: {message}") and done.stderr.count("\n") == 1
