"""Which pixels made a picture the class that it was taken for.

Occlusion sensitivity: Zeiler & Fergus 2014, "Visualizing and understanding convolutional networks". It needs nothing of a
network but its predictions, so it explains an ensemble, test-time augmentation and an exported model as they are.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from fashion.data.facts import IMAGE_SIDE
from fashion.pipeline.errors import UserError

# Side of the square that is blacked out, and how far it moves from one place to the next, pixels.
SQUARE, STEP = 6, 2
# Its places along a side. The outer ones reach beyond the image, so that as many squares cover a pixel there as elsewhere.
PLACES = range(STEP - SQUARE, IMAGE_SIDE, STEP)
# Each picture takes some 250 predictions.
MOST_PICTURES = 100


class Explanation(NamedTuple):
    """Why N images were taken for their classes.

    Attributes:
        classes: the most probable class of each, integers of shape (N,).
        confidence: its probability, float32 of shape (N,).
        importance: float32, shape (N, 28, 28): by how much that probability falls when a square around a pixel is black, as the
            background is, on average over the squares; below 0 where it rises.
    """

    classes: np.ndarray
    confidence: np.ndarray
    importance: np.ndarray


def squares() -> np.ndarray:
    """Return the pixels that are blacked out together: bool, shape (places, 28, 28)."""
    pixels = np.arange(IMAGE_SIDE)
    lines = np.stack([(pixels >= place) & (pixels < place + SQUARE) for place in PLACES])
    return (lines[:, None, :, None] & lines[None, :, None, :]).reshape(-1, IMAGE_SIDE, IMAGE_SIDE)


def explain(images: np.ndarray, predict: Callable[[np.ndarray], np.ndarray]) -> Explanation:
    """Black out one square after the other, and see what that does to the predicted class.

    Args:
        images: uint8, shape (N, 28, 28).
        predict: returns probabilities, shape (N, 10), of such images.

    Raises:
        UserError: there are too many.
    """
    if len(images) > MOST_PICTURES:
        raise UserError(f"{len(images)} pictures are too many to explain; at most {MOST_PICTURES}")
    hidden = squares()
    variants = np.concatenate([images[:, None], np.where(hidden, 0, images[:, None])], axis=1)  # first the image as it is
    probabilities = predict(variants.reshape(-1, IMAGE_SIDE, IMAGE_SIDE)).reshape(len(images), 1 + len(hidden), -1)
    classes = probabilities[:, 0].argmax(axis=1)
    of_class = np.take_along_axis(probabilities, classes[:, None, None], axis=2)[..., 0]
    loss = of_class[:, :1] - of_class[:, 1:]
    importance = np.tensordot(loss, hidden.astype(np.float32), axes=1) / hidden.sum(axis=0)
    return Explanation(classes, of_class[:, 0], importance.astype(np.float32))
