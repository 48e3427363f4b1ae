"""Train one member of the ensemble: data/prepared/{train,validation}.npz -> models/MEMBER.keras, reports/history/MEMBER.csv."""

import time
from collections.abc import Callable

from fashion import paths
from fashion.data.images import load_images
from fashion.networks import artifact
from fashion.params import MemberParams
from fashion.pipeline import stage, tables
from fashion.pipeline.files import sha256
from fashion.training.checkpoint import Checkpoint
from fashion.training.compile import determined_by
from fashion.training.fit import fit, kept_row


def main(params: MemberParams, member: str) -> Callable[[], None]:
    """Train the member, or resume its training after an interruption.

    Returns:
        What removes the checkpoint, once the result is known to count.

    Raises:
        UserError: the data is damaged, the training diverged, or a backbone's weights are not available.
    """
    train, validation = load_images(paths.TRAIN), load_images(paths.VALIDATION)
    data = [sha256(paths.TRAIN), sha256(paths.VALIDATION)]
    checkpoint = Checkpoint(member, determined_by(params, data))
    started = time.monotonic()
    # The table appears after each epoch: `dvc plots show` draws it while the network trains.
    model, history = fit(
        params, train, validation, checkpoint, report=lambda history: tables.write(paths.history_of(member), history)
    )
    print(
        f"{member}: {model.count_params():,} parameters, {history[-1]['precision']}, "
        f"validation accuracy {kept_row(params.train, history)['validation_accuracy']:.2%} (without test-time augmentation), "
        f"trained in {time.monotonic() - started:.1f} s"
    )
    artifact.save(paths.model_of(member), model)
    return checkpoint.remove


if __name__ == "__main__":
    stage.run(
        main,
        __doc__,
        reads=lambda params, member: [params.member(member)],
        member="a key of `ensemble` in params.yaml",
    )
