"""Random changes of the training images.

What is random is drawn for a whole epoch at once, with NumPy; what is done to a batch is done inside TensorFlow's input
pipeline, beside the training step.
"""

from typing import NamedTuple

import numpy as np

from fashion.backend import tf
from fashion.data.facts import IMAGE_SIDE
from fashion.params import AugmentParams

# Parameter of the Beta distribution of how much of the other image CutMix takes: any fraction is as likely.
CUTMIX_ALPHA = 1.0


class Draws(NamedTuple):
    """What was drawn for some images (the arrays' leading axes).

    Attributes:
        transform: float32, shape (..., 8): the projective transform from a pixel of the result to one of the image, as
            TensorFlow's ImageProjectiveTransform takes it.
        erased: int32, shape (..., 4): first and last row, first and last column (exclusive) of the box that is erased.
        grey: uint8, shape (...): what it is filled with.
        kept_fraction: float32, shape (...): the fraction of the image that MixUp keeps.
        cut: int32, shape (..., 4): the box that CutMix takes from the other image.
    """

    transform: np.ndarray
    erased: np.ndarray
    grey: np.ndarray
    kept_fraction: np.ndarray
    cut: np.ndarray


def box(rng: np.random.Generator, height: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Draw where boxes of these sizes lie inside the image, each place as likely: int32, shape (N, 4)."""
    top = rng.integers(0, IMAGE_SIDE - height + 1)
    left = rng.integers(0, IMAGE_SIDE - width + 1)
    return np.stack([top, top + height, left, left + width], axis=1).astype(np.int32)


def draw(params: AugmentParams, flipped: np.ndarray, rng: np.random.Generator) -> Draws:
    """Draw the changes of N images.

    Args:
        params: which changes, and how strong.
        flipped: bool, shape (N,): which images are flipped.
        rng: the source of randomness.
    """
    # The map from a pixel of the result to one of the image: rotation, zoom and shift about the centre, then the flip. Results
    # depend on the order of the draws.
    n = len(flipped)
    angle = np.deg2rad(params.rotate) * rng.uniform(-1, 1, n)
    scale = np.exp(np.log1p(params.zoom) * rng.uniform(-1, 1, n))
    shift = rng.integers(-params.shift, params.shift + 1, (2, n))
    cosine, sine = np.cos(angle) * scale, np.sin(angle) * scale
    sign = np.where(flipped, -1, 1)
    middle = (IMAGE_SIDE - 1) / 2
    across = middle - sign * cosine * (middle + shift[0]) + sine * (middle + shift[1])
    down = middle - sign * sine * (middle + shift[0]) - cosine * (middle + shift[1])
    zero = np.zeros(n)
    transform = [sign * cosine, -sine, across, sign * sine, cosine, down, zero, zero]

    erased = rng.integers(0, params.erase + 1, (2, n))
    kept_fraction = rng.beta(params.mixup, params.mixup, n) if params.mixup else np.ones(n)
    side = np.sqrt(rng.beta(CUTMIX_ALPHA, CUTMIX_ALPHA, n)) * (rng.random(n) < params.cutmix)
    cut = np.rint(IMAGE_SIDE * side).astype(int)
    return Draws(
        transform=np.stack(transform, axis=1).astype(np.float32),
        erased=box(rng, *erased),
        grey=rng.integers(0, 256, n, np.uint8),
        kept_fraction=kept_fraction.astype(np.float32),
        cut=box(rng, cut, cut),
    )


def inside(boxes: tf.Tensor) -> tf.Tensor:
    """Return which pixels lie in the boxes, int32 of shape (N, 4): bool, shape (N, 28, 28)."""
    place = tf.range(IMAGE_SIDE)
    top, bottom, left, right = (boxes[:, edge, None] for edge in range(4))
    rows, columns = (place >= top) & (place < bottom), (place >= left) & (place < right)
    return rows[:, :, None] & columns[:, None, :]


def transform(images: tf.Tensor, draws: Draws, interpolation: str) -> tf.Tensor:
    """Move the images, shape (N, 28, 28), as was drawn; what comes in from outside is black."""
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images[..., None],
        transforms=draws.transform,
        output_shape=[IMAGE_SIDE, IMAGE_SIDE],
        fill_value=0.0,
        interpolation=interpolation,
        fill_mode="CONSTANT",
    )[..., 0]


def apply(params: AugmentParams, images: tf.Tensor, targets: tf.Tensor, draws: Draws) -> tuple[tf.Tensor, tf.Tensor]:
    """Change a batch as was drawn: move (flip, shift, rotate, zoom), erase, then mix with the batch in reverse order.

    Erasing: Zhong et al. 2020, "Random erasing data augmentation". MixUp: Zhang et al. 2018, "mixup: Beyond empirical risk
    minimization". CutMix: Yun et al. 2019, "CutMix".

    Args:
        params: which changes; one of strength 0 costs nothing.
        images: uint8, shape (N, 28, 28).
        targets: float32, shape (N, 10), each row a probability distribution.
        draws: one for each image.

    Returns:
        Images and targets of the same shapes and types.
    """
    if params.rotate or params.zoom:
        # In float32, because for integers TensorFlow cuts off what is behind the point.
        moved = transform(tf.cast(images, tf.float32), draws, "BILINEAR")
        images = tf.cast(tf.round(moved), tf.uint8)
    elif params.shift:
        images = transform(images, draws, "NEAREST")
    elif params.flip:
        images = tf.where(draws.transform[:, 0, None, None] < 0, tf.reverse(images, axis=[2]), images)
    if params.erase:
        images = tf.where(inside(draws.erased), draws.grey[:, None, None], images)
    if params.cutmix:
        taken = inside(draws.cut)
        images = tf.where(taken, tf.reverse(images, axis=[0]), images)
        pasted = tf.reduce_mean(tf.cast(taken, tf.float32), axis=[1, 2])[:, None]
        targets = (1 - pasted) * targets + pasted * tf.reverse(targets, axis=[0])
    if params.mixup:
        kept = draws.kept_fraction[:, None, None]
        mixed = kept * tf.cast(images, tf.float32) + (1 - kept) * tf.cast(tf.reverse(images, axis=[0]), tf.float32)
        images = tf.cast(tf.round(mixed), tf.uint8)
        kept = draws.kept_fraction[:, None]
        targets = kept * targets + (1 - kept) * tf.reverse(targets, axis=[0])
    return images, targets
