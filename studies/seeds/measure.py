"""Train a recipe with one seed and score it: data/raw -> results/NAME.json, accuracies and losses."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

import prepare
import trial
from fashion import params, stage
from fashion.checkpoint import Checkpoint
from fashion.errors import ParameterError
from fashion.files import write_json
from fashion.params import TEST_IMAGES, TRAINING_IMAGES, EvaluateParams, MemberParams, PrepareParams

HERE = Path(__file__).parent


def read_recipe(recipe: str, seed: str) -> tuple[PrepareParams, MemberParams, EvaluateParams]:
    """Return a recipe's split, its first member with another seed, and its way of scoring.

    Raises:
        ParameterError: the file is no recipe, or the seed is no whole number.
    """
    if not seed.isdecimal():
        raise ParameterError(f"the seed is {seed!r}, not a whole number from 0")
    read = params.load(Path(recipe))
    first = next(iter(read.ensemble.values()))
    return read.prepare, first.model_copy(update={"seed": int(seed)}), read.evaluate


def measure(
    split: PrepareParams, member: MemberParams, scoring: EvaluateParams, name: str
) -> tuple[dict[str, np.ndarray], Checkpoint]:
    """Split, train, score and write results/NAME.json.

    Returns:
        The probabilities by set (train, validation, test), float32 of shape (N, 10); and the training's state, to be removed once
        all is written.

    Raises:
        UserError: the data is damaged, or the training diverged.
        OSError: a file cannot be read or written.
    """
    train, validation = prepare.split(prepare.read_raw("train", TRAINING_IMAGES), split)
    sets = {"train": train, "validation": validation, "test": prepare.read_raw("t10k", TEST_IMAGES)}
    checkpoint = trial.checkpoint_of(name, member, sets)
    scores, probabilities = trial.run(checkpoint, member, scoring, sets)
    write_json(HERE / f"results/{name}.json", scores)
    return probabilities, checkpoint


def main(
    split: PrepareParams, member: MemberParams, scoring: EvaluateParams, recipe: str, seed: str, name: str
) -> Callable[[], None]:
    """Measure, and return what forgets the training, once its result is known to count; errors as for `measure`."""
    return measure(split, member, scoring, name)[1].remove


WORDS = {
    "recipe": "a file like params.yaml",
    "seed": "the seed, a whole number",
    "name": "what the results are called",
}

if __name__ == "__main__":
    stage.run(main, __doc__, reads=lambda _, recipe, seed, name: read_recipe(recipe, seed), **WORDS)
