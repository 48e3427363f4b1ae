"""Transfer learning: the port of EfficientNet-Lite0, the networks of keras.applications, frozen and trained further."""

import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

from fashion import backbones, efficientnet, models, params, torch_file, training
from fashion.backend import keras
from fashion.errors import ParameterError, UserError
from fashion.params import ModelParams

REFERENCE = Path(__file__).parent / "reference/efficientnet_lite0_logits.npz"


def backbone(**changes) -> ModelParams:
    base = params.load(ROOT / "tests/params.yaml").model.model_dump()
    tree = params.merge(base, {"name": "backbone", "whiten": False, "backbone": {"side": 32, "weights": "random"} | changes})
    return ModelParams.model_validate(tree)


def fresh(params: ModelParams) -> keras.Model:
    keras.utils.set_random_seed(0)
    return models.build(params)


@pytest.mark.parametrize("side", [224, 96])
def test_the_port_gives_the_logits_of_the_original(side):
    """The reference was computed once with PyTorch 2.15 and the package efficientnet-lite-pytorch 0.1.0 on the same inputs."""
    network = efficientnet.efficientnet_lite0((side, side, 3), include_top=True)
    network.set_weights(efficientnet.imagenet_weights(network))
    inputs = np.random.default_rng(side).normal(size=(2, side, side, 3)).astype(np.float32)
    with np.load(REFERENCE, allow_pickle=False) as reference:
        expected = reference[f"side_{side}"]
    assert expected.std() > 0.5
    np.testing.assert_allclose(network.predict(inputs, verbose=0), expected, atol=1e-3, rtol=0)


def test_the_weights_reach_the_network(monkeypatch):
    monkeypatch.chdir(ROOT)
    chosen = backbone(weights="imagenet")
    model = fresh(chosen)
    before = model.get_layer(backbones.LAYER).get_weights()
    backbones.load_weights(model, chosen.backbone)
    after = model.get_layer(backbones.LAYER).get_weights()
    assert len(after) == 245
    assert not any(np.array_equal(old, new) for old, new in zip(before, after))


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(efficientnet, "PACKAGE", "efficientnet_lite9_pytorch_model")
    with pytest.raises(UserError, match="efficientnet_lite9_pytorch_model: not installed; run `make extras`"):
        efficientnet.weights_file()


def test_another_file_of_weights_is_refused(monkeypatch, tmp_path):
    (tmp_path / "weights.pth").write_bytes(b"other")
    monkeypatch.setattr(efficientnet, "weights_file", lambda: tmp_path / "weights.pth")
    with pytest.raises(UserError, match="not the file whose SHA-256 is 579344248a93"):
        efficientnet.imagenet_weights(None)


@given(st.binary(max_size=200))
def test_no_other_file_is_taken_for_weights(content):
    with pytest.raises((ValueError, IndexError, KeyError, TypeError)):
        torch_file.load(content)


def test_reading_weights_calls_nothing(capsys):
    program = b"cbuiltins\nprint\n(X\x05\x00\x00\x00helloq\x00tR."
    assert torch_file.read_pickle(__import__("io").BytesIO(program)) == torch_file.Call("builtins print", ("hello",))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["efficientnet_lite0", "MobileNetV2", "MobileNetV3Small", "ResNet50"])
def test_black_and_white_are_scaled_as_the_network_wants(name):
    """What keras.applications prescribes for colour images, for a grey one."""
    layer = backbones.preprocessing(name)
    grey = np.repeat(np.arange(256, dtype=np.float32).reshape(16, 16, 1), 3, axis=2)
    network = backbones.find(name)
    if name == "efficientnet_lite0":
        expected = (grey / 255 - np.array(efficientnet.MEAN)) / np.array(efficientnet.DEVIATION)
    else:
        expected = sys.modules[network.__module__].preprocess_input(grey.copy())
    np.testing.assert_allclose(np.sort(layer(grey), axis=2), np.sort(expected, axis=2), atol=1e-4)


def test_only_the_last_layer_is_trained_or_everything_but_the_normalisation():
    assert [variable.path for variable in fresh(backbone()).trainable_variables] == [
        f"{models.HEAD}/kernel",
        f"{models.HEAD}/bias",
    ]
    names = [variable.path for variable in fresh(backbone(fine_tune=True)).trainable_variables]
    assert len(names) == 51
    assert not [name for name in names if "_norm" in name]


