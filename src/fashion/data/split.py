"""How the training images are divided: into training and validation images, or into folds."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fashion import paths
from fashion.data import corrections
from fashion.data.facts import CLASS_NAMES
from fashion.data.images import Images
from fashion.params import PrepareParams
from fashion.pipeline.errors import ParameterError


def split(full: Images, params: PrepareParams, names: Sequence[str] = CLASS_NAMES) -> tuple[Images, Images]:
    """Divide the training set into training and validation images, stratified by class, in their original order.

    Corrections of labels act on the training images alone, so that scores on the validation images stay comparable.

    Args:
        full: the training set.
        params: how it is divided.
        names: of the classes, in the order of the labels.

    Returns:
        The training images and the validation images: disjoint, together about `params.images` (each class's number is rounded)
        less those that are left out.

    Raises:
        ParameterError: there are fewer images than are to be used.
        UserError: the table of corrections is damaged.
    """
    if params.images > len(full):
        raise ParameterError(
            f"{paths.PARAMS}: prepare.images: {params.images}, but there are {len(full)} training images; lower it"
        )
    rng = np.random.default_rng(params.seed)
    used = stratified_sample(full.labels, params.images / len(full), rng)
    held_out = used.copy()
    held_out[used] = stratified_sample(full.labels[used], params.validation_fraction, rng)
    corrected = corrections.read(Path(params.corrections), full.labels, names)
    train = used & ~held_out & corrected.kept
    return Images(full.images[train], corrected.labels[train]), Images(full.images[held_out], full.labels[held_out])


def stratified_sample(labels: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Choose a fraction of the examples at random, the same fraction of every class.

    Args:
        labels: integers, shape (N,).
        fraction: the fraction of each class to choose, from 0 to 1; each class's number is rounded to the nearest.
        rng: the source of randomness.

    Returns:
        bool, shape (N,): which examples are chosen.
    """
    chosen = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        indices = np.flatnonzero(labels == label)
        chosen[rng.permutation(indices)[: round(fraction * len(indices))]] = True
    return chosen


def stratified_folds(labels: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Assign the examples of each class to the folds of a cross-validation, in random order.

    Args:
        labels: integers, shape (N,).
        folds: how many folds there are.
        seed: which order.

    Returns:
        integers from 1 to `folds`, shape (N,): the fold of each example. Sizes differ by at most one for each class.
    """
    rng = np.random.default_rng(seed)
    assigned = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        indices = rng.permutation(np.flatnonzero(labels == label))
        assigned[indices] = np.arange(len(indices)) % folds + 1
    return assigned
