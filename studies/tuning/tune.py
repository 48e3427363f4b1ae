"""Search for better values of params.yaml, by validation accuracy: space.yaml -> trials.csv, tuning.png.

Optuna's TPE sampler proposes values; a trial that is worse than the median of the others after as many epochs is pruned. At the
end a command to try the best values is printed. Run the search again to resume it, or at the same time elsewhere with the same
--storage: the trials are shared.
"""

import argparse
import fcntl
import hashlib
import json
import sys
import warnings
from typing import Annotated, Any

from pydantic import Field, model_validator

from fashion import figures, params, paths
from fashion.data.images import Images, load_images
from fashion.options import at_least
from fashion.params import MemberParams, Section
from fashion.pipeline import code, tables
from fashion.pipeline.errors import DivergedError, ParameterError, UserError, one_line_errors
from fashion.pipeline.files import sha256
from fashion.pipeline.yaml import read_yaml

try:
    import optuna
    from sqlalchemy.exc import SQLAlchemyError
except ImportError:
    sys.exit("error: optuna: not installed; run `make extras`")

SPACE = paths.TUNING_STUDY / "space.yaml"
TRIALS, PICTURE = paths.TUNING_STUDY / "trials.csv", paths.TUNING_STUDY / "tuning.png"
STORAGE = f"sqlite:///{paths.TUNING_STUDY}/trials.db"
# A process that says nothing for this long (seconds) is taken for dead, and its trial is run again, once.
HEARTBEAT = 60
# The sections of params.yaml that a training depends on.
SEARCHED = ("model", "augment", "train")
# Trials that run to their end before any is pruned, and epochs before one may be.
UNPRUNED_TRIALS, UNPRUNED_EPOCHS = 5, 2
# The states of trials that have ended as they should.
ENDED = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)


class Range(Section):
    """The ends of a range, both included."""

    low: float | int
    high: float | int
    log: bool = False

    @model_validator(mode="after")
    def check_ends(self) -> "Range":
        """Refuse a range that cannot be searched.

        Raises:
            ValueError: it is empty, or of orders of magnitude down to 0.
        """
        if self.low >= self.high or (self.log and self.low <= 0):
            raise ValueError(f"low {self.low} has to be below high {self.high}, and above 0 if log is true")
        return self


Space = dict[str, Range | Annotated[list[bool | int | float | str], Field(min_length=1)]]


def read_space() -> Space:
    """Read what may be chosen.

    Raises:
        ParameterError: the file is missing, or says something else or nothing.
    """
    space = params.validate(Space, read_yaml(SPACE), SPACE)
    if not space:
        raise ParameterError(f"{SPACE}: names no key of params.yaml to search over")
    return space


def with_values(tree: dict, values: dict[str, Any]) -> MemberParams:
    """Return the first member of params.yaml's ensemble, with other values.

    Args:
        tree: params.yaml as it was read.
        values: by key, such as train.epochs.

    Raises:
        ParameterError: a key is unknown, or a value not allowed.
    """
    for key, value in values.items():
        change: Any = value
        for section in reversed(key.split(".")):
            change = {section: change}
        tree = params.merge(tree, change)
    return next(iter(params.validate(params.Params, tree, SPACE).ensemble.values()))


def check_keys(tree: dict, space: Space) -> None:
    """Refuse a key whose value would change no trial.

    Args:
        tree: params.yaml as it was read.
        space: what is to be searched.

    Raises:
        ParameterError: no training depends on a key, or the member that is trained has a value of its own for it.
    """
    name, own = next(iter(tree["ensemble"].items()))
    for key in space:
        section, *names = key.split(".")
        if section not in SEARCHED:
            raise ParameterError(f"{SPACE}: {key}: no training depends on it; only on keys of {', '.join(SEARCHED)}")
        node = own.get(section)
        for part in names:
            node = node.get(part) if isinstance(node, dict) else None
        if node is not None:
            raise ParameterError(f"{SPACE}: {key}: ensemble.{name} in {paths.PARAMS} has a value of its own; remove it there")


