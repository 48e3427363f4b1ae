"""The scores of several seeds, as the studies keep them: read, and compared."""

import statistics
from collections.abc import Sequence
from pathlib import Path

from fashion import paths
from fashion.pipeline.errors import UserError
from fashion.pipeline.files import read_results
from fashion.scoring.comparison import welch


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


def mean_and_std(values: Sequence[float]) -> str:
    """Return the mean and, of several values, the standard deviation: "90.64 ± 0.28"."""
    spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.2f}{spread}"


def find_results(*names: str) -> list[Path]:
    """Return the files of some recipes' or rows' results, all of one study: others are of another machine or split.

    Raises:
        UserError: no study has all of them.
    """
    for study in (paths.SEEDS_STUDY, paths.IMPROVEMENTS_STUDY):
        found = [study / f"results/{name}.json" for name in names]
        if all(path.is_file() for path in found):
            return found
    raise UserError(
        f"no study has results of both {' and '.join(names)}; "
        f"{paths.SEEDS_STUDY}/results and {paths.IMPROVEMENTS_STUDY}/results hold what there is"
    )


def compare_seeds(old_name: str, new_name: str, old: dict[str, list[float]], new: dict[str, list[float]]) -> str:
    """Say in words how two recipes differ, and how often one training of each would have said the opposite.

    Args:
        old_name, new_name: what they are called.
        old, new: accuracies in percent, one a seed, by split, as `read_accuracies` returns them.

    Raises:
        UserError: one of them has a single seed.
    """
    for name, accuracies in ((old_name, old), (new_name, new)):
        if len(accuracies["test"]) < 2:
            raise UserError(f"{name}: one seed tells no spread; measure it with more")
    width = max(len(old_name), len(new_name), len("difference"))
    lines = [f"{'':{width}}  {'validation':32}test"]
    for name, accuracies in ((old_name, old), (new_name, new)):
        cells = (f"{mean_and_std(accuracies[split])} %, {len(accuracies[split])} seeds" for split in ("validation", "test"))
        lines.append(f"{name:{width}}  {'{:32}{}'.format(*cells)}")
    differences = {split: welch(new[split], old[split]) for split in ("validation", "test")}
    lines.append(f"{'difference':{width}}  {'{:32}{}'.format(*map(str, differences.values()))}")
    # As recipes are chosen: by the validation images.
    chosen = differences["validation"]
    verdict = "no: the interval holds zero." if chosen.verdict == "not told apart" else f"yes, {new_name} is {chosen.verdict}."
    ahead, pairs = order_of_pairs(old["test"], new["test"])
    opposite = pairs - ahead if differences["test"].mean > 0 else ahead
    return "\n".join(
        [
            *lines,
            "",
            "Differences in percentage points, with their 95 % interval (Welch's t-test).",
            f"Is there a difference? By the validation images, {verdict}",
            f"One training each: of all {pairs} pairs of a seed of {old_name} and one of {new_name}, {opposite:g} "
            f"({opposite / pairs:.0%}) have",
            "their test accuracies the other way round than the means.",
        ]
    )


def order_of_pairs(old: Sequence[float], new: Sequence[float]) -> tuple[float, int]:
    """Return in how many pairs of an old and a new value the new one is larger, equal ones counted half, and all pairs."""
    ahead = sum((theirs < ours) + (theirs == ours) / 2 for theirs in old for ours in new)
    return ahead, len(old) * len(new)
