"""Why this class: the squares that matter are found, and what is black cannot matter."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fashion.inference.explanation import MOST_PICTURES, explain, squares
from fashion.pipeline.errors import UserError

RNG = np.random.default_rng(0)
KERNEL = RNG.normal(size=(28 * 28, 10)) / 28


def predict(images: np.ndarray) -> np.ndarray:
    """A softmax over all pixels."""
    logits = images.reshape(len(images), -1) / 255 @ KERNEL
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)


def test_the_explained_class_is_the_predicted_one():
    images = RNG.integers(0, 256, (5, 28, 28)).astype(np.uint8)
    explained = explain(images, predict)
    probabilities = predict(images)
    np.testing.assert_array_equal(explained.classes, probabilities.argmax(axis=1))
    np.testing.assert_allclose(explained.confidence, probabilities.max(axis=1), rtol=1e-6)
    assert explained.importance.shape == (5, 28, 28) and np.isfinite(explained.importance).all()


@given(arrays(np.uint8, (14, 14)), st.integers(0, 14), st.integers(0, 14))
def test_hiding_a_black_border_changes_nothing(middle, top, left):
    """Where every square that covers a pixel is black already, its importance is exactly 0."""
    image = np.zeros((1, 28, 28), np.uint8)
    image[0, top : top + 14, left : left + 14] = middle
    importance = explain(image, predict).importance[0]
    touching = (squares() & (image[0] > 0)).any(axis=(1, 2))
    border = ~squares()[touching].any(axis=0)
    assert (importance[border] == 0).all()


def test_the_pixels_that_decide_are_found_and_those_against_it_are_negative():
    def two(images: np.ndarray) -> np.ndarray:
        """Class 3 for light in the middle of the upper half, against it light at the lower left."""
        score = images[:, 4:8, 12:16].mean(axis=(1, 2)) / 255 - 0.5 * images[:, 20:24, 4:8].mean(axis=(1, 2)) / 255
        rows = np.full((len(images), 10), 0.01)
        rows[:, 3] = 0.4 + 0.4 * score
        return rows

    importance = explain(np.full((1, 28, 28), 255, np.uint8), two).importance[0]
    assert importance[4:8, 12:16].mean() > 0.1 and importance[20:24, 4:8].mean() < -0.05
    assert np.abs(importance[:, 22:]).max() == 0


def test_every_pixel_is_hidden_as_often():
    assert np.unique(squares().sum(axis=0)).tolist() == [9]


def test_too_many_pictures_are_refused_before_any_work():
    with pytest.raises(UserError, match="101 pictures are too many to explain; at most 100"):
        explain(np.zeros((MOST_PICTURES + 1, 28, 28), np.uint8), lambda images: pytest.fail("predicted"))
