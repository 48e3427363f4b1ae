"""Train and score what a study asks for: data/raw -> studies/STUDY/results/NAME.json, accuracies and losses.

Improvements and ablation train a row with several seeds, the seeds study a recipe, the cross-validation each fold once. After
an interruption the same command resumes; it trains no finished network again.
"""

import functools
import hashlib
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fashion import paths
from fashion.data import corrections, release
from fashion.data.images import Images
from fashion.data.split import split
from fashion.params import EvaluateParams, MemberParams, Params, PrepareParams, load
from fashion.pipeline import stage
from fashion.pipeline.errors import ParameterError
from fashion.pipeline.files import atomic_write, write_json
from fashion.scoring.ensemble import Predicted
from fashion.scoring.evaluation import predict_splits
from fashion.scoring.metrics import score
from fashion.study_params import FoldParams, read_folds, read_row, read_rows
from fashion.training.checkpoint import Checkpoint
from fashion.training.compile import determined_by
from fashion.training.fit import fit

# The seeds study trains each recipe this often, with the seeds 0, 1, 2 ... or, an ensemble, with the next ones each time.
SEEDS = 5
# The members of an ensemble have seeds of their own, so those of a row's runs are this far apart.
SEED_STEP = 1000
# The recipe whose probabilities are kept, for studies/seeds/ensemble.py.
KEPT_RECIPE = "accurate"


class Fold(NamedTuple):
    """One fold of the training images is held out, the others train.

    Attributes:
        params: how the images are divided.
        number: which fold is held out.
        corrections: a table of corrections, which act on the other folds alone.
    """

    params: FoldParams
    number: int
    corrections: str


class Plan(NamedTuple):
    """What is trained, and how it is scored.

    Attributes:
        division: of the images.
        runs: the members of each run's ensemble, by name; they differ between the runs in their seeds.
        scoring: how it is scored.
    """

    division: PrepareParams | Fold
    runs: list[dict[str, MemberParams]]
    scoring: EvaluateParams


class Run(NamedTuple):
    """What one run gave.

    Attributes:
        last_epoch: accuracy and loss of the first member in its last epoch, as Keras' `fit` reports them: the mean over the
            steps, while the network still changes and sees the images as they are augmented.
        scores: accuracy and loss (nats) of the ensemble, by split.
        predicted: probabilities, by split.
    """

    last_epoch: dict[str, float]
    scores: dict[str, dict[str, float]]
    predicted: Predicted


def plan_row(study: Path, _: Params, row: str) -> Plan:
    """Plan the runs of a row of a study; errors as of `read_row`."""
    recipe = read_row(study, row)
    runs = [reseeded(recipe.ensemble, SEED_STEP * run) for run in range(read_rows(study).rows[row].seeds)]
    return Plan(recipe.prepare, runs, recipe.evaluate)


def plan_recipe(params: Params, recipe: str) -> Plan:
    """Plan the runs of a recipe.

    Raises:
        ParameterError: there is no such recipe, or it is wrong.
    """
    recipes = {path.stem: path for path in sorted(paths.RECIPES.glob("*.yaml"))}
    if recipe != "params" and recipe not in recipes:
        raise ParameterError(f"{paths.RECIPES}: no recipe is called {recipe!r}; there are {', '.join(recipes)} and params")
    read = params if recipe == "params" else load(recipes[recipe])
    seeds = [member.seed for member in read.ensemble.values()]
    step = max(seeds) - min(seeds) + 1
    return Plan(read.prepare, [reseeded(read.ensemble, step * run - min(seeds)) for run in range(SEEDS)], read.evaluate)


def plan_fold(params: Params, fold: str) -> Plan:
    """Plan the training of params.yaml's first member without a fold.

    Raises:
        ParameterError: there is no such fold, or the recipe would choose its own stopping point on the images held out.
    """
    folds = read_folds()
    if fold not in map(str, folds.folds):
        raise ParameterError(f"there is no fold {fold!r}; there are {', '.join(map(str, folds.folds))}")
    name, member = next(iter(params.ensemble.items()))
    if member.train.patience or member.train.schedule == "plateau":
        raise ParameterError(
            "train.patience and train.schedule: plateau look at the images held out, and the scores would flatter; "
            "set patience: 0 and another schedule for cross-validation"
        )
    return Plan(Fold(folds, int(fold), params.prepare.corrections), [{name: member}], params.evaluate)


def reseeded(members: dict[str, MemberParams], step: int) -> dict[str, MemberParams]:
    """Return members whose seeds are higher by `step`."""
    return {name: member.model_copy(update={"seed": member.seed + step}) for name, member in members.items()}


def write_row(study: Path, row: str, runs: list[Run]) -> None:
    """Write the scores of a row's runs."""
    scores = [run.scores for run in runs]
    write_json(study / f"results/{row}.json", {"seeds": dict(enumerate(scores))})


