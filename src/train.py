"""Train one member of the ensemble: data/prepared/{train,validation}.npz -> models/MEMBER.keras, reports/history/MEMBER.csv."""

import time
from pathlib import Path

from fashion import artifact, dataset, stage, tables, training
from fashion.checkpoint import Checkpoint
from fashion.files import sha256
from fashion.interrupt import CtrlC
from fashion.params import MemberParams

HISTORY = Path("reports/history")


def main(params: MemberParams, member: str) -> None:
    """Train the member, or go on with it after an interruption.

    Raises:
        UserError: the data is damaged, or the training diverged.
        OSError: a file cannot be read or written.
    """
    train, validation = dataset.load(dataset.TRAIN_FILE), dataset.load(dataset.VALIDATION_FILE)
    data = [sha256(dataset.TRAIN_FILE), sha256(dataset.VALIDATION_FILE)]
    checkpoint = Checkpoint(member, training.determined_by(params, data))
    started = time.monotonic()
    with CtrlC() as ctrl_c:
        model, history = training.fit(params, train, validation, checkpoint, [ctrl_c])
        accuracies = [row["validation_accuracy"] for row in history]
        print(
            f"{member}: {model.count_params():,} parameters, {history[-1]['precision']}, "
            f"validation accuracy {max(accuracies) if params.train.patience else accuracies[-1]:.2%}, "
            f"trained in {time.monotonic() - started:.1f} s"
        )
        artifact.save(artifact.path_of(member), model)
        tables.write(HISTORY / f"{member}.csv", history)
    checkpoint.remove()


if __name__ == "__main__":
    stage.run(
        main,
        __doc__,
        reads=lambda params, member: [params.member(member)],
        member="a key of `ensemble` in params.yaml",
    )
