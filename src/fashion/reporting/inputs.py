"""The results that the page and the card show, read from where the pipeline and the studies left them."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from fashion.pipeline import tables


def read_rows(path: Path, texts: Sequence[str], numbers: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Read some columns of a table, row by row.

    Args:
        path: the table.
        texts: the columns that are taken as they are.
        numbers: the columns that are numbers.

    Raises:
        UserError: the table is damaged.
    """
    columns: dict[str, list] = {**tables.read(path, (*texts, *numbers))}
    try:
        columns |= {name: [float(value) for value in columns[name]] for name in numbers}
    except ValueError as error:
        raise tables.damaged(path, error) from None
    return [dict(zip(columns, row)) for row in zip(*columns.values())]


def take_test_scores(scores: dict, names: Iterable[str]) -> dict[str, float]:
    """Return some of the scores on the test images, by name."""
    return {name: float(scores["test"][name]) for name in names}
