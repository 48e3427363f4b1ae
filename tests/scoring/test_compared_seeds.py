"""The comparison of two recipes by their seeds."""

import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from fashion import paths
from fashion.pipeline.errors import UserError
from fashion.scoring.compared_seeds import compare_recipes, compare_seeds, find_study, order_of_pairs, validation_images

accuracies = st.lists(st.sampled_from([90.0, 90.5, 91.0]), min_size=1, max_size=6)


@given(accuracies, accuracies)
def test_each_pair_is_counted_once_whichever_comes_first(old, new):
    ahead, pairs = order_of_pairs(old, new)
    behind, _ = order_of_pairs(new, old)
    assert ahead + behind == pairs == len(old) * len(new)


def test_it_says_how_often_one_training_each_misleads():
    old = {"validation": [91.0, 91.2], "test": [90.0, 91.0]}
    new = {"validation": [93.0, 93.2], "test": [90.5, 91.0]}
    said = compare_seeds("before", "after", old, new, True)
    assert "+2.00 (+" in said and "yes, after is better" in said
    # Of 90.0 and 91.0 against 90.5 and 91.0: one is the other way round, one is even.
    assert "of all 4 pairs of a seed of before and one of after, 1.5 (38%) have" in said
    steady = {"validation": [91.0, 91.1, 91.2], "test": [90.0, 90.1, 90.2]}
    assert "none of 0.5 points or more" in compare_seeds("before", "after", steady, steady, True)
    assert "this cannot be told, for the interval holds zero" in compare_seeds("before", "after", old, old, True)


def test_one_seed_is_refused():
    one, two = {"validation": [91.0], "test": [90.0]}, {"validation": [91.0, 91.1], "test": [90.0, 90.2]}
    with pytest.raises(UserError, match="ensemble: one seed tells no spread"):
        compare_seeds("fast", "ensemble", two, one, True)


def test_where_the_validation_images_differ_the_test_images_judge():
    old = {"validation": [91.0, 91.2], "test": [90.0, 91.0]}
    new = {"validation": [93.0, 93.2], "test": [90.5, 91.0]}
    said = compare_seeds("before", "after", old, new, False)
    assert "By the test images, this cannot be told" in said and "+2.00" not in said


def test_which_images_are_held_out(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert validation_images(paths.SEEDS_STUDY, "baseline") != validation_images(paths.SEEDS_STUDY, "fast")
    assert validation_images(paths.SEEDS_STUDY, "params") == validation_images(paths.ABLATION_STUDY, "no_flip")
    rows = [validation_images(paths.IMPROVEMENTS_STUDY, row) for row in ("baseline", "erase", "near_duplicates")]
    assert len(set(rows)) == 1
    assert "By the test images" in compare_recipes("baseline", "fast")
    assert "By the validation images" in compare_recipes("baseline", "erase")


def test_results_of_one_study_alone_are_compared(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert find_study("baseline", "fast") == paths.SEEDS_STUDY
    assert find_study("baseline", "erase") == paths.IMPROVEMENTS_STUDY
    assert find_study("whole", "no_flip") == paths.ABLATION_STUDY
    # Both studies have an ensemble; the first has a single seed of it.
    assert find_study("baseline", "ensemble") == paths.IMPROVEMENTS_STUDY
    assert find_study("accurate", "ensemble") == paths.SEEDS_STUDY
    with pytest.raises(UserError, match="no study has results of both fast and erase"):
        find_study("fast", "erase")
