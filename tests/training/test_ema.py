"""The exponential moving average of the weights."""

import numpy as np
import pytest
from small_training import MEMBER, Recorder, changed, images

from fashion.backend import keras
from fashion.training.fit import fit


@pytest.fixture(scope="module")
def data(raw):
    return images(raw)


def test_averaged_weights_come_with_the_statistics_of_what_they_compute(data):
    recipe = {"epochs": 1, "ema_decay": 0.98, "schedule": "constant", "warmup": 0.0}
    member = changed(MEMBER, train=recipe, model={"name": "resnet", "whiten": False})
    model, _ = fit(member, *data, Recorder())
    layer = next(layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization))
    seen = keras.Model(model.input, layer.input).predict(data[0].images, verbose=0)
    assert np.array(layer.moving_variance) == pytest.approx(seen.var(axis=(0, 1, 2)), rel=0.1)
    assert np.array(layer.moving_mean) == pytest.approx(seen.mean(axis=(0, 1, 2)), abs=0.05 * seen.std())


def test_it_is_the_exponential_mean_over_the_steps(data):
    """One step an epoch, so that the weights of each are seen."""
    recorder = Recorder()
    model, _ = fit(changed(MEMBER, train={"epochs": 3, "ema_decay": 0.75, "batch_size": 1000}), *data, recorder)
    first, *others = ([weights for weights in step[: len(model.weights)]] for step in recorder.values)
    expected = first
    for step in others:
        expected = [0.75 * mean + 0.25 * weights for mean, weights in zip(expected, step)]
    for ours, theirs in zip(model.get_weights(), expected):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert not np.allclose(expected[-1], others[-1][-1])
