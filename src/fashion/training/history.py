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
    columns = tables.read(path, COLUMNS)
    try:
        return {name: np.array(column, dtype=np.float64) for name, column in columns.items()}
    except ValueError as error:
        raise tables.damaged(path, error) from None
