"""The learning curves of a training, as a table with one row an epoch."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fashion.params import TrainParams
from fashion.pipeline import tables

COLUMNS = ("epoch", "learning_rate", "train_accuracy", "validation_accuracy", "train_loss", "validation_loss")


def read_history(path: Path) -> dict[str, np.ndarray]:
    """Read a member's history: its numeric columns as float64 of shape (epochs,), by name.

    Raises:
        UserError: the table is damaged.
    """
    return tables.read_numbers(path, COLUMNS)


def kept_epoch(recipe: TrainParams, validation_accuracies: Sequence[float]) -> int:
    """Return the place, from 0, of the epoch whose weights are kept: with patience the first of the best, otherwise the last.

    Args:
        recipe: how the network is trained.
        validation_accuracies: one of each epoch so far, at least one.
    """
    return int(np.argmax(validation_accuracies)) if recipe.patience else len(validation_accuracies) - 1


def is_complete(recipe: TrainParams, validation_accuracies: Sequence[float]) -> bool:
    """Return whether a training ends here: all its epochs are done, or the last `patience` of them brought no progress.

    Args:
        recipe: how the network is trained.
        validation_accuracies: one of each epoch so far.
    """
    done = len(validation_accuracies)
    out_of_patience = recipe.patience and done and done - 1 - int(np.argmax(validation_accuracies)) >= recipe.patience
    return done >= recipe.epochs or bool(out_of_patience)
