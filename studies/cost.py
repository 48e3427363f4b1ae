"""Time the training steps of a study's rows, each beside its first one: -> studies/STUDY/costs.json, ratios of whole trainings.

A training that stops early is timed as if it did not, and what happens between epochs is left out: the ranking of data pruning,
the statistics of averaged networks. Speed drifts within minutes, so each block of a row is compared with the block of the
first row's just before it. Rows that costs.json has already, of the same code and parameters, are not timed again, so a new row
is timed alone, and after an interruption the same command resumes.
"""

import hashlib
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from fashion import paths
from fashion.backend import tf
from fashion.data import release
from fashion.data.facts import CLASSES
from fashion.data.images import Images
from fashion.data.split import split
from fashion.params import MemberParams, Params
from fashion.pipeline import stage
from fashion.pipeline.errors import ParameterError
from fashion.pipeline.files import read_results, sha256, write_json
from fashion.study_params import read_row, read_rows
from fashion.training import pruning
from fashion.training.batches import shuffled_batches
from fashion.training.compile import compile_for_training, determined_by
from fashion.training.optimizer import ScheduleTable
from fashion.training.schedules import learning_rates

STUDIES = {study.name: study for study in (paths.IMPROVEMENTS_STUDY, paths.ABLATION_STUDY)}
# Of a SHA-256, enough to tell rows apart.
DIGITS = 12
# Images that a block trains on, and how many blocks of each are timed.
BLOCK, ROUNDS = 6400, 5


class Timed(NamedTuple):
    """A member that is ready to be timed.

    Attributes:
        train_block: trains one block of the epoch whose number it is given, and returns how long the whole training would take
            at that speed, in seconds.
        parameters: how many its network has.
    """

    train_block: Callable[[int], float]
    parameters: int


def prepare_member(member: MemberParams, train: Images) -> Timed:
    """Build a member's network and run its first block, which traces the graph.

    Raises:
        UserError: a backbone's weights are not available.
    """
    batch_size, steps_of_epochs = pruning.batch_size_and_steps(member.train, len(train))
    steps = sum(steps_of_epochs)
    timed = max(1, min(BLOCK, len(train)) // batch_size)
    model = compile_for_training(member, train.images, ScheduleTable(learning_rates(member.train, steps)))
    images, targets = tf.constant(train.images), tf.one_hot(train.labels, CLASSES)

    def train_block(epoch: int) -> float:
        batches = shuffled_batches(images, targets, batch_size, member.augment, member.seed, epoch).take(timed)
        started = time.perf_counter()
        model.fit(batches, verbose=0)
        return (time.perf_counter() - started) / timed * steps

    train_block(1)
    return Timed(train_block, model.count_params())


def prepare_recipe(recipe: Params, full: Images) -> list[Timed]:
    """Make a recipe's members ready to be timed.

    Raises:
        UserError: the table of corrections is damaged, or a backbone's weights are not available.
    """
    train, _ = split(full, recipe.prepare)
    return [prepare_member(member, train) for member in recipe.ensemble.values()]


def digest_of(members: list[MemberParams], recipe: Params) -> str:
    """Return the first digits of the SHA-256 of all that the ratio of a row depends on, but for the machine."""
    images = [recipe.prepare.model_dump_json(), sha256(Path(recipe.prepare.corrections))]
    determinants = [determined_by(member, images) for member in members]
    return hashlib.sha256(json.dumps(determinants, sort_keys=True).encode()).hexdigest()[:DIGITS]


def measure(recipe: Params, first: list[Timed], full: Images) -> dict[str, float]:
    """Return how many times as long as the first row's members a recipe's train, and how many parameters these have together.

    Raises:
        UserError: as by `prepare_recipe`.
    """
    members = prepare_recipe(recipe, full)
    ratios = []
    for epoch in range(2, 2 + ROUNDS):
        seconds = sum(member.train_block(epoch) for member in first)
        ratios.append(sum(member.train_block(epoch) for member in members) / seconds)
    return {"ratio": round(statistics.median(ratios), 2), "parameters": sum(member.parameters for member in members)}


def read_recipes(study: str) -> dict[str, Params]:
    """Return the recipe of each row of a study, in their order.

    Raises:
        ParameterError: there is no such study, or a row is wrong.
    """
    if study not in STUDIES:
        raise ParameterError(f"no study of rows is called {study!r}; there are {', '.join(STUDIES)}")
    return {row: read_row(STUDIES[study], row) for row in read_rows(STUDIES[study]).rows}


def main(recipes: dict[str, Params], study: str) -> None:
    """Time each row, but for those that the file has, timed with the same code, libraries, images and parameters.

    Raises:
        UserError: the data, a table of corrections or costs.json is damaged, or a backbone's weights are not available.
    """
    path = STUDIES[study] / "costs.json"
    known = read_results(path, lambda costs: {row: dict(cost) for row, cost in costs.items()}) if path.exists() else {}
    costs = {row: known[row] for row in recipes if row in known}
    full = release.read_training_set()
    name, unchanged = next(iter(recipes.items()))
    first = prepare_recipe(unchanged, full)
    for row, recipe in recipes.items():
        digest = digest_of([*unchanged.ensemble.values(), *recipe.ensemble.values()], recipe)
        if costs.get(row, {}).get("determined_by") == digest:
            continue
        costs[row] = measure(recipe, first, full) | {"determined_by": digest}
        write_json(path, costs)
        print(f"{row}: {costs[row]['ratio']:.2f} times the time of {name}", flush=True)
    write_json(path, {row: costs[row] for row in recipes})


if __name__ == "__main__":
    stage.run(main, __doc__, reads=lambda _, study: [read_recipes(study)], study=" or ".join(STUDIES))
