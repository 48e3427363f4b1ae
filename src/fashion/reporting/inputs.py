"""The results that the page and the card show, read from where the pipeline and the studies left them."""

import itertools
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


def table_lines(path: Path) -> list[str]:
    """Return the lines of the first Markdown table of a page.

    Raises:
        UserError: the page has none.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    from_table = itertools.dropwhile(lambda line: not line.startswith("|"), lines)
    if found := list(itertools.takewhile(lambda line: line.startswith("|"), from_table)):
        return found
    raise tables.damaged(path, "no line begins with |")


def read_page(path: Path) -> dict[str, Any]:
    """Return a page that a study wrote: its first line, and the headings and rows of its first table, as plain text.

    Raises:
        UserError: it has no table, or one without rows or with rows of different lengths.
    """
    lines = table_lines(path)
    headings, *rows = ([cell.strip().replace("`", "") for cell in line.strip().strip("|").split("|")] for line in lines)
    if len(rows) < 2 or any(len(row) != len(headings) for row in rows):
        raise tables.damaged(path, "rows are missing or too short")
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return {"first_line": first, "headings": headings, "rows": rows[1:]}  # without the line below the headings


def take_test_scores(scores: dict, names: Iterable[str]) -> dict[str, float]:
    """Return some of the scores on the test images, by name."""
    return {name: float(scores["test"][name]) for name in names}
