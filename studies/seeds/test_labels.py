"""Which test labels are likely wrong, and how accurate are networks on the others? -> test_labels.md"""

import numpy as np

from fashion import paths
from fashion.data import release
from fashion.data.facts import CLASSES
from fashion.pipeline import stage, tables
from fashion.pipeline.files import read_arrays, write_text
from fashion.scoring.label_errors import suspects
from fashion.scoring.prediction_table import read_predictions


def in_words(labels: np.ndarray, probabilities: np.ndarray, predicted: np.ndarray) -> str:
    """Return a page on the test images: how many labels are suspected, and how accurate networks are on the others.

    Args:
        labels: integers, shape (N,).
        probabilities: of networks of recipes/accurate.yaml, float32 of shape (networks, N, 10).
        predicted: classes, as the ensemble of params.yaml predicts them, integers of shape (N,).

    Raises:
        UserError: cleanlab is not installed.
    """
    clean = np.ones(len(labels), bool)
    clean[suspects(labels, probabilities.mean(axis=0))] = False
    right = {"`params.yaml`": predicted == labels}
    right[f"`accurate`, mean of {len(probabilities)} networks"] = (probabilities.argmax(axis=2) == labels).mean(axis=0)
    rows = [
        [name, *(f"{100 * accuracy.mean():.2f} %" for accuracy in (of_one, of_one[clean]))] for name, of_one in right.items()
    ]
    return (
        f"{np.count_nonzero(~clean):,} of {len(labels):,} test labels are suspected to be wrong.\n\n"
        f"{tables.markdown(rows, ('accuracy', 'all test images', 'those whose label is not in doubt'))}\n"
    )


def main() -> None:
    """Audit, and score.

    Raises:
        UserError: the data or what was predicted is damaged, or cleanlab is not installed.
    """
    labels = release.read_test_set().labels.astype(np.int64)
    probabilities = read_arrays(paths.SEEDS_STUDY / "probabilities/accurate.npz", test=(-1, len(labels), CLASSES))["test"]
    page = in_words(labels, probabilities, read_predictions(paths.PREDICTIONS).predicted)
    write_text(paths.SEEDS_STUDY / "test_labels.md", page)
    print(page, end="")


if __name__ == "__main__":
    stage.run(main, __doc__, reads=lambda _: [])
