"""Corrections of the training images' labels: which images are left out, and which get another label."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fashion.data.facts import CLASS_NAMES
from fashion.pipeline.errors import UserError

COLUMNS = ["index", "label", "becomes"]


class Corrections(NamedTuple):
    """What becomes of each of N images.

    Attributes:
        kept: bool, shape (N,): whether the image stays.
        labels: uint8, shape (N,): its label, corrected.
    """

    kept: np.ndarray
    labels: np.ndarray


def read(path: Path, labels: np.ndarray, names: Sequence[str] = CLASS_NAMES) -> Corrections:
    """Read a table of corrections: index of the image, its label in the release, and the label it gets (empty: it is left out).

    Args:
        path: a CSV file with the columns index, label and becomes; labels are written as names of classes.
        labels: uint8, shape (N,): the images' labels in the release.
        names: of the classes, in the order of the labels.

    Raises:
        UserError: the file is no such table, names an image twice or one that does not exist, or its label is another one.
    """
    kept, corrected, seen = np.ones(len(labels), bool), labels.copy(), set()
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:  # spreadsheets begin such a file with a byte-order mark
            table = csv.reader(file, strict=True)
            if (columns := next(table, [])) != COLUMNS:
                raise ValueError(f"its columns are {', '.join(columns) or 'missing'}, not {', '.join(COLUMNS)}")
            for row in table:
                line = f"line {table.line_num}"
                if len(row) != len(COLUMNS):
                    raise ValueError(f"{line} has {len(row)} values, not {len(COLUMNS)}")
                number, label, becomes = row
                if not (number.isdecimal() and int(number) < len(labels)):
                    raise ValueError(f"{line}: index {number!r} is no whole number from 0 to {len(labels) - 1}")
                index = int(number)
                if index in seen:
                    raise ValueError(f"{line}: index {index} for the second time")
                seen.add(index)
                if label != names[labels[index]]:
                    raise ValueError(f"{line}: the label of image {index} is {names[labels[index]]!r}, not {label!r}")
                if becomes and becomes not in names:
                    raise ValueError(f"{line}: {becomes!r} is no class; there are {', '.join(names)}")
                kept[index] = bool(becomes)
                if becomes:
                    corrected[index] = names.index(becomes)
    except (csv.Error, UnicodeDecodeError, ValueError) as error:
        raise UserError(f"{path}: {error}") from None
    return Corrections(kept, corrected)