def test_the_normalisation_keeps_its_statistics():
    model = fresh(backbone(fine_tune=True))
    images = np.random.default_rng(0).integers(0, 256, (8, 28, 28), np.uint8)
    np.testing.assert_array_equal(model(images, training=True), model(images, training=False))


def test_wrong_backbones_are_refused():
    with pytest.raises(ParameterError, match="model.backbone.name: no network is called 'Resnet50'; there are ConvNeXtBase"):
        fresh(backbone(name="Resnet50"))
    with pytest.raises(ParameterError, match="model.backbone.name: EfficientNetB0 cannot be copied by its weights; take Effi"):
        fresh(backbone(name="EfficientNetB0"))
    with pytest.raises(ParameterError, match="model.backbone: Xception: Input size must be at least 71x71"):
        fresh(backbone(name="Xception"))


@pytest.mark.parametrize("name", ["EfficientNetV2B0", "ConvNeXtTiny"])
def test_what_scales_pixels_within_a_network_is_constant(name):
    """Otherwise Keras' layer Normalization computes with a state that copies of its weights do not have."""
    network = backbones.make(backbone(name=name).backbone)
    scaling = [layer for layer in network.layers if isinstance(layer, keras.layers.Normalization)]
    assert scaling and all(layer.input_mean is not None for layer in scaling)


def test_weights_from_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("weights").mkdir()
    donor = backbones.make(backbone(name="MobileNetV2").backbone)
    donor.save_weights("weights/mine.weights.h5")
    chosen = backbone(name="MobileNetV2", weights="mine.weights.h5")
    model = fresh(chosen)
    backbones.load_weights(model, chosen.backbone)
    for ours, theirs in zip(model.get_layer(backbones.LAYER).get_weights(), donor.get_weights()):
        np.testing.assert_array_equal(ours, theirs)

    with pytest.raises(ParameterError, match=r"model.backbone.weights: weights/other.h5 does not exist"):
        backbones.load_weights(model, chosen.backbone.model_copy(update={"weights": "other.h5"}))
    other = backbone(weights="mine.weights.h5")
    with pytest.raises(UserError, match=r"weights/mine.weights.h5: no weights of efficientnet_lite0 \("):
        backbones.load_weights(fresh(other), other.backbone)


def test_without_a_network_the_error_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(keras.utils, "get_file", None)
    chosen = backbone(name="MobileNetV2", weights="imagenet")
    import socket

    def refuse(*_):
        raise OSError("Network is unreachable")

    monkeypatch.setattr(socket, "create_connection", refuse)
    with pytest.raises(
        UserError, match="the weights of MobileNetV2 could not be downloaded .*; without a network use efficient"
    ):
        backbones.load_weights(fresh(chosen), chosen.backbone)


@pytest.mark.parametrize(("fine_tune", "learning_rate"), [(False, 0.003), (True, 0.0003)])
def test_a_backbone_is_trained(fine_tune, learning_rate, monkeypatch, raw, tmp_path):
    """ImageNet's features tell trousers from boots after a handful of steps."""
    import prepare
    from fashion.checkpoint import Checkpoint
    from fashion.dataset import Images

    monkeypatch.setattr(prepare, "RAW", raw)
    full = prepare.read_raw("train", 60_000)
    chosen = np.flatnonzero((full.labels == 1) | (full.labels == 9))[:400]
    read = params.load(ROOT / "tests/params.yaml")
    member = next(iter(read.ensemble.values()))
    changes = {"optimizer": "adam", "learning_rate": learning_rate, "weight_decay": 0.0, "batch_size": 20, "epochs": 3}
    recipe = member.train.model_copy(update=changes)
    member = member.model_copy(update={"model": backbone(weights="imagenet", fine_tune=fine_tune), "train": recipe})
    monkeypatch.chdir(tmp_path)
    train, held_out = (Images(full.images[part], full.labels[part]) for part in (chosen[:300], chosen[300:]))
    model, history = training.fit(member, train, held_out, Checkpoint("first", determined_by="this test"))
    assert history[-1]["validation_accuracy"] > 0.95
    assert np.isfinite(model.predict(held_out.images, verbose=0)).all()
