"""Tables as CSV files."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path

from fashion.errors import UserError
from fashion.files import atomic_write


def write(path: Path, rows: Iterable[dict]) -> None:
    """Write rows with the same keys, in the first one's order; floats with six decimals.

    Raises:
        OSError: the file cannot be written.
    """
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    for number, row in enumerate(rows):
        if number == 0:
            table.writerow(row)
        table.writerow(f"{value:.6f}" if isinstance(value, float) else value for value in row.values())
    with atomic_write(path) as file:
        file.write(text.getvalue().encode())


def read(path: Path) -> dict[str, list[str]]:
    """Read a table's columns by name.

    Raises:
        UserError: it has no rows, or rows of unequal length.
        OSError: the file cannot be read.
    """
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file) or [[]]
    if not rows or any(len(row) != len(header) for row in rows):
        raise UserError(f"{path}: damaged table; delete it and run `dvc repro`")
    return {name: list(column) for name, column in zip(header, zip(*rows))}
