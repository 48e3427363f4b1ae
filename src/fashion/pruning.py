"""Data pruning: training images that the network already knows are left out of the later epochs."""

import numpy as np

from fashion.params import WHOLE_EPOCHS, TrainParams


def epoch_sizes(params: TrainParams, count: int) -> list[int]:
    """Return how many of `count` training images each epoch has; the last, not full batch is left out of them later."""
    kept = max(1, round((1 - params.data_pruning) * count))
    return [count if epoch < WHOLE_EPOCHS else kept for epoch in range(params.epochs)]


def hardest(labels: np.ndarray, probabilities: np.ndarray, count: int) -> np.ndarray:
    """Choose the images whose own label the network gives the lowest probability.

    After Qin et al. 2024, "InfoBatch", which leaves out a random part of the images of low loss, other ones in each epoch. Here
    they are ranked once, and stay away.

    Args:
        labels: integers, shape (N,).
        probabilities: shape (N, 10).
        count: how many images to choose, at most N.

    Returns:
        Indices of images, ascending; int32, shape (count,).
    """
    of_label = probabilities[np.arange(len(labels)), labels]
    return np.sort(np.argsort(of_label, kind="stable")[:count]).astype(np.int32)
