"""The split into training and validation images, and the folds of a cross-validation."""

import numpy as np
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from fashion import paths
from fashion.data.images import Images
from fashion.data.split import split, stratified_folds
from fashion.params import PrepareParams

NONE = str(ROOT / paths.CORRECTIONS / "none.csv")


def numbered(labels: list[int]) -> Images:
    """Images that carry their own index in their first two pixels."""
    images = np.zeros((len(labels), 28, 28), np.uint8)
    images[:, 0, 0], images[:, 0, 1] = np.divmod(np.arange(len(labels)), 256)
    return Images(images, np.array(labels, np.uint8))


def numbers(part: Images) -> list[int]:
    return (part.images[:, 0, 0].astype(int) * 256 + part.images[:, 0, 1]).tolist()


@given(
    labels=st.lists(st.integers(0, 9), min_size=1, max_size=300),
    used=st.floats(0.1, 1),
    fraction=st.floats(0.01, 0.9),
    seed=st.integers(0, 2**31 - 1),
)
def test_every_split_is_stratified_disjoint_complete_and_stable(labels, used, fraction, seed):
    full = numbered(labels)
    size = max(1, int(used * len(labels)))
    params = PrepareParams.model_construct(images=size, validation_fraction=fraction, seed=seed, corrections=NONE)
    train, validation = split(full, params)
    again = split(full, params)

    assert [numbers(part) for part in again] == [numbers(train), numbers(validation)]
    assert not set(numbers(train)) & set(numbers(validation))
    for part in (train, validation):
        assert numbers(part) == sorted(numbers(part))
        assert part.labels.tolist() == [labels[number] for number in numbers(part)]
    for label in set(labels):
        available = labels.count(label)
        kept = round(size / len(labels) * available)
        held_out = validation.labels.tolist().count(label)
        assert held_out == round(fraction * kept)
        assert train.labels.tolist().count(label) + held_out == kept


def test_another_seed_gives_another_split():
    full = numbered([0, 1] * 100)
    recipe = {"images": 200, "validation_fraction": 0.2, "corrections": NONE}
    first, second = (numbers(split(full, PrepareParams.model_construct(seed=seed, **recipe))[1]) for seed in (0, 1))
    assert first != second


@given(st.lists(st.integers(0, 9), min_size=1, max_size=300), st.integers(2, 10), st.integers(0, 2**31 - 1))
def test_folds_are_stratified_and_stable(labels, folds, seed):
    assigned = stratified_folds(np.array(labels), folds, seed)
    assert assigned.tolist() == stratified_folds(np.array(labels), folds, seed).tolist()
    for label in set(labels):
        sizes = np.bincount(assigned[np.array(labels) == label], minlength=folds + 1)
        assert sizes[0] == 0 and len(sizes) == folds + 1
        assert np.ptp(sizes[1:]) <= 1
