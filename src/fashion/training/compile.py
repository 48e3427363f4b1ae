"""What comes before the first epoch: a network with fresh weights, its loss and its optimizer."""

from typing import Any

import numpy as np

from fashion.backend import keras, tf
from fashion.networks.build import build
from fashion.networks.normalization import FusedBatchNormalization
from fashion.networks.pretrained import backbones
from fashion.networks.whitening import whiten
from fashion.params import MemberParams
from fashion.pipeline import code
from fashion.training import precision
from fashion.training.optimizer import ScheduleTable, make_optimizer

# Steps that TensorFlow runs on its own before it comes back to Python: enough to hide that, few enough for Ctrl-C to act soon.
STEPS_AT_ONCE = 32
DTYPE_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


def compile_for_training(params: MemberParams, images: np.ndarray, schedule: ScheduleTable) -> keras.Model:
    """Build a member's network with fresh weights, in the precision that its recipe names, ready for `fit`.

    Args:
        params: the member's parameters.
        images: uint8, shape (N, 28, 28): the training images, to whiten the first layer.
        schedule: the learning rates.

    Raises:
        UserError: the backbone's weights are not available.
    """
    recipe = params.train
    penalty = keras.regularizers.L1L2(recipe.l1, recipe.l2) if recipe.l1 or recipe.l2 else None
    keras.utils.set_random_seed(params.seed)
    keras.config.set_dtype_policy(DTYPE_POLICIES[precision.choose(recipe.precision)])
    model = build(params.model, penalty, FusedBatchNormalization)
    keras.config.set_dtype_policy("float32")
    if params.model.whiten:
        whiten(model, images, np.random.default_rng(params.seed))
    if params.model.name == "backbone":
        backbones.load_weights(model, params.model.backbone)
    loss = keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing)
    # The metric is the loss without label smoothing and penalties, so that it compares with the validation loss.
    metrics = ["accuracy", keras.metrics.CategoricalCrossentropy(name="cross_entropy")]
    model.compile(make_optimizer(recipe, schedule), loss, metrics=metrics, steps_per_execution=STEPS_AT_ONCE)
    model.optimizer.build(model.trainable_variables)
    return model


def determined_by(params: MemberParams, data: list[str]) -> dict[str, Any]:
    """Return what a training's result is determined by, to name its checkpoint.

    Args:
        params: the member's parameters.
        data: the SHA-256 of the training and of the validation images.
    """
    return {
        "params": params.model_dump(),
        "code": sorted(code.imported().values()),
        "data": data,
        "weights": backbones.digest(params.model),
        "libraries": [keras.backend.backend(), keras.__version__, tf.__version__, np.__version__],
        "precision": precision.choose(params.train.precision),
    }
