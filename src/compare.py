"""Is it really better? Compare the test predictions of two commits, branches or experiments, or of one and the working directory.

python src/compare.py             the last commit with what `dvc repro` left in the working directory
python src/compare.py OLD         OLD with the working directory
python src/compare.py OLD NEW     OLD with NEW
"""

import argparse
import math
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

import plot
from fashion.dataset import CLASS_NAMES
from fashion.errors import UserError, one_line_errors
from fashion.metrics import Z

# A difference that luck alone brings about more rarely than this is called real.
SIGNIFICANCE = 0.05
WORKSPACE = "working directory"


class Predictions(NamedTuple):
    """Test predictions.

    Attributes:
        labels: integers, shape (N,).
        predicted: likewise.
    """

    labels: np.ndarray
    predicted: np.ndarray


def read(revision: str | None) -> Predictions:
    """Read the predictions of a revision (anything that DVC takes for one), or of the working directory.

    Raises:
        UserError: there is no such revision, or it has no predictions, or damaged ones.
        OSError: those of the working directory cannot be read.
    """
    if revision is None:
        return Predictions(*plot.read_predictions(plot.PREDICTIONS)[:2])
    # Imported here, because it takes seconds that a mistake on the command line need not wait for.
    import dvc.api
    from dvc.exceptions import DvcException
    from dvc.scm import RevError

    try:
        content = dvc.api.read(str(plot.PREDICTIONS), repo=".", rev=revision)
    except RevError:
        raise UserError(f"{revision}: no commit, branch or experiment; `git log` and `dvc exp show` list them") from None
    except (DvcException, AttributeError, UnicodeError):  # AttributeError: a name of git's that is no commit
        raise UserError(
            f"{revision}: has no {plot.PREDICTIONS}; name a commit made after `dvc repro`, with its results in it"
        ) from None
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / plot.PREDICTIONS.name
        path.write_text(content, encoding="utf-8", newline="")
        try:
            return Predictions(*plot.read_predictions(path)[:2])
        except UserError:
            raise UserError(f"{revision}: its {plot.PREDICTIONS} is damaged; compare with another commit") from None


def mcnemar(fixed: int, broken: int) -> float:
    """Return the two-sided p-value of McNemar's exact test (McNemar 1947; exact: binomial).

    It is how often a fair coin, thrown once for each example that one of the two got right and the other wrong, would come up at
    least as unevenly.

    Args:
        fixed: examples that only the new one gets right.
        broken: examples that only the old one gets right.
    """
    changed, fewer = fixed + broken, min(fixed, broken)
    return min(1.0, 2 * sum(math.comb(changed, number) for number in range(fewer + 1)) / 2**changed)


def difference_interval(fixed: int, broken: int, total: int) -> tuple[float, float]:
    """Return the 95 % interval of the difference in accuracy of two classifiers on the same examples (Agresti & Min 2005).

    Args:
        fixed: examples that only the new one gets right.
        broken: examples that only the old one gets right.
        total: all examples, at least 1.
    """
    more, less, n = fixed + 0.5, broken + 0.5, total + 2
    middle = (more - less) / n
    half = Z * math.sqrt(more + less - (more - less) ** 2 / n) / n
    return middle - half, middle + half


def changed_classes(labels: np.ndarray, fixed: np.ndarray, broken: np.ndarray) -> list[str]:
    """Return a line for each class with changed predictions, the largest gains first.

    Args:
        labels: integers, shape (N,).
        fixed: bool, shape (N,): which only the new one gets right.
        broken: bool, shape (N,): which only the old one gets right.
    """
    counts = [(int(fixed[labels == number].sum()), int(broken[labels == number].sum())) for number in range(len(CLASS_NAMES))]
    rows = sorted(zip(CLASS_NAMES, counts), key=lambda row: row[1][1] - row[1][0])
    return [f"  {name:12}{gain:6}{lost:8}{gain - lost:+6}" for name, (gain, lost) in rows if gain or lost]


def report(old_name: str, new_name: str, old: Predictions, new: Predictions) -> str:
    """Say in words how two sets of predictions differ.

    Raises:
        UserError: they are not of the same images.
    """
    if not np.array_equal(old.labels, new.labels):
        raise UserError(f"{old_name} and {new_name} predict different images: their test sets are not the same")
    total = len(old.labels)
    right_before, right_now = old.predicted == old.labels, new.predicted == new.labels
    fixed, broken = right_now & ~right_before, right_before & ~right_now
    gained, lost = int(fixed.sum()), int(broken.sum())
    low, high = difference_interval(gained, lost, total)
    chance = mcnemar(gained, lost)
    if chance >= SIGNIFICANCE:
        verdict = "No: on these images, the difference may be luck."
    else:
        verdict = f"Yes: on these images, {new_name if gained > lost else old_name} is better, beyond luck."
    width = max(len(old_name), len(new_name))
    lines = [
        f"{old_name:{width}}  {right_before.sum():,} of {total:,} test images right: {right_before.mean():.2%}",
        f"{new_name:{width}}  {right_now.sum():,} of {total:,} test images right: {right_now.mean():.2%}",
        "",
        f"Fixed      {gained} images that were wrong are right now",
        f"Broken     {lost} images that were right are wrong now",
        f"Difference {100 * (gained - lost) / total:+.2f} points, 95 % interval {100 * low:+.2f} to {100 * high:+.2f}",
        f"p-value    {chance:.2g} (McNemar's exact test): were both equally good, a split at least as uneven as",
        f"           {gained} to {lost} would come up with this probability",
        "",
        f"Is there a difference? {verdict}",
        "It speaks of these two trainings. Whether the recipe is better, several seeds tell: another seed alone changes hundreds of",
        "predictions and moves the accuracy by tenths of a point.",
    ]
    classes = changed_classes(old.labels, fixed, broken)
    return "\n".join([*lines, *(["", "  class        fixed  broken   net", *classes] if classes else [])])


def main(old: str, new: str | None) -> None:
    """Compare and print.

    Raises:
        UserError: a revision has no predictions, or those of other images.
        OSError: a file cannot be read.
    """
    print(report(old, new or WORKSPACE, read(old), read(new)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", nargs="?", default="HEAD", help="commit, branch, tag or experiment (default HEAD)")
    parser.add_argument("new", nargs="?", help="likewise (default: the working directory)")
    arguments = parser.parse_args()
    with one_line_errors():
        main(arguments.old, arguments.new)
