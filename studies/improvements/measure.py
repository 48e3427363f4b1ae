"""Train a row's recipe with one seed and score it: data/raw -> results/ROW-SEED.json."""

from collections.abc import Callable

import numpy as np
import rows  # first: it finds the library

import evaluate
import prepare
import trial
from fashion import stage
from fashion.errors import ParameterError
from fashion.files import write_json
from fashion.params import TEST_IMAGES, TRAINING_IMAGES, MemberParams, Params

# An ensemble has more than one seed: those of another run are this far away.
APART = 1000


def reseeded(member: MemberParams, seed: str) -> MemberParams:
    """Return a member with the seed that it has in a run of the study.

    Raises:
        ParameterError: `seed` is not a whole number.
    """
    if not seed.isdecimal():
        raise ParameterError(f"the seed is {seed!r}, not a whole number from 0")
    return member.model_copy(update={"seed": member.seed + APART * int(seed)})


def main(recipe: Params, members: dict[str, MemberParams], row: str, seed: str) -> Callable[[], None]:
    """Split, train each member, and score them together.

    Returns:
        What forgets the trainings, once their result is known to count.

    Raises:
        UserError: the data is damaged, the training diverged, or a backbone's weights cannot be had.
        OSError: a file cannot be read or written.
    """
    train, validation = prepare.split(prepare.read_raw("train", TRAINING_IMAGES), recipe.prepare)
    sets = {"train": train, "validation": validation, "test": prepare.read_raw("t10k", TEST_IMAGES)}
    checkpoints = {name: trial.checkpoint_of(f"{row}-{seed}-{name}", member, sets) for name, member in members.items()}
    found = [trial.run(checkpoints[name], member, recipe.evaluate, sets)[1] for name, member in members.items()]
    scores = {
        name: evaluate.score(data, np.mean([probabilities[name] for probabilities in found], axis=0))
        for name, data in sets.items()
    }
    write_json(rows.HERE / f"results/{row}-{seed}.json", scores)

    def forget() -> None:
        for checkpoint in checkpoints.values():
            checkpoint.remove()

    return forget


def read(row: str, seed: str) -> tuple[Params, dict[str, MemberParams]]:
    """Return a row's recipe and its members as they are trained.

    Raises:
        ParameterError: there is no such row, or the seed is no whole number.
    """
    recipe = rows.read(row).params
    return recipe, {name: reseeded(member, seed) for name, member in recipe.ensemble.items()}


if __name__ == "__main__":
    stage.run(
        main,
        __doc__,
        reads=lambda _, row, seed: read(row, seed),
        row="a file in studies/improvements/rows, without .yaml",
        seed="a whole number",
    )
