"""Recipes compared by their seeds."""

import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from fashion.pipeline.errors import UserError
from fashion.scoring.seeds import compare_seeds, find_results, order_of_pairs

accuracies = st.lists(st.sampled_from([90.0, 90.5, 91.0]), min_size=1, max_size=6)


@given(accuracies, accuracies)
def test_each_pair_is_counted_once_whichever_comes_first(old, new):
    ahead, pairs = order_of_pairs(old, new)
    behind, _ = order_of_pairs(new, old)
    assert ahead + behind == pairs == len(old) * len(new)


def test_it_says_how_often_one_training_each_misleads():
    old = {"validation": [91.0, 91.2], "test": [90.0, 91.0]}
    new = {"validation": [93.0, 93.2], "test": [90.5, 91.0]}
    said = compare_seeds("before", "after", old, new)
    assert "+2.00 (+" in said and "yes, after is better" in said
    # Of 90.0 and 91.0 against 90.5 and 91.0: one is the other way round, one is even.
    assert "of all 4 pairs of a seed of before and one of after, 1.5 (38%) have" in said
    assert "the interval holds zero" in compare_seeds("before", "same", old, old)


def test_one_seed_is_refused():
    one, two = {"validation": [91.0], "test": [90.0]}, {"validation": [91.0, 91.1], "test": [90.0, 90.2]}
    with pytest.raises(UserError, match="ensemble: one seed tells no spread"):
        compare_seeds("fast", "ensemble", two, one)


def test_results_of_one_study_alone_are_compared(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert {path.parts[1] for path in find_results("baseline", "fast")} == {"seeds"}
    assert {path.parts[1] for path in find_results("baseline", "erase")} == {"improvements"}
    with pytest.raises(UserError, match="no study has results of both fast and erase"):
        find_results("fast", "erase")
