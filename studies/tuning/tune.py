"""Search for better values of params.yaml, by validation accuracy: space.yaml -> trials.csv, tuning.png and a command to try the best.

Optuna's TPE sampler proposes values; a trial that is worse than the median of the others after as many epochs is pruned. Run it
again to go on, or at the same time elsewhere with the same --storage: the trials are shared.
"""

import argparse
import fcntl
import hashlib
import json
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

from matplotlib.figure import Figure
from pydantic import Field, TypeAdapter, ValidationError, model_validator

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

from fashion import code, dataset, figures, params, tables
from fashion.errors import DivergedError, ParameterError, UserError, one_line_errors
from fashion.files import sha256
from fashion.options import at_least

HERE = Path("studies/tuning")
SPACE = HERE / "space.yaml"
# A worker that says nothing for so long (seconds) is taken for dead, and its trial is run again, once.
HEARTBEAT = 60
# The sections of params.yaml that a training depends on.
SEARCHED = ("model", "augment", "train")
# Trials that run to their end before any is pruned, and epochs before one may be.
UNPRUNED_TRIALS, UNPRUNED_EPOCHS = 5, 2


class Range(params.Section):
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
    try:
        space = TypeAdapter(Space).validate_python(params.read_yaml(SPACE), strict=True)
    except ValidationError as error:
        raise ParameterError(f"{SPACE}: {params.describe(error)}") from None
    if not space:
        raise ParameterError(f"{SPACE}: names no key of params.yaml to search over")
    return space


def with_values(tree: dict, values: dict[str, Any]) -> params.MemberParams:
    """Return the first member of params.yaml's ensemble, with other values.

    Args:
        tree: params.yaml as it was read.
        values: by key, such as train.epochs.

    Raises:
        ParameterError: a key is unknown, or a value not allowed.
    """
    for key, value in values.items():
        *sections, leaf = key.split(".")
        change: Any = {leaf: value}
        for section in reversed(sections):
            change = {section: change}
        tree = params.merge(tree, change)
    try:
        return next(iter(params.Params.model_validate(tree).ensemble.values()))
    except ValidationError as error:
        raise ParameterError(f"{SPACE}: {params.describe(error)}") from None


def check_keys(tree: dict, space: Space) -> None:
    """Refuse a key whose value would change no trial.

    Args:
        tree: params.yaml as it was read.
        space: what is to be searched.

    Raises:
        ParameterError: a key is no part of a training, or the member that is trained has a value of its own for it.
    """
    name, own = next(iter(tree["ensemble"].items()))
    for key in space:
        section, *parts = key.split(".")
        if section not in SEARCHED:
            raise ParameterError(f"{SPACE}: {key}: no part of a training; those of {', '.join(SEARCHED)} are")
        node = own.get(section)
        for part in parts:
            node = node.get(part) if isinstance(node, dict) else None
        if node is not None:
            raise ParameterError(
                f"{SPACE}: {key}: ensemble.{name} in {params.PARAMS_FILE} has a value of its own; remove it there"
            )


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


def suggest(trial: Any, key: str, choices: Range | list) -> Any:
    """Let Optuna choose one value."""
    if isinstance(choices, list):
        return trial.suggest_categorical(key, choices)
    whole = isinstance(choices.low, int) and isinstance(choices.high, int)
    return (trial.suggest_int if whole else trial.suggest_float)(key, choices.low, choices.high, log=choices.log)


