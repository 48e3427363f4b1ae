"""Sets of images: the files that hold them, and the official ones."""

import numpy as np
import pytest
from conftest import ROOT

from fashion import paths
from fashion.data import release
from fashion.data.images import Images, load_images, save_images
from fashion.data.split import split
from fashion.params import PrepareParams
from fashion.pipeline.errors import UserError


def test_what_is_saved_is_loaded_and_its_bytes_are_stable(tmp_path):
    written = Images(
        np.arange(5 * 28 * 28, dtype=np.uint16).astype(np.uint8).reshape(5, 28, 28), np.array([3, 1, 4, 1, 5], np.uint8)
    )
    for name in ("a.npz", "b.npz"):
        save_images(tmp_path / name, written)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    read = load_images(tmp_path / "a.npz")
    np.testing.assert_array_equal(read.images, written.images)
    np.testing.assert_array_equal(read.labels, written.labels)


def test_the_real_data_set(raw, monkeypatch):
    monkeypatch.setattr(paths, "RAW", raw)
    monkeypatch.setattr(paths, "RAW_CLASSES", raw / "classes.txt")
    full = release.read_training_set()
    none = str(ROOT / paths.CORRECTIONS / "none.csv")
    recipe = PrepareParams.model_construct(images=60_000, validation_fraction=0.1, seed=0, corrections=none)
    train, validation = split(full, recipe)
    assert np.bincount(train.labels).tolist() == [5400] * 10
    assert np.bincount(validation.labels).tolist() == [600] * 10
    assert np.bincount(release.read_test_set().labels).tolist() == [1000] * 10
    with pytest.raises(UserError, match="10000 images, not 60000"):
        release.read("t10k", 60_000)