def check_values(tree: dict, space: Space) -> None:
    """Refuse a value that is not allowed; one that only does not go together with some others is left to the trials.

    Args:
        tree: params.yaml as it was read.
        space: what is to be searched.

    Raises:
        ParameterError: a key is unknown, a value is not allowed, or the first or lowest values do not go together.
    """
    values = {key: choices if isinstance(choices, list) else [choices.low, choices.high] for key, choices in space.items()}
    first = {key: choices[0] for key, choices in values.items()}
    with_values(tree, first)
    for key, choices in values.items():
        for value in choices[1:]:
            try:
                with_values(tree, {**first, key: value})
            except ParameterError as error:
                if f"{key}: " in str(error):  # what is said of several keys names their section instead
                    raise


def suggest(trial: optuna.Trial, key: str, choices: Range | list) -> Any:
    """Let Optuna choose one value."""
    if isinstance(choices, list):
        return trial.suggest_categorical(key, choices)
    whole = isinstance(choices.low, int) and isinstance(choices.high, int)
    return (trial.suggest_int if whole else trial.suggest_float)(key, choices.low, choices.high, log=choices.log)


class Reporter:
    """Takes the place of a training's checkpoint: it tells Optuna of each epoch, and keeps nothing."""

    def __init__(self, trial: optuna.Trial, epochs: int):
        self.trial, self.epochs = trial, epochs

    def restore(self, variables) -> list[dict]:
        """Begin with the first epoch."""
        return []

    def save(self, variables, history: list[dict]) -> None:
        """Report the last epoch.

        Raises:
            TrialPruned: Optuna expects nothing of the trial's other epochs.
        """
        self.trial.report(history[-1]["validation_accuracy"], len(history))
        if len(history) < self.epochs and self.trial.should_prune():
            raise optuna.TrialPruned


class Objective:
    """What Optuna maximizes: the validation accuracy of params.yaml's first member, with the values of a trial.

    Args:
        tree: params.yaml as it was read.
        space: what is searched.
        train: the training images.
        validation: the validation images.
    """

    def __init__(self, tree: dict, space: Space, train: Images, validation: Images):
        # Only now: TensorFlow takes seconds, which a mistake in the space need not wait for.
        from fashion.training.fit import fit, kept_row

        self.fit, self.kept_row = fit, kept_row
        self.tree, self.space, self.train, self.validation = tree, space, train, validation

    def __call__(self, trial: optuna.Trial) -> float:
        """Train with the values that Optuna chooses.

        Raises:
            TrialPruned: the values do not go together, the training diverged, or Optuna ended it.
            UserError: no training can run as it should, such as when the weights of a backbone are missing.
        """
        chosen = {key: suggest(trial, key, choices) for key, choices in self.space.items()}
        print(f"trial {trial.number}: {', '.join(f'{key} {in_yaml(value)}' for key, value in chosen.items())}", flush=True)
        try:
            member = with_values(self.tree, chosen)
        except ParameterError as error:
            print(error)
            raise optuna.TrialPruned from None
        try:
            _, history = self.fit(member, self.train, self.validation, Reporter(trial, member.train.epochs))
        except DivergedError as error:  # a result, too
            print(error)
            raise optuna.TrialPruned from None
        return self.kept_row(member.train, history)["validation_accuracy"]


def study_name(recipe: params.Params, space: Space) -> str:
    """Return a name that stands for all that the trials depend on: other recipes, spaces, data and code have other studies."""
    determined_by = [
        recipe.model_dump(include={"model", "augment", "train", "ensemble"}),
        {key: choices.model_dump() if isinstance(choices, Range) else choices for key, choices in space.items()},
        sha256(paths.TRAIN),
        list(code.imported().values()),
    ]
    return hashlib.sha256(json.dumps(determined_by, sort_keys=True).encode()).hexdigest()[:16]


def unusable(address: str, error: BaseException) -> UserError:
    """Return the error that says why a storage cannot be used."""
    return UserError(f"{address}: cannot be used as storage ({' '.join(str(error).split())[:150]})")


def open_storage(address: str) -> optuna.storages.RDBStorage:
    """Connect with the database in which the trials are kept.

    Raises:
        UserError: it cannot be used.
    """
    retry = optuna.storages.RetryHeartbeatStaleTrialCallback(max_retry=1)
    try:
        return optuna.storages.RDBStorage(address, heartbeat_interval=HEARTBEAT, heartbeat_stale_trial_callback=retry)
    except (SQLAlchemyError, ImportError, ValueError) as error:
        raise unusable(address, error) from None


