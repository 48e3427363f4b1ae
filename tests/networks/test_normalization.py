"""The fused batch normalisation."""

import numpy as np
from small_training import training_set

from fashion.backend import keras
from fashion.networks.normalization import FusedBatchNormalization


def test_fused_normalisation_is_keras_own(raw):
    images = training_set(raw).images[:100, :, :, None] / np.linspace(60, 255, 16, dtype=np.float32) - np.float32(0.3)
    fused, own = FusedBatchNormalization(), keras.layers.BatchNormalization()
    np.testing.assert_allclose(fused(images, training=True), own(images, training=True), atol=1e-3)
    for weights, expected in zip(fused.get_weights(), own.get_weights()):
        np.testing.assert_allclose(weights, expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(fused(images), own(images), atol=1e-4)
