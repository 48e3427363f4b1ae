"""The folds: into which part each of the 60,000 training images falls."""

import sys
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, ValidationError, model_validator

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fashion import params
from fashion.errors import ParameterError, UserError
from fashion.params import CLASSES

HERE = Path("studies/cross_validation")


class FoldParams(params.Section):
    """How the images are divided."""

    folds: Annotated[list[int], Field(min_length=2, max_length=1000)]
    seed: params.Seed

    @model_validator(mode="after")
    def check_numbers(self) -> "FoldParams":
        """Refuse folds that are not numbered from 1.

        Raises:
            ValueError: they are not 1, 2, 3 ...
        """
        if self.folds != list(range(1, len(self.folds) + 1)):
            raise ValueError(f"folds are numbered 1, 2, 3 ..., not {self.folds}")
        return self


def load() -> FoldParams:
    """Read the study's parameters.

    Raises:
        ParameterError: the file is missing, or a value is wrong.
    """
    path = HERE / "params.yaml"
    try:
        return FoldParams.model_validate(params.read_yaml(path))
    except ValidationError as error:
        raise ParameterError(f"{path}: {params.describe(error)}") from None


def assign(labels: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Deal the images of each class out to the folds, in random order (stratified k-fold).

    Args:
        labels: integers, shape (N,).
        folds: how many folds there are.
        seed: which order.

    Returns:
        integers from 1 to `folds`, shape (N,): the fold of each image. Sizes differ by at most one for each class.
    """
    rng = np.random.default_rng(seed)
    assigned = np.empty(len(labels), np.int64)
    for label in np.unique(labels):
        indices = rng.permutation(np.flatnonzero(labels == label))
        assigned[indices] = np.arange(len(indices)) % folds + 1
    return assigned


def out_of_fold(labels: np.ndarray) -> np.ndarray:
    """Return each image's probabilities as predicted by the network that did not see it, float32 of shape (N, 10).

    Args:
        labels: integers, shape (N,): those of the release, by which the folds were dealt out.

    Raises:
        ParameterError: the study's parameters are wrong.
        OSError: a fold's file is missing or cannot be read.
        UserError: the files are those of other folds.
    """
    params = load()
    assigned = assign(labels, len(params.folds), params.seed)
    probabilities = np.empty((len(labels), CLASSES), np.float32)
    for fold in params.folds:
        path = HERE / f"out_of_fold/{fold}.npz"
        with np.load(path, allow_pickle=False) as predicted:
            if len(predicted["probabilities"]) != (assigned == fold).sum():
                raise UserError(f"{path}: is of other folds; run `make cross_validation`")
            probabilities[assigned == fold] = predicted["probabilities"]
    return probabilities
