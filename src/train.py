"""Train one member of the ensemble: data/prepared/{train,validation}.npz -> models/MEMBER.keras, reports/history/MEMBER.csv."""

import signal
import time
from pathlib import Path

from fashion import artifact, dataset, stage, tables, training
from fashion.checkpoint import Checkpoint
from fashion.files import sha256
from fashion.params import MemberParams

HISTORY = Path("reports/history")


class Interruptible(Checkpoint):
    """A checkpoint that also ends a training whose Ctrl-C was swallowed, as a call-back inside TensorFlow may do."""

    pressed = False

    def press(self, *_) -> None:
        """Note the Ctrl-C, and end the training at once where Python's exception gets through."""
        self.pressed = True
        raise KeyboardInterrupt

    def save(self, variables, history: list[dict]) -> None:
        """Keep the state; then end the training, if it should have ended."""
        super().save(variables, history)
        if self.pressed:
            raise KeyboardInterrupt


def main(params: MemberParams, member: str) -> None:
    """Train the member, or go on with it after an interruption.

    Raises:
        UserError: the data is damaged, or the training diverged.
        OSError: a file cannot be read or written.
    """
    train, validation = dataset.load(dataset.TRAIN_FILE), dataset.load(dataset.VALIDATION_FILE)
    data = [sha256(dataset.TRAIN_FILE), sha256(dataset.VALIDATION_FILE)]
    checkpoint = Interruptible(member, training.determined_by(params, data))
    signal.signal(signal.SIGINT, checkpoint.press)
    started = time.monotonic()
    model, history = training.fit(params, train, validation, checkpoint)
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
