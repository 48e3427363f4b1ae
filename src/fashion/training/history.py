"""The learning curves of a training, as a table with one row an epoch."""

from pathlib import Path

import numpy as np

from fashion.pipeline import tables

COLUMNS = ("epoch", "learning_rate", "train_accuracy", "validation_accuracy", "train_loss", "validation_loss")


def read_history(path: Path) -> dict[str, np.ndarray]:
    """Read a member's history: its numeric columns as float64 of shape (epochs,), by name.

    Raises:
        UserError: the table is damaged.
    """
    return tables.read_numbers(path, COLUMNS)