def write_recipe(recipe: str, runs: list[Run]) -> None:
    """Write the scores of a recipe's runs and, of one recipe, the probabilities before they are calibrated.

    Those are float32 of shape (runs, N, 10).
    """
    scores = [{"last_epoch": run.last_epoch, **run.scores} for run in runs]
    write_json(paths.SEEDS_STUDY / f"results/{recipe}.json", {"seeds": dict(enumerate(scores))})
    if recipe == KEPT_RECIPE:
        kept = {name: np.stack([run.predicted.members[name].mean(axis=0) for run in runs]) for name in ("validation", "test")}
        with atomic_write(paths.SEEDS_STUDY / f"probabilities/{recipe}.npz") as file:
            np.savez_compressed(file, **kept)


def write_fold(fold: str, runs: list[Run]) -> None:
    """Write a fold's scores and the probabilities of the images held out."""
    (run,) = runs
    write_json(paths.CROSS_VALIDATION_STUDY / f"results/{fold}.json", {"last_epoch": run.last_epoch, **run.scores})
    with atomic_write(paths.CROSS_VALIDATION_STUDY / f"out_of_fold/{fold}.npz") as file:
        # Small enough for git; three digits are enough to judge a label by.
        np.savez_compressed(file, probabilities=run.predicted.ensemble["validation"].astype(np.float16))


# What each study plans and writes.
STUDIES: dict[str, tuple[Callable[[Params, str], Plan], Callable[[str, list[Run]], None]]] = {
    **{
        study.name: (functools.partial(plan_row, study), functools.partial(write_row, study))
        for study in (paths.IMPROVEMENTS_STUDY, paths.ABLATION_STUDY)
    },
    "seeds": (plan_recipe, write_recipe),
    "cross_validation": (plan_fold, write_fold),
}


def read_plan(params: Params, study: str, name: str) -> Plan:
    """Return the plan of a row, a recipe or a fold.

    Raises:
        ParameterError: there is no such study, or nothing of that name in it, or a parameter is wrong.
    """
    if study not in STUDIES:
        raise ParameterError(f"there is no study {study!r}; there are {', '.join(STUDIES)}")
    plan, _ = STUDIES[study]
    return plan(params, name)


def divide(division: PrepareParams | Fold) -> dict[str, Images]:
    """Return the images by split: train, validation and, where no fold is held out, test.

    Raises:
        UserError: the data or the table of corrections is damaged.
    """
    full = release.read_training_set()
    if isinstance(division, PrepareParams):
        train, validation = split(full, division)
        return {"train": train, "validation": validation, "test": release.read_test_set()}
    corrected = corrections.read(Path(division.corrections), full.labels)
    held_out = division.params.assign(full.labels) == division.number
    used = ~held_out & corrected.kept
    return {
        "train": Images(full.images[used], corrected.labels[used]),
        "validation": Images(full.images[held_out], full.labels[held_out]),
    }


def train_and_score(
    members: dict[str, MemberParams], scoring: EvaluateParams, splits: dict[str, Images], checkpoints: list[Checkpoint]
) -> Run:
    """Train the members of an ensemble, as far as their checkpoints do not hold them, and score them together.

    Raises:
        UserError: the training diverged, or a backbone's weights are not available.
    """
    train, validation = splits["train"], splits["validation"]
    trained = [fit(member, train, validation, checkpoint) for member, checkpoint in zip(members.values(), checkpoints)]
    models, last = [model for model, _ in trained], trained[0][1][-1]
    predicted = predict_splits(models, splits, scoring, [member.train.label_smoothing for member in members.values()])
    return Run(
        last_epoch={"accuracy": last["train_accuracy"], "loss": last["train_loss"]},
        scores={name: score(data, predicted.ensemble[name]) for name, data in splits.items()},
        predicted=predicted,
    )


def digest(data: Images) -> str:
    """Return the SHA-256 of some images and their labels, 64 hexadecimal digits."""
    return hashlib.sha256(data.images.tobytes() + data.labels.tobytes()).hexdigest()


def main(plan: Plan, study: str, name: str) -> Callable[[], None]:
    """Divide the images, train and score each run, and write.

    Returns:
        What removes the checkpoints, once the result is known to count.

    Raises:
        UserError: the data is damaged, the training diverged, or a backbone's weights are not available.
    """
    splits = divide(plan.division)
    data = [digest(splits["train"]), digest(splits["validation"])]
    # Kept until the whole result counts, those of finished networks, too.
    checkpoints = [
        [Checkpoint(f"{study}-{name}-{run}-{member}", determined_by(params, data)) for member, params in members.items()]
        for run, members in enumerate(plan.runs)
    ]
    runs = []
    for members, of_run in zip(plan.runs, checkpoints):
        print(f"{study} {name}: run {len(runs) + 1} of {len(plan.runs)}", flush=True)
        runs.append(train_and_score(members, plan.scoring, splits, of_run))
    _, write = STUDIES[study]
    write(name, runs)

    def forget() -> None:
        for checkpoint in itertools.chain(*checkpoints):
            checkpoint.remove()

    return forget


if __name__ == "__main__":
    stage.run(
        main,
        __doc__,
        reads=lambda params, study, name: [read_plan(params, study, name)],
        study="improvements, ablation, seeds or cross_validation",
        name="a row of rows.yaml; a file in recipes/, without .yaml, or params for params.yaml; the number of a fold",
    )
