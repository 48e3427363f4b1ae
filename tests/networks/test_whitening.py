"""The whitened first layer."""

import numpy as np
import pytest
from small_training import MEMBER, Recorder, images

from fashion.backend import keras
from fashion.networks.whitening import EPSILON, whitening_filters
from fashion.training.compile import compile_for_training
from fashion.training.fit import fit
from fashion.training.optimizer import ScheduleTable
from fashion.training.schedules import learning_rates


@pytest.fixture(scope="module")
def data(raw):
    return images(raw)


@pytest.mark.parametrize(("side", "count"), [(3, 32), (3, 16), (5, 10)])
def test_whitening_filters_give_uncorrelated_outputs_of_a_variance_that_only_epsilon_makes_unequal(data, side, count):
    pixels = data[0].images[:500] / 90 - 0.8
    kernel, bias = whitening_filters(pixels, side, count, np.random.default_rng(0))
    assert kernel.shape == (side, side, 1, count) and bias.shape == (count,)
    outputs = np.array(keras.ops.conv(pixels[..., None].astype(np.float32), kernel)) + bias
    patches = np.lib.stride_tricks.sliding_window_view(pixels, (side, side), axis=(1, 2))
    uneven = np.ptp(patches, axis=(3, 4)) > 0
    outputs, patches = outputs[uneven], patches[uneven].reshape(-1, side * side)
    pairs = min(count, 2 * side * side) // 2
    covariance = np.cov(outputs[:, : 2 * pairs : 2].T)
    assert outputs.mean(axis=0) == pytest.approx(0, abs=1e-3)
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 1e-3 * covariance.max()
    variances = np.linalg.eigvalsh(np.cov(patches.T))[::-1][:pairs]
    scale = np.diag(covariance) / (variances / (variances + EPSILON))
    np.testing.assert_allclose(scale, scale[0], rtol=1e-3)
    np.testing.assert_allclose(kernel[..., : 2 * pairs : 2], -kernel[..., 1 : 2 * pairs : 2])


def test_a_whitened_first_layer_is_not_trained(data):
    assert MEMBER.model.whiten
    before = compile_for_training(MEMBER, data[0].images, ScheduleTable(learning_rates(MEMBER.train, 20)))
    trained, _ = fit(MEMBER, *data, Recorder())
    equal = [np.array_equal(a, b) for a, b in zip(before.get_weights(), trained.get_weights(), strict=True)]
    assert equal == [True, True, *[False] * 8]
