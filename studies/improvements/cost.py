"""Time the training steps of each row and of the baseline in turn: -> costs.json, the ratios of their whole trainings.

A training that stops early is timed as if it did not, and what happens between epochs is left out: the ranking of data pruning,
the statistics of averaged networks. Speed drifts within minutes, so each block of a row is compared with the block of the
baseline's just before it. After an interruption the same command resumes after the last row that was timed.
"""

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

from fashion import paths
from fashion.backend import tf
from fashion.data import release
from fashion.data.facts import CLASSES
from fashion.data.images import Images
from fashion.data.split import split
from fashion.params import MemberParams, Params
from fashion.pipeline import stage
from fashion.pipeline.files import write_json
from fashion.study_params import read_row, read_rows
from fashion.training import pruning
from fashion.training.batches import shuffled_batches
from fashion.training.checkpoint import Checkpoint
from fashion.training.compile import compile_for_training, determined_by
from fashion.training.optimizer import ScheduleTable
from fashion.training.schedules import learning_rates

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
    batch_size = member.train.batch_size
    steps = sum(size // batch_size for size in pruning.epoch_sizes(member.train, len(train)))
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


def measure(recipe: Params, baseline: Timed, full: Images) -> dict[str, float]:
    """Return how many times as long as the baseline a recipe trains, and how many parameters its networks have together.

    Raises:
        UserError: as by `prepare_recipe`.
    """
    members = prepare_recipe(recipe, full)
    ratios = []
    for epoch in range(2, 2 + ROUNDS):
        seconds = baseline.train_block(epoch)
        ratios.append(sum(member.train_block(epoch) for member in members) / seconds)
    return {"ratio": round(statistics.median(ratios), 2), "parameters": sum(member.parameters for member in members)}


def main(recipes: dict[str, Params]) -> Callable[[], None]:
    """Time each row.

    Returns:
        What removes the rows' finished measurements, once the result is known to count.

    Raises:
        UserError: the data or the table of corrections is damaged, or a backbone's weights are not available.
    """
    full = release.read_training_set()
    first = next(iter(recipes.values()))
    (baseline,) = prepare_recipe(first, full)
    compared = list(first.ensemble.values())
    costs, checkpoints = {}, []
    for row, recipe in recipes.items():
        members = [*compared, *recipe.ensemble.values()]
        determinants = [determined_by(member, [recipe.prepare.model_dump_json()]) for member in members]
        # It holds no variables, and as its history what was measured.
        checkpoint = Checkpoint(f"cost-{row}", determinants)
        measured = checkpoint.restore([])
        if not measured:
            measured = [measure(recipe, baseline, full)]
            checkpoint.save([], measured)
        costs[row] = measured[0]
        checkpoints.append(checkpoint)
        print(f"{row}: {costs[row]['ratio']:.2f} times the baseline's time", flush=True)
    write_json(paths.IMPROVEMENTS_STUDY / "costs.json", costs)

    def forget() -> None:
        for checkpoint in checkpoints:
            checkpoint.remove()

    return forget


if __name__ == "__main__":
    study = paths.IMPROVEMENTS_STUDY
    stage.run(main, __doc__, reads=lambda _: [{row: read_row(study, row) for row in read_rows(study).rows}])
