"""Transfer learning from the weights of EfficientNet-Lite0, which come in a package of their own."""

from pathlib import Path

import numpy as np
import pytest
from small_training import MEMBER, RECIPE, Recorder, changed, training_set

from fashion import params
from fashion.backend import keras
from fashion.data.images import Images
from fashion.networks.build import build
from fashion.networks.pretrained import backbones, efficientnet
from fashion.params import ModelParams
from fashion.training.fit import fit

REFERENCE = Path(__file__).parents[1] / "reference/efficientnet_lite0_logits.npz"


def backbone(**changes) -> ModelParams:
    tree = params.merge(
        RECIPE.model.model_dump(),
        {"name": "backbone", "whiten": False, "backbone": {"image_size": 32, "weights": "random"} | changes},
    )
    return ModelParams.model_validate(tree)


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


def test_the_weights_reach_the_network():
    chosen = backbone(weights="imagenet")
    keras.utils.set_random_seed(0)
    model = build(chosen)
    before = model.get_layer(backbones.LAYER).get_weights()
    backbones.load_weights(model, chosen.backbone)
    after = model.get_layer(backbones.LAYER).get_weights()
    assert len(after) == 245
    assert not any(np.array_equal(old, new) for old, new in zip(before, after))


@pytest.mark.parametrize(("fine_tune", "learning_rate"), [(False, 0.003), (True, 0.0003)])
def test_a_backbone_is_trained(fine_tune, learning_rate, raw):
    """ImageNet's features tell trousers from boots after a handful of steps."""
    full = training_set(raw)
    chosen = np.flatnonzero((full.labels == 1) | (full.labels == 9))[:400]
    recipe = {"optimizer": "adam", "learning_rate": learning_rate, "weight_decay": 0.0, "batch_size": 20, "epochs": 3}
    member = changed(MEMBER, train=recipe).model_copy(update={"model": backbone(weights="imagenet", fine_tune=fine_tune)})
    train, held_out = (Images(full.images[part], full.labels[part]) for part in (chosen[:300], chosen[300:]))
    model, history = fit(member, train, held_out, Recorder())
    assert history[-1]["validation_accuracy"] > 0.95
    assert np.isfinite(model.predict(held_out.images, verbose=0)).all()