def draw(trials: list[dict], space: Space) -> Figure:
    """Draw the validation accuracy of the finished trials over each parameter.

    Args:
        trials: rows of the table.
        space: what was searched.
    """
    figure = Figure(figsize=(3.2 * min(3, len(space)), 2.8 * -(-len(space) // 3)))
    panels = figure.subplots(-(-len(space) // 3), min(3, len(space)), squeeze=False)
    finished = [row for row in trials if row["state"] == "complete"]
    for axes in panels.flat[len(space) :]:
        axes.axis("off")
    for axes, (key, choices) in zip(panels.flat, space.items()):
        axes.scatter(
            [row[key] for row in finished], [100 * row["validation_accuracy"] for row in finished], s=14, color=figures.BLUE
        )
        axes.set(
            xlabel=key,
            ylabel="validation accuracy (%)",
            xscale="log" if isinstance(choices, Range) and choices.log else "linear",
        )
        axes.grid(axis="y", color="#e5e5e5")
    return figure


def table(trials: list) -> list[dict]:
    """Return a row for each of Optuna's trials: number, state, epochs, validation accuracy (0 to 1) and what was chosen.

    The accuracy of a trial that was pruned is the highest of its epochs.
    """
    return [
        {
            "trial": trial.number,
            "state": trial.state.name.lower(),
            "epochs": len(trial.intermediate_values),
            "validation_accuracy": trial.value
            if trial.value is not None
            else max(trial.intermediate_values.values(), default=0.0),
            **trial.params,
        }
        for trial in trials
    ]


def unusable(address: str, error: BaseException) -> UserError:
    """Return the error that says why a storage cannot be used."""
    return UserError(f"{address}: cannot be used as storage ({' '.join(str(error).split())[:150]})")


def main(total: int, address: str) -> None:
    """Run trials until there are `total`, and report.

    Raises:
        ParameterError: params.yaml or the space is wrong.
        UserError: Optuna is not installed, the storage cannot be used, or the data is missing.
        OSError: a file cannot be read or written.
    """
    params.load()
    tree, space = params.read_yaml(params.PARAMS_FILE), read_space()
    check_keys(tree, space)
    check_values(tree, space)
    train, validation = dataset.load(dataset.TRAIN_FILE), dataset.load(dataset.VALIDATION_FILE)
    try:
        import optuna
        from sqlalchemy.exc import SQLAlchemyError
    except ImportError:
        raise UserError("optuna: not installed; run `make extras`") from None
    # Imported only now: TensorFlow takes seconds, which a mistake in the space need not wait for.
    from fashion import training

    class Reporter:
        """Takes the place of a checkpoint: tells Optuna of each of the epochs, and keeps nothing."""

        def __init__(self, trial: optuna.Trial, epochs: int):
            self.trial, self.epochs = trial, epochs

        def restore(self, variables) -> list[dict]:
            return []

        def save(self, variables, history: list[dict]) -> None:
            self.trial.report(history[-1]["validation_accuracy"], len(history))
            if len(history) < self.epochs and self.trial.should_prune():
                raise optuna.TrialPruned

    def objective(trial: optuna.Trial) -> float:
        chosen = {key: suggest(trial, key, choices) for key, choices in space.items()}
        print(
            f"trial {trial.number}: "
            + ", ".join(
                f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in trial.params.items()
            ),
            flush=True,
        )
        try:
            member = with_values(tree, chosen)
            _, history = training.fit(member, train, validation, Reporter(trial, member.train.epochs))
        except (ParameterError, DivergedError) as error:  # values that do not go together, or lead nowhere: a result, too
            print(error)
            raise optuna.TrialPruned from None
        return training.kept_row(member.train, history)["validation_accuracy"]

    # Trials of another recipe, other data, another space or other code are other trials.
    meant = [
        params.load().model_dump(include={"model", "augment", "train", "ensemble"}),
        params.read_yaml(SPACE),
        sha256(dataset.TRAIN_FILE),
        list(code.imported().values()),
    ]
    name = hashlib.sha256(json.dumps(meant, sort_keys=True).encode()).hexdigest()[:16]
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # of the heartbeat
    retry = optuna.storages.RetryHeartbeatStaleTrialCallback(max_retry=1)
    try:
        storage = optuna.storages.RDBStorage(address, heartbeat_interval=HEARTBEAT, heartbeat_stale_trial_callback=retry)
    except (SQLAlchemyError, ImportError, ValueError) as error:
        raise unusable(address, error) from None
    try:
        study = optuna.create_study(
            storage=storage,
            study_name=name,
            load_if_exists=True,
            direction="maximize",
            sampler=optuna.samplers.TPESampler(constant_liar=True),
            pruner=optuna.pruners.MedianPruner(UNPRUNED_TRIALS, UNPRUNED_EPOCHS),
        )
        ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
        done = len(study.get_trials(states=ended))
        if done:
            print(f"going on after {done} trials in {address}")
        if done < total:
            study.optimize(objective, callbacks=[optuna.study.MaxTrialsCallback(total, states=ended)])
        # Processes that share the trials may end together. Each has to write what it read before the next one reads.
        with SPACE.open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            rows = table(study.get_trials(states=ended))
            tables.write(HERE / "trials.csv", rows)
            figures.save(HERE / "tuning.png", draw(rows, space))
    except (SQLAlchemyError, optuna.exceptions.StorageInternalError) as error:
        raise unusable(address, error.__cause__ or error) from None
    pruned = sum(row["state"] == "pruned" for row in rows)
    best = max((row for row in rows if row["state"] == "complete"), key=lambda row: row["validation_accuracy"], default=None)
    print(f"{len(rows)} trials, {pruned} of them pruned -> {HERE}/trials.csv, tuning.png")
    if best:
        print(f"The best, trial {best['trial']}, has validation accuracy {best['validation_accuracy']:.2%}. To try it:")
        print("dvc exp run " + " ".join(f"-S {key}={in_yaml(best[key])}" for key in space))


def in_yaml(value: Any) -> str:
    """Return a value as the command line of `dvc exp run -S` takes it."""
    return f"{value:.4g}" if isinstance(value, float) else str(value).lower() if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--trials", type=at_least(1), default=20, help="how many trials there shall be, those already run included (20)"
    )
    parser.add_argument(
        "--storage",
        default=f"sqlite:///{HERE}/trials.db",
        help="any address that Optuna knows, such as postgresql+psycopg://HOST/NAME",
    )
    arguments = parser.parse_args()
    with one_line_errors():
        main(arguments.trials, arguments.storage)
