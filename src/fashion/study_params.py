"""What the studies read: the rows of changed recipes, and the folds of the cross-validation."""

from pathlib import Path
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


class Row(Section):
    """A row of a study of changes: the study's recipe with some of its keys changed.

    Attributes:
        group: the part of the table it belongs to; of the improvements, which of the ten it is an example of.
        title: what it changes, short enough for a table and a picture.
        seeds: how many runs of it there are.
        changes: keys of the recipe and their other values.
    """

    group: str = ""
    title: Annotated[str, Field(min_length=1, max_length=45)]
    seeds: Annotated[int, Field(ge=2, le=100)]
    changes: dict


class Rows(Section):
    """The whole of a study's rows.yaml.

    Attributes:
        recipe: the file that each row changes.
        rows: by name, in the order in which they are shown; the others are compared with the first.
    """

    recipe: str
    rows: dict[Annotated[str, Field(pattern=r"^[a-z0-9_]+$")], Row]

    @property
    def first(self) -> str:
        """The name of the row that changes nothing."""
        return next(iter(self.rows))

    @model_validator(mode="after")
    def check_first(self) -> "Rows":
        """Refuse rows that have nothing to be compared with.

        Raises:
            ValueError: there is no first row that changes nothing.
        """
        if not self.rows or self.rows[self.first].changes:
            raise ValueError("rows: the first has to be the recipe as it is, with changes: {}")
        return self


def read_rows(study: Path) -> Rows:
    """Read the rows of a study.

    Raises:
        ParameterError: rows.yaml is missing, or is not what `Rows` describes.
    """
    return validate(Rows, read_yaml(study / "rows.yaml"), study / "rows.yaml")


def read_row(study: Path, name: str) -> Params:
    """Return the recipe of a row of a study.

    Raises:
        ParameterError: there is no such row, or its recipe is wrong.
    """
    study_rows = read_rows(study)
    if name not in study_rows.rows:
        raise ParameterError(f"{study}/rows.yaml: no row is called {name!r}; there are {', '.join(study_rows.rows)}")
    try:
        return load(Path(study_rows.recipe), study_rows.rows[name].changes)
    except ParameterError as error:
        raise ParameterError(f"{study}/rows.yaml: {name}: {error}") from None


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
