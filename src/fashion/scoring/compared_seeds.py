"""Is one recipe better than another? Their seeds, as the studies measured them, tell."""

from collections.abc import Sequence
from pathlib import Path

from fashion import dvc, paths
from fashion.params import load
from fashion.pipeline.errors import UserError
from fashion.scoring.comparison import NEGLIGIBLE, UNKNOWN, WITHIN, welch
from fashion.scoring.seeds import mean_and_std, read_accuracies
from fashion.study_params import read_row


def compare_recipes(old: str, new: str) -> str:
    """Say in words how two recipes, or two rows of a study of changes, differ; see `compare_seeds`.

    Raises:
        ParameterError: one of the recipes is wrong.
        UserError: no study has both, one has a single seed, or a result is damaged.
    """
    study = find_study(old, new)
    accuracies = [read_accuracies(study / f"results/{name}.json") for name in (old, new)]
    held_out = [validation_images(study, name) for name in (old, new)]
    return compare_seeds(old, new, *accuracies, same_validation=held_out[0] == held_out[1])


def find_study(*names: str) -> Path:
    """Return the study that has the results of some recipes or rows; those of two studies are of other machines or code.

    One that has a single seed of one of them is taken only if no other study has them.

    Raises:
        UserError: no study has all of them, or a result is damaged.
    """
    studies = (paths.SEEDS_STUDY, paths.IMPROVEMENTS_STUDY, paths.ABLATION_STUDY)
    holding = [study for study in studies if all((study / f"results/{name}.json").is_file() for name in names)]
    if not holding:
        raise UserError(
            f"no study has results of both {' and '.join(names)}; "
            f"{', '.join(f'{study}/results' for study in studies)} hold what there is"
        )

    def fewest_seeds(study: Path) -> int:
        return min(len(read_accuracies(study / f"results/{name}.json")["test"]) for name in names)

    return next((study for study in holding if fewest_seeds(study) > 1), holding[0])


def outdated(study: Path, names: Sequence[str]) -> list[str]:
    """Return those of a study's recipes or rows that were edited after they were measured, as DVC tells.

    Raises:
        UserError: DVC failed.
    """
    return [name for name in names if '"modified"' in dvc.ask("status", "--json", f"{study}/results/{name}.json")]


def validation_images(study: Path, name: str) -> tuple[int, float, int]:
    """Return what decides which images a recipe, or a row of a study of changes, holds out.

    Raises:
        ParameterError: there is no such recipe or row, or it is wrong.
    """
    if study != paths.SEEDS_STUDY:
        prepare = read_row(study, name).prepare
    else:
        prepare = load(paths.PARAMS if name == "params" else paths.RECIPES / f"{name}.yaml").prepare
    return prepare.images, prepare.validation_fraction, prepare.seed


def compare_seeds(
    old_name: str, new_name: str, old: dict[str, list[float]], new: dict[str, list[float]], same_validation: bool
) -> str:
    """Say in words how two recipes differ, and how often one training of each would have said the opposite.

    Args:
        old_name, new_name: what they are called.
        old, new: accuracies in percent, one a seed, by split, as `read_accuracies` returns them.
        same_validation: whether both hold out the same images. Otherwise their validation accuracies differ by the images,
            too, and the test images judge.

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
    shown = str(differences["validation"]) if same_validation else "other images"
    lines.append(f"{'difference':{width}}  {shown:32}{differences['test']}")
    judge = "validation" if same_validation else "test"
    verdict = differences[judge].verdict
    without = {WITHIN: f"none of {NEGLIGIBLE} points or more.", UNKNOWN: "this cannot be told, for the interval holds zero."}
    answer = without.get(verdict, f"yes, {new_name} is {verdict}.")
    ahead, pairs = order_of_pairs(old["test"], new["test"])
    opposite = pairs - ahead if differences["test"].mean > 0 else ahead
    return "\n".join(
        [
            *lines,
            "",
            "Differences in percentage points, with their 95 % interval (Welch's t-test).",
            f"Is there a difference? By the {judge} images, {answer}",
            f"One training each: of all {pairs} pairs of a seed of {old_name} and one of {new_name}, {opposite:g} "
            f"({opposite / pairs:.0%}) have",
            "their test accuracies the other way round than the means.",
        ]
    )


def order_of_pairs(old: Sequence[float], new: Sequence[float]) -> tuple[float, int]:
    """Return in how many pairs of an old and a new value the new one is larger, equal ones counted half, and all pairs.

    The first is the statistic U of Mann & Whitney 1947.
    """
    from scipy import stats  # slow to import

    return float(stats.mannwhitneyu(new, old).statistic), len(old) * len(new)
