"""What each kind of augmentation makes of images and targets."""

import numpy as np
import pytest
from small_training import training_set

from fashion.params import AugmentParams
from fashion.training.augmentation import apply, draw


@pytest.fixture(scope="module")
def images(raw):
    return training_set(raw).images[:200]


def augmented(images: np.ndarray, flipped: bool = False, **strengths: float) -> tuple[np.ndarray, np.ndarray]:
    """Images and targets, one class each, after augmentation."""
    none = {"flip": 0.0, "shift": 0, "rotate": 0.0, "zoom": 0.0, "erase": 0, "mixup": 0.0, "cutmix": 0.0}
    recipe = AugmentParams(**none | strengths)
    draws = draw(recipe, np.full(len(images), flipped), np.random.default_rng(0))
    changed, targets = apply(recipe, images, np.eye(len(images), dtype=np.float32), draws)
    return np.array(changed), np.array(targets)


def test_strength_0_changes_nothing(images):
    images = images[:10]
    changed, targets = augmented(images)
    np.testing.assert_array_equal(changed, images)
    np.testing.assert_array_equal(targets, np.eye(10))


@pytest.mark.parametrize("others", [{}, {"zoom": 1e-6}], ids=["alone", "with others"])
def test_a_flipped_image_is_read_from_right_to_left(images, others):
    images = images[:10]
    changed, _ = augmented(images, flipped=True, flip=1.0, **others)
    np.testing.assert_array_equal(changed, images[:, :, ::-1])


def test_a_shift_moves_whole_pixels_each_way_and_brings_in_black(images):
    changed, _ = augmented(images, shift=2)
    seen = set()
    for before, after in zip(np.pad(images, ((0, 0), (2, 2), (2, 2))), changed):
        fits = [(y, x) for y in range(5) for x in range(5) if (before[y : y + 28, x : x + 28] == after).all()]
        assert fits
        seen |= {fits[0]} if len(fits) == 1 else set()
    assert len(seen) == 25


def test_rotation_keeps_the_middle_and_stays_in_its_range_as_zoom_does(images):
    images = images[:50]
    turned, _ = augmented(images, rotate=10.0)
    assert (turned != images).any(axis=(1, 2)).all()
    assert np.abs(turned[:, 12:16, 12:16].astype(float) - images[:, 12:16, 12:16]).mean() < 20
    white = np.full((200, 28, 28), 255, np.uint8)
    lower = white * (np.arange(28) >= 14).astype(np.uint8)[:, None]
    turned, _ = augmented(lower, rotate=10.0)
    edges = (255 - turned[:, 6:22].astype(float)).sum(axis=1) / 255  # near the middle, where no black comes in
    slopes = (edges[:, 19] - edges[:, 8]) / 11
    for largest in (slopes.max(), -slopes.min()):
        assert np.tan(np.deg2rad(8)) < largest < np.tan(np.deg2rad(10.5))
    zoomed, _ = augmented(white, zoom=0.2)
    sides = (zoomed[:, 14] > 127).sum(axis=1)
    assert sides.min() in (23, 24) and sides.max() == 28


def test_erasing_paints_a_grey_box(images):
    images = images[:100]
    changed, _ = augmented(images, erase=12)
    # One side in thirteen is drawn as 0, and then nothing is erased.
    assert (changed != images).any(axis=(1, 2)).sum() > 50
    for before, after in zip(images, changed):
        rows, columns = np.nonzero(before != after)
        if len(rows):
            box = after[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
            assert max(box.shape) <= 12
            assert len(np.unique(after[before != after])) == 1


@pytest.mark.parametrize("mix", ["mixup", "cutmix"])
def test_mixed_images_have_mixed_labels(images, mix):
    images = images[:100]
    changed, targets = augmented(images, **{mix: 1.0})
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-6)
    own = np.diag(targets)
    assert own.min() < 0.2 and own.max() > 0.8
    if mix == "mixup":
        expected = own[:, None, None] * images + (1 - own[:, None, None]) * images[::-1]
        np.testing.assert_allclose(changed, expected, atol=0.51)
    else:
        assert ((changed == images) | (changed == images[::-1])).all()
