"""The training images of an epoch, a batch at a time."""

import numpy as np

from fashion.backend import tf, untuned
from fashion.params import AugmentParams
from fashion.training import augmentation


def shuffled_batches(
    images: tf.Tensor, targets: tf.Tensor, batch_size: int, params: AugmentParams, seed: int, epoch: int
) -> tf.data.Dataset:
    """Return one epoch's batches, in an order and augmented in a way that depend on the seed and the epoch alone.

    What is left after the last full batch is left out: other images in each epoch.

    Args:
        images: uint8, shape (N, 28, 28).
        targets: float32, shape (N, 10), each row a probability distribution.
        batch_size: images a batch, at most N.
        params: how images are augmented.
        seed: the member's seed.
        epoch: 1 for the first.
    """
    steps = len(images) // batch_size
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(images))[: steps * batch_size]
    # Each image is flipped in a fixed fraction of the epochs, evenly spread: with 0.5 in every other one.
    phase = np.random.default_rng(seed).random(len(images))[order]
    draws = augmentation.draw(params, (phase + epoch * params.flip) % 1 < params.flip, rng)
    indices, *drawn = (array.reshape(steps, batch_size, *array.shape[1:]) for array in (order, *draws))

    @tf.autograph.experimental.do_not_convert  # it has no control flow that depends on a tensor
    def batch(indices: tf.Tensor, draws: augmentation.Draws) -> tuple[tf.Tensor, tf.Tensor]:
        return augmentation.apply(params, tf.gather(images, indices), tf.gather(targets, indices), draws)

    return untuned(tf.data.Dataset.from_tensor_slices((indices, augmentation.Draws(*drawn))).map(batch).prefetch(2))
