"""The split and the files that hold it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import prepare
from fashion import dataset
from fashion.dataset import Images
from fashion.errors import UserError
from fashion.params import PrepareParams

NONE = "corrections/none.csv"


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
    params = PrepareParams.model_construct(images=size, validation_fraction=fraction, seed=seed, exclude=NONE)
    train, validation = prepare.split(full, params)
    again = prepare.split(full, params)

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
    first, second = (
        numbers(prepare.split(full, PrepareParams(images=200, validation_fraction=0.2, seed=seed, exclude=NONE))[1])
        for seed in (0, 1)
    )
    assert first != second


def test_what_is_saved_is_loaded_and_its_bytes_are_stable(tmp_path):
    written = numbered([3, 1, 4, 1, 5])
    for name in ("a.npz", "b.npz"):
        dataset.save(tmp_path / name, written)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    read = dataset.load(tmp_path / "a.npz")
    np.testing.assert_array_equal(read.images, written.images)
    np.testing.assert_array_equal(read.labels, written.labels)


def test_the_real_data_set(raw, monkeypatch):
    monkeypatch.setattr(prepare, "RAW", raw)
    full = prepare.read_raw("train", 60_000)
    train, validation = prepare.split(full, PrepareParams(images=60_000, validation_fraction=0.1, seed=0, exclude=NONE))
    assert np.bincount(train.labels).tolist() == [5400] * 10
    assert np.bincount(validation.labels).tolist() == [600] * 10
    with pytest.raises(UserError, match="10000 images, not 60000"):
        prepare.read_raw("t10k", 60_000)
