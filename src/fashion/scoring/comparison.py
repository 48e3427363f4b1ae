"""Is one classifier better than another, beyond luck?"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from fashion.pipeline.errors import UserError
from fashion.scoring.metrics import Z
from fashion.scoring.prediction_table import Predictions

# A difference that luck alone brings about more rarely than this is called real.
SIGNIFICANCE = 0.05
# A difference that is certainly smaller than this, in percentage points, is called negligible.
NEGLIGIBLE = 0.5
WITHIN, UNKNOWN = f"within ±{NEGLIGIBLE}", "not told apart"


class Difference(NamedTuple):
    """The difference of two mean accuracies in percentage points: its 95 % interval, and the p-value of there being none."""

    mean: float
    low: float
    high: float
    p_value: float

    @classmethod
    def columns(cls, split: str) -> tuple[str, ...]:
        """Name a table's columns for the fields of a difference on a split."""
        return tuple(f"{split}_{name}" for name in ("difference", "low", "high", "p"))

    @classmethod
    def of_row(cls, row: Mapping[str, float], split: str) -> "Difference":
        """Take the difference on a split from a row of a table that has `columns(split)`."""
        return cls(*(row[column] for column in cls.columns(split)))

    @property
    def half(self) -> float:
        """Half of the interval."""
        return (self.high - self.low) / 2

    @property
    def verdict(self) -> str:
        """What the interval shows, in words.

        A difference is negligible when the whole interval is, which is stricter than two one-sided tests (Schuirmann 1987).
        """
        if self.low > 0:
            return "better"
        if self.high < 0:
            return "worse"
        return WITHIN if max(-self.low, self.high) < NEGLIGIBLE else UNKNOWN

    def __str__(self) -> str:
        return f"{self.mean:+.2f} ({self.low:+.2f} to {self.high:+.2f})"


def welch(ours: list[float], theirs: list[float]) -> Difference:
    """Return the difference of two means and its 95 % interval (Welch 1947).

    Args:
        ours: at least two accuracies, in percent, one a seed.
        theirs: likewise.
    """
    from scipy import stats  # slow to import

    test = stats.ttest_ind(ours, theirs, equal_var=False)
    interval = test.confidence_interval(0.95)
    return Difference(float(np.mean(ours) - np.mean(theirs)), float(interval.low), float(interval.high), float(test.pvalue))


def paired(ours: list[float], theirs: list[float]) -> Difference:
    """Return the mean difference of pairs and its 95 % interval (Student 1908); arguments as of `welch`, of the same seeds."""
    from scipy import stats  # slow to import

    test = stats.ttest_rel(ours, theirs)
    interval = test.confidence_interval(0.95)
    return Difference(float(np.mean(ours) - np.mean(theirs)), float(interval.low), float(interval.high), float(test.pvalue))


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Return p-values that hold when all are judged at once (Holm 1979): float64, shape (tests,), at most 1.

    The smallest is multiplied by the number of tests, the next by one less, and so on; none ends below one that was smaller.
    """
    order = np.argsort(p_values)
    adjusted = np.empty(len(order))
    adjusted[order] = np.maximum.accumulate(np.sort(p_values) * np.arange(len(order), 0, -1)).clip(max=1)
    return adjusted


def mcnemar(fixed: int, broken: int) -> float:
    """Return the two-sided p-value of McNemar's exact test (McNemar 1947; exact: binomial).

    It is how often a fair coin, thrown once for each example that one of the two got right and the other wrong, would come up
    at least as unevenly.

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


def changed_classes(labels: np.ndarray, fixed: np.ndarray, broken: np.ndarray, names: Sequence[str]) -> list[str]:
    """Return a line for each class with changed predictions, the largest gains first.

    Args:
        labels: integers, shape (N,).
        fixed: bool, shape (N,): which only the new one gets right.
        broken: bool, shape (N,): which only the old one gets right.
        names: of the classes.
    """
    counts = [(int(fixed[labels == number].sum()), int(broken[labels == number].sum())) for number in range(len(names))]
    rows = sorted(zip(names, counts), key=lambda row: row[1][1] - row[1][0])
    return [f"  {name:12}{gain:6}{lost:8}{gain - lost:+6}" for name, (gain, lost) in rows if gain or lost]


def compare(old_name: str, new_name: str, old: Predictions, new: Predictions) -> str:
    """Say in words how two sets of predictions differ.

    Raises:
        UserError: they are not of the same images.
    """
    if old.names != new.names or not np.array_equal(old.labels, new.labels):
        raise UserError(f"{old_name} and {new_name} predict different images: their test sets are not the same")
    total = len(old.labels)
    fixed, broken = new.right & ~old.right, old.right & ~new.right
    gained, lost = int(fixed.sum()), int(broken.sum())
    low, high = difference_interval(gained, lost, total)
    p_value = mcnemar(gained, lost)
    if p_value >= SIGNIFICANCE:
        verdict = "No: on these images, the difference may be luck."
    else:
        verdict = f"Yes: on these images, {new_name if gained > lost else old_name} is better, beyond luck."
    width = max(len(old_name), len(new_name))
    lines = [
        f"{old_name:{width}}  {old.right.sum():,} of {total:,} test images right: {old.right.mean():.2%}",
        f"{new_name:{width}}  {new.right.sum():,} of {total:,} test images right: {new.right.mean():.2%}",
        "",
        f"Fixed      {gained} images that were wrong are right now",
        f"Broken     {lost} images that were right are wrong now",
        f"Difference {100 * (gained - lost) / total:+.2f} points, 95 % interval {100 * low:+.2f} to {100 * high:+.2f}",
        f"p-value    {p_value:.2g} (McNemar's exact test): if both were equally good, a split at least as uneven as",
        f"           {gained} to {lost} would come up with this probability",
        "",
        f"Is there a difference? {verdict}",
        "This compares two trainings. Whether the recipe is better, only several seeds tell: another seed alone changes",
        "hundreds of predictions and moves the accuracy by tenths of a point.",
    ]
    classes = changed_classes(old.labels, fixed, broken, old.names)
    return "\n".join([*lines, *(["", "  class        fixed  broken   net", *classes] if classes else [])])
