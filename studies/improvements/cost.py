"""Time a row's training steps and the seed recipe's in turn: -> costs/ROW.json, the ratio of their whole trainings.

A training that stops early is timed as if it did not, and what happens between epochs is left out: the ranking of data pruning,
the statistics of averaged networks. Speed drifts within minutes, so each block of the row's steps is compared with the block of
the seed recipe's just before it.
"""

import statistics
import time
from collections.abc import Callable

import rows  # first: it finds the library

import prepare
from fashion import pruning, stage, training
from fashion.backend import tf
from fashion.dataset import Images
from fashion.files import write_json
from fashion.params import CLASSES, TRAINING_IMAGES, MemberParams, Params
from fashion.schedules import learning_rates

# Images that a block trains on, and how many blocks of each are timed.
BLOCK, ROUNDS = 6400, 5


def prepare_member(member: MemberParams, recipe: Params, full: Images) -> tuple[Callable[[int], float], int]:
    """Return a function that trains one block of an epoch and says how long that took (seconds), and the parameters' number.

    What it says is scaled to the member's whole training.
    """
    train, _ = prepare.split(full, recipe.prepare)
    batch_size = member.train.batch_size
    steps = sum(size // batch_size for size in pruning.epoch_sizes(member.train, len(train)))
    timed = max(1, min(BLOCK, len(train)) // batch_size)
    schedule = training.ScheduleTable(learning_rates(member.train, steps))
    model = training.compile_for_training(member, train.images, schedule)
    images, targets = tf.constant(train.images), tf.one_hot(train.labels, CLASSES)

    def block(epoch: int) -> float:
        batches = training.shuffled_batches(images, targets, batch_size, member.augment, member.seed, epoch).take(timed)
        started = time.perf_counter()
        model.fit(batches, verbose=0)
        return (time.perf_counter() - started) / timed * steps

    block(1)  # traces the graph
    return block, model.count_params()


def main(recipe: Params, seed_recipe: Params, row: str) -> None:
    """Time the steps.

    Raises:
        UserError: the data is damaged, or a backbone's weights cannot be had.
        OSError: a file cannot be read or written.
    """
    full = prepare.read_raw("train", TRAINING_IMAGES)
    (seed_member,) = seed_recipe.ensemble.values()
    reference, _ = prepare_member(seed_member, seed_recipe, full)
    timed = [prepare_member(member, recipe, full) for member in recipe.ensemble.values()]
    ratios = []
    for epoch in range(2, 2 + ROUNDS):
        seconds = reference(epoch)
        ratios.append(sum(block(epoch) for block, _ in timed) / seconds)
    cost = {"ratio": round(statistics.median(ratios), 2), "parameters": sum(parameters for _, parameters in timed)}
    write_json(rows.HERE / f"costs/{row}.json", cost)
    print(f"{row}: {cost['ratio']} times the seed recipe's time, from {min(ratios):.2f} to {max(ratios):.2f}")


if __name__ == "__main__":
    stage.run(
        main,
        __doc__,
        reads=lambda _, row: [rows.read(row).params, rows.read(rows.SEED_ROW).params],
        row="a file in studies/improvements/rows, without .yaml",
    )
