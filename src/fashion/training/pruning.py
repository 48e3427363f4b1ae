"""Data pruning: training images that the network is sure of are left out of the later epochs."""

import numpy as np

from fashion.params import EPOCHS_BEFORE_PRUNING, TrainParams


def epoch_sizes(params: TrainParams, count: int) -> list[int]:
    """Return how many of `count` training images each epoch has; the last, not full batch is left out of them later."""
    kept = max(1, round((1 - params.data_pruning) * count))
    return [count if epoch < EPOCHS_BEFORE_PRUNING else kept for epoch in range(params.epochs)]


def batch_size_and_steps(params: TrainParams, count: int) -> tuple[int, list[int]]:
    """Return how many images a batch has, at most the smallest epoch's, and how many batches each epoch has."""
    sizes = epoch_sizes(params, count)
    batch_size = min(params.batch_size, *sizes)
    return batch_size, [size // batch_size for size in sizes]


def hardest(probabilities: np.ndarray, count: int) -> np.ndarray:
    """Choose the images of whose class, whichever it is, the network is least confident.

    Confidence as the measure: Lewis & Gale 1994, "A sequential algorithm for training text classifiers". Labels are not looked
    at, because the images whose label the network thinks unlikely are those of wrong labels, too: where it is sure they alone
    would stay. Leaving data out during training: Qin et al. 2024, "InfoBatch"; here they are ranked once, and stay away.

    Args:
        probabilities: shape (N, 10).
        count: how many images to choose, at most N.

    Returns:
        Indices of images, ascending; int32, shape (count,).
    """
    return np.sort(np.argsort(probabilities.max(axis=1), kind="stable")[:count]).astype(np.int32)
