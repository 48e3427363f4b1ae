"""studies/labels/duplicates.py: which images are nearly the same."""

import csv
import runpy

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from fashion.data import corrections, idx


@pytest.fixture(scope="module")
def study():
    return runpy.run_path(str(ROOT / "studies/labels/duplicates.py"))


def garments(rng: np.random.Generator, number: int) -> np.ndarray:
    """Images of noise with a black border, uint8 of shape (number, 28, 28)."""
    images = np.zeros((number, 28, 28), np.uint8)
    images[:, 4:24, 4:24] = rng.integers(0, 256, (number, 20, 20))
    return images


@pytest.mark.parametrize(
    ("view", "change"),
    {
        "as it is": lambda image: image,
        "mirrored": lambda image: image[:, ::-1],
        "right by a pixel": lambda image: np.roll(image, -1, axis=1),
        "left by a pixel": lambda image: np.roll(image, 1, axis=1),
        "down by a pixel": lambda image: np.roll(image, -1, axis=0),
        "up by a pixel": lambda image: np.roll(image, 1, axis=0),
    }.items(),
)
def test_what_was_hidden_is_found(study, view, change):
    """A training and a test image that become another training image, but for one grey level, when they are shown like that."""
    rng = np.random.default_rng(0)
    train, test = garments(rng, 30), garments(rng, 5)
    for hidden in (train[3:4], test[2:3]):
        hidden[0] = change(train[20])
        hidden[0, 14, 14] ^= 1
    found = {pair[:4]: pair.distance for pair in study["find_pairs"](train, test)}
    assert found.pop(("train", 3, view, 20)) == found.pop(("test", 2, view, 20)) == 1
    # The two that were hidden are the same, however they are shown.
    assert found == {("test", 2, "as it is", 3): 0}


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1), noise=st.integers(1, 12))
def test_it_finds_what_comparing_all_with_all_finds(study, seed, noise):
    rng = np.random.default_rng(seed)
    train = garments(rng, 8).repeat(4, axis=0)
    train[:, 4:24, 4:24] = np.clip(train[:, 4:24, 4:24] + rng.integers(-noise, noise + 1, (32, 20, 20)), 0, 255)
    found = {(pair.image, pair.train_image) for pair in study["find_pairs"](train, garments(rng, 1)) if pair.view == "as it is"}
    distances = np.linalg.norm(train[:, None].astype(float) - train[None], axis=(2, 3))
    assert found == {(one, two) for one, two in np.argwhere(distances < study["RADIUS"]).tolist() if one < two}


def test_the_committed_tables_belong_together(study, raw):
    with (ROOT / "studies/labels/duplicates.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    pairs = [
        study["Pair"](row["split"], int(row["image"]), row["view"], int(row["train_image"]), float(row["distance"]))
        for row in rows
    ]
    assert all(pair.distance < study["RADIUS"] for pair in pairs) and pairs == sorted(pairs, key=lambda pair: pair.distance)
    labels = {
        split: idx.read(raw / f"{prefix}-labels-idx1-ubyte", 1) for split, prefix in {"train": "train", "test": "t10k"}.items()
    }
    left_out = {pair.train_image for pair in pairs}
    page = (ROOT / "studies/labels/duplicates.md").read_text()
    assert study["in_words"](pairs, labels, len(left_out)) == page
    kept = corrections.read(ROOT / study["CORRECTIONS"], labels["train"]).kept
    assert set(np.flatnonzero(~kept).tolist()) == left_out
