"""What is built from the parameters."""

import numpy as np
import pytest
from conftest import ROOT
from small_training import RECIPE, training_set

from fashion import params
from fashion.backend import keras
from fashion.data.facts import PIXEL_MEAN, PIXEL_STD
from fashion.networks.build import build


def test_the_network_is_the_baselines():
    model = build(params.load(ROOT / "recipes/baseline.yaml").model)
    names = [type(layer).__name__ for layer in model.layers]
    assert names[3:] == ["Conv2D", "MaxPooling2D", "Conv2D", "MaxPooling2D", "Conv2D", "Flatten", "Dense", "Dense"]
    assert [layer.filters for layer in model.layers if isinstance(layer, keras.layers.Conv2D)] == [32, 64, 64]
    assert model.count_params() == 93_322


def test_standard_pixels_have_mean_0_and_std_1(raw):
    images = training_set(raw).images
    assert images.mean() == pytest.approx(PIXEL_MEAN, abs=0.01)
    assert images.std() == pytest.approx(PIXEL_STD, abs=0.01)
    for scaling, expected in (("standard", (images[:9] - images.mean()) / images.std()), ("unit", images[:9] / 255)):
        scale = build(RECIPE.model.model_copy(update={"scaling": scaling})).get_layer("scale")
        np.testing.assert_allclose(scale(images[:9]), expected, atol=1e-3)


@pytest.mark.parametrize("name", ["cnn", "resnet"])
def test_penalties_and_normalisation_reach_every_kernel(name):
    normalized = RECIPE.model.cnn.model_copy(update={"batch_norm": True})
    recipe = RECIPE.model.model_copy(update={"name": name, "whiten": False, "cnn": normalized})
    model = build(recipe, keras.regularizers.L2(0.1))
    kernels = [layer.kernel for layer in model.layers if hasattr(layer, "kernel")]
    assert len(model.losses) == len(kernels)
    expected = sum(0.1 * float((kernel.numpy() ** 2).sum()) for kernel in kernels)
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-4)
    assert any(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers)
