"""Tables: CSV files, and Markdown to be read."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from fashion.pipeline.errors import UserError
from fashion.pipeline.files import write_text


def write(path: Path, rows: Iterable[dict]) -> None:
    """Write rows with the same keys, in the first one's order; floats with six significant digits."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    columns: list[str] = []
    for row in rows:
        if not columns:
            columns = list(row)
            table.writerow(columns)
        table.writerow(f"{row[name]:.6g}" if isinstance(row[name], float) else row[name] for name in columns)
    write_text(path, text.getvalue())


def write_columns(path: Path, columns: Mapping[str, Iterable]) -> None:
    """Write columns of the same length, by name; see `write`."""
    write(path, (dict(zip(columns, row)) for row in zip(*columns.values())))


def read(path: Path, columns: Iterable[str]) -> dict[str, list[str]]:
    """Read some of a table's columns, by name.

    Raises:
        UserError: it is no table, has no rows, or lacks a column.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_bytes().decode(), newline=""), strict=True))
        found = {name: [row[name] for row in rows] for name in columns}
    except (UnicodeDecodeError, csv.Error, KeyError) as error:
        raise damaged(path, error) from None
    if not rows or any(None in column for column in found.values()):
        raise damaged(path, "rows are missing or too short")
    return found


def read_numbers(path: Path, columns: Iterable[str]) -> dict[str, np.ndarray]:
    """Read some of a table's columns as float64, shape (rows,), by name; errors as of `read`, or what is no number."""
    try:
        return {name: np.array(column, dtype=np.float64) for name, column in read(path, columns).items()}
    except ValueError as error:
        raise damaged(path, error) from None


def damaged(path: Path, reason: object) -> UserError:
    """Return the error that says that a table does not hold what it should."""
    return UserError(f"{path}: damaged table ({reason}); `git checkout {path}` restores it, or delete it and run `dvc repro`")


def markdown(rows: Iterable[dict | Sequence], headings: Sequence[str] = ()) -> str:
    """Return a Markdown table; cells are written as `str` does.

    Args:
        rows: mappings with the same keys, which are the headings, or sequences.
        headings: of sequences.
    """
    from tabulate import tabulate  # only pages need it

    return tabulate(rows, headings or "keys", tablefmt="github", disable_numparse=True)