def open_study(storage: optuna.storages.RDBStorage, name: str) -> optuna.Study:
    """Return the study of a name with the trials that there are already."""
    return optuna.create_study(
        storage=storage,
        study_name=name,
        load_if_exists=True,
        direction="maximize",
        sampler=optuna.samplers.TPESampler(constant_liar=True),
        pruner=optuna.pruners.MedianPruner(UNPRUNED_TRIALS, UNPRUNED_EPOCHS),
    )


def search(study: optuna.Study, objective: Objective, total: int) -> None:
    """Run trials until there are `total`, those of other processes included."""
    done = len(study.get_trials(states=ENDED))
    if done:
        print(f"resuming after {done} trials")
    if done < total:
        study.optimize(objective, callbacks=[optuna.study.MaxTrialsCallback(total, states=ENDED)])


def as_row(trial: optuna.trial.FrozenTrial) -> dict:
    """Return a trial's row of the table: number, state, epochs, validation accuracy (0 to 1) and what was chosen.

    The accuracy of a trial that was pruned is the highest of its epochs.
    """
    reached = max(trial.intermediate_values.values(), default=0.0)
    return {
        "trial": trial.number,
        "state": trial.state.name.lower(),
        "epochs": len(trial.intermediate_values),
        "validation_accuracy": reached if trial.value is None else trial.value,
        **trial.params,
    }


def report(study: optuna.Study, space: Space) -> None:
    """Write the table and the picture, and print what the best trial was.

    Raises:
        UserError: no trial ran to its end; nothing is written.
    """
    # Processes that share the trials may end together. Each has to write what it read before the next one reads.
    with SPACE.open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        rows = [as_row(trial) for trial in study.get_trials(states=ENDED)]
        complete = [row for row in rows if row["state"] == "complete"]
        if not complete:
            raise UserError(f"all {len(rows)} trials were pruned; change {SPACE} or {paths.PARAMS} by what each said")
        tables.write(TRIALS, rows)
        logarithmic = {key for key, choices in space.items() if isinstance(choices, Range) and choices.log}
        searched = {key: [row[key] for row in complete] for key in space}
        figures.save(PICTURE, figures.tuning(searched, [row["validation_accuracy"] for row in complete], logarithmic))
    print(f"{len(rows)} trials, {len(rows) - len(complete)} of them pruned -> {TRIALS}, {PICTURE.name}")
    best = max(complete, key=lambda row: row["validation_accuracy"])
    print(f"The best, trial {best['trial']}, has validation accuracy {best['validation_accuracy']:.2%}. To try it:")
    print("dvc exp run " + " ".join(f"-S {key}={in_yaml(best[key])}" for key in space))


def in_yaml(value: Any) -> str:
    """Return a value as the command line of `dvc exp run -S` takes it."""
    return f"{value:.4g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


def main(total: int, address: str) -> None:
    """Run trials until there are `total`, and report.

    Raises:
        ParameterError: params.yaml or the space is wrong.
        UserError: the storage cannot be used, the data or a backbone's weights are missing, or no trial ran to its end.
    """
    tree, space = read_yaml(paths.PARAMS), read_space()
    recipe = params.validate(params.Params, tree, paths.PARAMS)
    check_keys(tree, space)
    check_values(tree, space)
    objective = Objective(tree, space, load_images(paths.TRAIN), load_images(paths.VALIDATION))
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # of the heartbeat
    storage = open_storage(address)
    try:
        study = open_study(storage, study_name(recipe, space))
        search(study, objective, total)
        report(study, space)
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        raise unusable(address, error.__cause__ or error) from None


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--trials", type=at_least(1), default=20, help="how many trials there shall be, those already run included (20)"
    )
    parser.add_argument(
        "--storage", default=STORAGE, help="any address that Optuna knows, such as postgresql+psycopg://HOST/NAME"
    )
    arguments = parser.parse_args()
    with one_line_errors():
        main(arguments.trials, arguments.storage)
