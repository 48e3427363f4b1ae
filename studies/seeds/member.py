"""Measure as measure.py does, and keep the probabilities for an ensemble: -> also probabilities/NAME.npz."""

from collections.abc import Callable

import measure  # first: it finds the library
import numpy as np

from fashion import stage
from fashion.files import atomic_write
from fashion.params import EvaluateParams, MemberParams, PrepareParams


def main(
    split: PrepareParams, member: MemberParams, scoring: EvaluateParams, recipe: str, seed: str, name: str
) -> Callable[[], None]:
    """Measure and keep; returned and raised is the same as by `measure.main`."""
    probabilities, checkpoint = measure.measure(split, member, scoring, name)
    with atomic_write(measure.HERE / f"probabilities/{name}.npz") as file:
        np.savez_compressed(file, validation=probabilities["validation"], test=probabilities["test"])
    return checkpoint.remove


if __name__ == "__main__":
    stage.run(main, __doc__, reads=lambda _, recipe, seed, name: measure.read_recipe(recipe, seed), **measure.WORDS)
