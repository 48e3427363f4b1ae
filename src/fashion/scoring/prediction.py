"""What the networks predict."""

from typing import NamedTuple

import numpy as np

from fashion.backend import keras, tf, untuned
from fashion.data.facts import CLASSES

EVALUATION_BATCH = 1000


class View(NamedTuple):
    """An image as a network is shown it.

    Attributes:
        shift: by how many pixels the image is moved, down and to the right; what comes in is black.
        flipped: whether it is then flipped left to right.
        weight: of its probabilities in the mean over all views.
    """

    shift: int
    flipped: bool
    weight: float


# Test-time augmentation, by `evaluate.tta`. The six views of flip_shift and their weights: Jordan 2024, "94 % on CIFAR-10 in
# 3.29 seconds on a single GPU".
VIEWS = {
    "none": [View(0, False, 1)],
    "flip": [View(0, flipped, 1 / 2) for flipped in (False, True)],
    "flip_shift": [
        View(shift, flipped, weight / 2) for shift, weight in ((0, 1 / 2), (-1, 1 / 4), (1, 1 / 4)) for flipped in (False, True)
    ],
}


def evaluation_batches(images: np.ndarray | tf.Tensor) -> tf.data.Dataset:
    """Return images, uint8 of shape (N, 28, 28), in their order, as a network is to score them."""
    return untuned(tf.data.Dataset.from_tensor_slices(images).batch(EVALUATION_BATCH))


def apply_view(images, view: View):
    """Return images, uint8 of shape (N, 28, 28), as a network is shown them.

    Args:
        images: an array, or a Keras tensor.
        view: how they are shifted and flipped.
    """
    if view.shift:
        border, side = abs(view.shift), images.shape[1]
        first = border - view.shift
        # As int32, which every format that the model is exported to can pad.
        padded = keras.ops.pad(keras.ops.cast(images, "int32"), ((0, 0), (border, border), (border, border)))
        images = keras.ops.cast(padded[:, first : first + side, first : first + side], "uint8")
    return images[:, :, ::-1] if view.flipped else images


def predict(models: list[keras.Model], images: np.ndarray, tta: str) -> np.ndarray:
    """Return each model's probabilities; their mean over the models is the ensemble's.

    Args:
        models: the ensemble.
        images: uint8, shape (N, 28, 28).
        tta: test-time augmentation, a key of `VIEWS`: over which views a model's probabilities are averaged.

    Returns:
        float32, shape (models, N, 10).
    """
    probabilities = np.zeros((len(models), len(images), CLASSES), np.float32)
    for view in VIEWS[tta]:
        batches = evaluation_batches(keras.ops.convert_to_numpy(apply_view(images, view)))
        for number, model in enumerate(models):
            probabilities[number] += view.weight * model.predict(batches, verbose=0)
    return probabilities
