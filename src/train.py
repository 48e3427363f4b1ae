"""Train one member of the ensemble: data/prepared/{train,validation}.npz -> models/MEMBER.keras, reports/history/MEMBER.csv."""

import time
from collections.abc import Callable
from pathlib import Path

from fashion import artifact, dataset, stage, tables, training
from fashion.checkpoint import Checkpoint
from fashion.files import sha256
from fashion.params import MemberParams

HISTORY = Path("reports/history")


def main(params: MemberParams, member: str) -> Callable[[], None]:
    """Train the member, or go on with it after an interruption.

    Returns:
        What forgets the training, once its result is known to count.

    Raises:
        UserError: the data is damaged, the training diverged, or a backbone's weights cannot be had.
        OSError: a file cannot be read or written.
    """
    train, validation = dataset.load(dataset.TRAIN_FILE), dataset.load(dataset.VALIDATION_FILE)
    data = [sha256(dataset.TRAIN_FILE), sha256(dataset.VALIDATION_FILE)]
    checkpoint = Checkpoint(member, training.determined_by(params, data))
    started = time.monotonic()
    model, history = training.fit(params, train, validation, checkpoint)
    print(
        f"{member}: {model.count_params():,} parameters, {history[-1]['precision']}, "
        f"validation accuracy {training.kept_row(params.train, history)['validation_accuracy']:.2%}, "
        f"trained in {time.monotonic() - started:.1f} s"
    )
    artifact.save(artifact.path_of(member), model)
    tables.write(HISTORY / f"{member}.csv", history)
    return checkpoint.remove


if __name__ == "__main__":
    stage.run(
        main,
        __doc__,
        reads=lambda params, member: [params.member(member)],
        member="a key of `ensemble` in params.yaml",
    )
