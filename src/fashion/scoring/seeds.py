"""The scores of several seeds, as the studies keep them."""

import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

from fashion.pipeline.errors import UserError
from fashion.pipeline.files import read_results

# What the recipes of the study are, in the order of a table.
RECIPES = {
    "baseline": "the plain script's recipe",
    "fast": "the script's layers, two epochs",
    "params": "the script's layers, ten epochs",
    "balanced": "a residual network",
    "accurate": "a larger one, 60 epochs",
    "ensemble": "three of `accurate`",
}


def title_of(recipe: str) -> str:
    """Return what a table calls a recipe, and what it is."""
    return f"`{'params.yaml' if recipe == 'params' else recipe}`: {RECIPES[recipe]}"


def read_accuracies(path: Path) -> dict[str, list[float]]:
    """Return accuracies in percent, one a seed, by split: validation, test, and whatever else each seed was scored on.

    Raises:
        UserError: the file is damaged.
    """

    def take(results: dict) -> dict[str, list[float]]:
        seeds = list(results["seeds"].values())
        splits = dict.fromkeys(["validation", "test", *seeds[0]])
        return {split: [100 * float(scores[split]["accuracy"]) for scores in seeds] for split in splits}

    return read_results(path, take)


def read_study(study: Path, rows: Iterable[str]) -> dict[str, dict[str, list[float]]]:
    """Return the accuracies of a study's rows by name, each as `read_accuracies` returns them.

    Raises:
        UserError: a row was not measured, or a result is damaged.
    """
    results = {row: study / f"results/{row}.json" for row in rows}
    for path in results.values():
        if not path.exists():
            raise UserError(f"{path}: missing; run `make {study.name}`")
    return {row: read_accuracies(path) for row, path in results.items()}


def read_costs(study: Path, rows: Iterable[str]) -> dict[str, tuple[float, int]]:
    """Return, of a study's rows by name, the training time as a ratio to the first row's, and the number of parameters.

    Raises:
        UserError: a row was not timed, or costs.json is damaged.
    """
    path = study / "costs.json"
    costs = read_results(
        path, lambda costs: {row: (float(cost["ratio"]), int(cost["parameters"])) for row, cost in costs.items()}
    )
    if missing := set(rows) - costs.keys():
        raise UserError(f"{path}: without {', '.join(sorted(missing))}; run `make {study.name}`")
    return costs


def mean_and_std(values: Sequence[float]) -> str:
    """Return the mean and, of several values, the standard deviation: "90.64 ± 0.28"."""
    spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.2f}{spread}"
