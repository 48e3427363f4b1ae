"""What the studies read: the rows of changed recipes, and the folds of the cross-validation."""

from typing import Annotated

import numpy as np
from pydantic import Field, model_validator

from fashion import paths
from fashion.data.facts import CLASSES
from fashion.data.split import stratified_folds
from fashion.params import Params, Section, Seed, load, validate
from fashion.pipeline.errors import ParameterError, UserError
from fashion.pipeline.files import read_arrays
from fashion.pipeline.yaml import read_yaml

FOLD_PARAMS = paths.CROSS_VALIDATION_STUDY / "params.yaml"


# The row with which the others are compared.
BASELINE_ROW = "baseline"


class Row(Section):
    """A row of the improvements study: the baseline recipe with some changes.

    Attributes:
        group: which of the ten improvements it is an example of; empty for the baseline.
        title: what it changes, short enough for a table and a picture.
        seeds: how many runs of it there are.
        changes: keys of the recipe and their other values.
    """

    group: str
    title: Annotated[str, Field(min_length=1, max_length=45)]
    seeds: Annotated[int, Field(ge=2, le=100)]
    changes: dict


class Rows(Section):
    """The whole of rows.yaml: the rows by name, in the order in which they are shown."""

    rows: dict[Annotated[str, Field(pattern=r"^[a-z0-9_]+$")], Row]

    @model_validator(mode="after")
    def check_baseline(self) -> "Rows":
        """Refuse rows that have nothing to be compared with.

        Raises:
            ValueError: the first is not the baseline, or that one is changed.
        """
        if next(iter(self.rows), None) != BASELINE_ROW or self.rows[BASELINE_ROW].changes:
            raise ValueError(f"rows: the first has to be {BASELINE_ROW}, with changes: {{}}")
        return self


def read_rows() -> Rows:
    """Read the rows of the improvements study.

    Raises:
        ParameterError: the file is missing, or is not what `Rows` describes.
    """
    return validate(Rows, read_yaml(paths.ROWS), paths.ROWS)


def read_row(name: str) -> Params:
    """Return the recipe of a row of the improvements study.

    Raises:
        ParameterError: there is no such row, or its recipe is wrong.
    """
    rows = read_rows().rows
    if name not in rows:
        raise ParameterError(f"{paths.ROWS}: no row is called {name!r}; there are {', '.join(rows)}")
    try:
        return load(paths.BASELINE, rows[name].changes)
    except ParameterError as error:
        raise ParameterError(f"{paths.ROWS}: {name}: {error}") from None


class FoldParams(Section):
    """How the training images are divided into folds."""

    folds: Annotated[list[int], Field(min_length=2, max_length=1000)]
    seed: Seed

    @model_validator(mode="after")
    def check_numbers(self) -> "FoldParams":
        """Refuse folds that are not numbered from 1.

        Raises:
            ValueError: they are not 1, 2, 3 ...
        """
        if self.folds != list(range(1, len(self.folds) + 1)):
            raise ValueError(f"folds are numbered 1, 2, 3 ..., not {self.folds}")
        return self

    def assign(self, labels: np.ndarray) -> np.ndarray:
        """Return the fold of each image, integers of shape (N,), from the labels of the release, shape (N,)."""
        return stratified_folds(labels, len(self.folds), self.seed)


def read_folds() -> FoldParams:
    """Read the parameters of the cross-validation.

    Raises:
        ParameterError: the file is missing, or a value is wrong.
    """
    return validate(FoldParams, read_yaml(FOLD_PARAMS), FOLD_PARAMS)


def out_of_fold_probabilities(labels: np.ndarray) -> np.ndarray:
    """Return each training image's probabilities as predicted by the network that did not see it, float32 of shape (N, 10).

    Args:
        labels: integers, shape (N,): those of the release.

    Raises:
        ParameterError: the study's parameters are wrong.
        UserError: the files are those of other folds.
    """
    params = read_folds()
    assigned = params.assign(labels)
    probabilities = np.empty((len(labels), CLASSES), np.float32)
    for fold in params.folds:
        path = paths.CROSS_VALIDATION_STUDY / f"out_of_fold/{fold}.npz"
        predicted = read_arrays(path, probabilities=(-1, CLASSES))["probabilities"]
        if len(predicted) != (assigned == fold).sum():
            raise UserError(f"{path}: is of other folds; run `make cross_validation`")
        probabilities[assigned == fold] = predicted
    return probabilities
