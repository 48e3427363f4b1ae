"""Test-time augmentation: its views, and their mean."""

import numpy as np
import pytest

from fashion.backend import keras
from fashion.scoring.prediction import VIEWS, View, apply_view, predict


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(1, 256, (3, 28, 28), np.uint8)


@pytest.mark.parametrize("tta", VIEWS)
def test_the_weights_sum_to_one(tta):
    assert sum(view.weight for view in VIEWS[tta]) == 1


def test_a_view_is_shifted_then_flipped(images):
    np.testing.assert_array_equal(apply_view(images, View(0, False, 1)), images)
    np.testing.assert_array_equal(apply_view(images, View(0, True, 1)), images[:, :, ::-1])
    down = np.array(apply_view(images, View(1, False, 1)))
    assert (down[:, 0] == 0).all() and (down[:, :, 0] == 0).all()
    np.testing.assert_array_equal(down[:, 1:, 1:], images[:, :-1, :-1])
    up = np.array(apply_view(images, View(-2, True, 1)))
    assert (up[:, -2:] == 0).all() and (up[:, :, :2] == 0).all()
    np.testing.assert_array_equal(up[:, :-2, 2:], images[:, 2:, :1:-1])


@pytest.mark.parametrize("tta", VIEWS)
def test_predictions_are_the_weighted_mean_over_the_views(tta, images):
    keras.utils.set_random_seed(0)
    image = keras.Input((28, 28), dtype="uint8")
    flat = keras.layers.Rescaling(1 / 255)(keras.layers.Flatten()(image))
    models = [keras.Model(image, keras.layers.Dense(10, activation="softmax")(flat)) for _ in range(2)]
    found = predict(models, images, tta)
    assert found.shape == (2, 3, 10) and found.dtype == np.float32
    for model, probabilities in zip(models, found):
        expected = sum(view.weight * np.array(model(np.array(apply_view(images, view)))) for view in VIEWS[tta])
        np.testing.assert_allclose(probabilities, expected, rtol=1e-5)
