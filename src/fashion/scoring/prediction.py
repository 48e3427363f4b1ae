"""What the networks predict."""

import numpy as np

from fashion.backend import keras, tf, untuned

EVALUATION_BATCH = 1000


def evaluation_batches(images: np.ndarray | tf.Tensor) -> tf.data.Dataset:
    """Return images, uint8 of shape (N, 28, 28), in their order, as a network is to score them."""
    return untuned(tf.data.Dataset.from_tensor_slices(images).batch(EVALUATION_BATCH))


def predict(models: list[keras.Model], images: np.ndarray, tta_flip: bool) -> np.ndarray:
    """Return each model's probabilities; their mean over the models is the ensemble's.

    Args:
        models: the ensemble.
        images: uint8, shape (N, 28, 28).
        tta_flip: whether a model's probabilities are the mean over the image and its flipped image (test-time augmentation).

    Returns:
        float32, shape (models, N, 10).
    """
    views = [images, images[:, :, ::-1]] if tta_flip else [images]
    return np.stack(
        [np.mean([model.predict(evaluation_batches(view), verbose=0) for view in views], axis=0) for model in models]
    )
