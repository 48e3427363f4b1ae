"""Networks of keras.applications and EfficientNet-Lite0 with random weights, and how weights are read."""

import io
import socket
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_training import RECIPE

from fashion import params, paths
from fashion.backend import keras
from fashion.networks.build import HEAD, build
from fashion.networks.pretrained import backbones, efficientnet, torch_file
from fashion.params import ModelParams
from fashion.pipeline.errors import ParameterError, UserError


def backbone(**changes) -> ModelParams:
    tree = params.merge(
        RECIPE.model.model_dump(),
        {"name": "backbone", "whiten": False, "backbone": {"image_size": 32, "weights": "random"} | changes},
    )
    return ModelParams.model_validate(tree)


def fresh(params: ModelParams) -> keras.Model:
    keras.utils.set_random_seed(0)
    return build(params)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(efficientnet, "PACKAGE", "efficientnet_lite9_pytorch_model")
    with pytest.raises(UserError, match="efficientnet_lite9_pytorch_model: not installed; run `make extras`"):
        efficientnet.imagenet_weights(None)


def test_another_file_of_weights_is_refused(monkeypatch, tmp_path):
    (tmp_path / "weights.pth").write_bytes(b"other")
    monkeypatch.setattr(efficientnet, "packaged_file", lambda *_: tmp_path / "weights.pth")
    with pytest.raises(UserError, match="not the file whose SHA-256 is 579344248a93"):
        efficientnet.imagenet_weights(None)


@given(st.binary(max_size=200))
def test_no_other_file_is_taken_for_weights(content):
    with pytest.raises((ValueError, IndexError, KeyError, TypeError)):
        torch_file.load(content)


def test_reading_weights_calls_nothing(capsys):
    program = b"cbuiltins\nprint\n(X\x05\x00\x00\x00helloq\x00tR."
    assert torch_file.read_pickle(io.BytesIO(program)) == torch_file.Call("builtins print", ("hello",))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["efficientnet_lite0", "MobileNetV2", "MobileNetV3Small", "ResNet50"])
def test_black_and_white_are_scaled_as_the_network_wants(name):
    """What keras.applications prescribes for colour images, for a grey one."""
    layer = backbones.preprocessing(name)
    grey = np.repeat(np.arange(256, dtype=np.float32).reshape(16, 16, 1), 3, axis=2)
    network = backbones.find(name)
    if name == "efficientnet_lite0":
        expected = (grey / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    else:
        expected = sys.modules[network.__module__].preprocess_input(grey.copy())
    np.testing.assert_allclose(np.sort(layer(grey), axis=2), np.sort(expected, axis=2), atol=1e-4)


def test_only_the_last_layer_is_trained_or_everything_but_the_normalisation():
    assert [variable.path for variable in fresh(backbone()).trainable_variables] == [
        f"{HEAD}/kernel",
        f"{HEAD}/bias",
    ]
    names = [variable.path for variable in fresh(backbone(fine_tune=True)).trainable_variables]
    assert len(names) == 51
    assert not [name for name in names if "_norm" in name]


def test_the_normalisation_keeps_its_statistics():
    model = fresh(backbone(fine_tune=True))
    images = np.random.default_rng(0).integers(0, 256, (8, 28, 28), np.uint8)
    np.testing.assert_array_equal(model(images, training=True), model(images, training=False))


def test_wrong_backbones_are_refused():
    with pytest.raises(ParameterError, match=r"model.backbone.name: no network is called 'Resnet50'; there are ConvNeXtBase"):
        fresh(backbone(name="Resnet50"))
    with pytest.raises(ParameterError, match=r"model.backbone.name: EfficientNetB0 cannot be copied by its weights; take Effi"):
        fresh(backbone(name="EfficientNetB0"))
    with pytest.raises(ParameterError, match=r"model.backbone: Xception: Input size must be at least 71x71"):
        fresh(backbone(name="Xception"))


@pytest.mark.parametrize("name", ["EfficientNetV2B0", "ConvNeXtTiny"])
def test_what_scales_pixels_within_a_network_is_constant(name):
    """Otherwise Keras' layer Normalization computes with a state that copies of its weights do not have."""
    network = backbones.make(backbone(name=name).backbone)
    scaling = [layer for layer in network.layers if isinstance(layer, keras.layers.Normalization)]
    assert scaling and all(layer.input_mean is not None for layer in scaling)


def test_weights_from_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths.WEIGHTS.mkdir(parents=True)
    donor = backbones.make(backbone(name="MobileNetV2").backbone)
    donor.save_weights(paths.WEIGHTS / "mine.weights.h5")
    chosen = backbone(name="MobileNetV2", weights="mine.weights.h5")
    model = fresh(chosen)
    backbones.load_weights(model, chosen.backbone)
    for ours, theirs in zip(model.get_layer(backbones.LAYER).get_weights(), donor.get_weights()):
        np.testing.assert_array_equal(ours, theirs)

    with pytest.raises(ParameterError, match=r"model.backbone.weights: data/weights/other.h5 does not exist"):
        backbones.load_weights(model, chosen.backbone.model_copy(update={"weights": "other.h5"}))
    other = backbone(weights="mine.weights.h5")
    with pytest.raises(UserError, match=r"data/weights/mine.weights.h5: no weights of efficientnet_lite0 \("):
        backbones.load_weights(fresh(other), other.backbone)


def test_without_a_network_the_error_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(keras.utils, "get_file", None)
    chosen = backbone(name="MobileNetV2", weights="imagenet")

    def refuse(*_):
        raise OSError("Network is unreachable")

    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(
        UserError, match=r"the weights of MobileNetV2 could not be downloaded .*; without a network use efficient"
    ):
        backbones.load_weights(fresh(chosen), chosen.backbone)
