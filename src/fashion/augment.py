"""Random transforms of a batch of training images."""

from fashion.backend import tf


def flip(images: tf.Tensor, flipped: tf.Tensor) -> tf.Tensor:
    """Mirror some of the images, left to right.

    Args:
        images: uint8, shape (N, 28, 28).
        flipped: bool, shape (N,): which ones.
    """
    return tf.where(flipped[:, None, None], tf.reverse(images, axis=[2]), images)
