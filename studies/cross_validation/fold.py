"""Train on all folds but one and predict that one: data/raw -> results/FOLD.json and out_of_fold/FOLD.npz."""

from collections.abc import Callable
from pathlib import Path

import folds  # first: it finds the library
import numpy as np

import prepare
import trial
from fashion import corrections, params, stage
from fashion.dataset import Images
from fashion.errors import ParameterError
from fashion.files import atomic_write, write_json
from fashion.params import TRAINING_IMAGES, EvaluateParams, MemberParams


def main(
    chosen: folds.FoldParams, exclude: str, member: MemberParams, scoring: EvaluateParams, fold: str
) -> Callable[[], None]:
    """Train and predict.

    Returns:
        What forgets the training, once its result is known to count.

    Raises:
        ParameterError: there is no such fold, or the recipe would choose its own stopping point on the images held out.
        UserError: the data is damaged, or the training diverged.
        OSError: a file cannot be read or written.
    """
    if fold not in map(str, chosen.folds):
        raise ParameterError(f"there is no fold {fold!r}; there are {', '.join(map(str, chosen.folds))}")
    if member.train.patience or member.train.schedule == "plateau":
        raise ParameterError(
            "train.patience and train.schedule: plateau look at the images held out, and the scores would flatter; "
            "set patience: 0 and another schedule for cross-validation"
        )
    full = prepare.read_raw("train", TRAINING_IMAGES)
    corrected = corrections.read(Path(exclude), full.labels)
    held_out = folds.assign(full.labels, len(chosen.folds), chosen.seed) == int(fold)
    used = ~held_out & corrected.kept
    sets = {
        "train": Images(full.images[used], corrected.labels[used]),
        "validation": Images(full.images[held_out], full.labels[held_out]),
    }
    checkpoint = trial.checkpoint_of(f"fold-{fold}", member, sets)
    scores, probabilities = trial.run(checkpoint, member, scoring, sets)
    write_json(folds.HERE / f"results/{fold}.json", scores)
    with atomic_write(folds.HERE / f"out_of_fold/{fold}.npz") as file:
        # Small enough for git; three digits are enough to judge a label by.
        np.savez_compressed(file, probabilities=probabilities["validation"].astype(np.float16))
    return checkpoint.remove


def read(whole: params.Params) -> tuple[folds.FoldParams, str, MemberParams, EvaluateParams]:
    """Return what the study uses: its own parameters, the corrections, the first member of the ensemble and how it is scored.

    Raises:
        ParameterError: the study's parameters are wrong.
    """
    return folds.load(), whole.prepare.exclude, next(iter(whole.ensemble.values())), whole.evaluate


if __name__ == "__main__":
    stage.run(main, __doc__, reads=lambda whole, fold: read(whole), fold="its number")
