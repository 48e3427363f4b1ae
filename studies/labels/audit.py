"""Which labels are likely wrong? Predictions -> audit.csv, audit.md, gallery.png; of the test images, test_labels.md.

Confident learning (Northcutt, Jiang & Chuang 2021), by cleanlab. The confidence of networks that did not see the images tells
how many labels of a class are really another's; that many are suspected, those that look most like the other class.
"""

import os

import numpy as np

from fashion import figures, paths
from fashion.data import release
from fashion.data.facts import CLASS_NAMES, CLASSES, TRAINING_IMAGES
from fashion.pipeline import stage, tables
from fashion.pipeline.errors import UserError
from fashion.pipeline.files import atomic_write, read_arrays
from fashion.scoring.prediction_table import read_predictions
from fashion.study_params import out_of_fold_probabilities

# How many images the gallery shows, and how many kinds of suspected error the table has.
SHOWN, KINDS = 50, 8


def suspects(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return the indices of the images whose label is likely wrong, the most suspicious first.

    Args:
        labels: integers, shape (N,).
        probabilities: float32, shape (N, 10): of each image, from a network that did not see it.

    Raises:
        UserError: cleanlab is not installed.
    """
    os.environ["TQDM_DISABLE"] = "1"
    try:
        from cleanlab.filter import find_label_issues
    except ImportError:
        raise UserError("cleanlab: not installed; run `make extras`") from None
    return find_label_issues(
        labels, probabilities, filter_by="prune_by_noise_rate", return_indices_ranked_by="self_confidence", n_jobs=1
    )


def in_words(labels: np.ndarray, guesses: np.ndarray) -> str:
    """Return a page on the suspects: how many there are, and their most frequent kinds.

    Args:
        labels: integers, shape (N,): the suspects' labels.
        guesses: integers, shape (N,): what they more likely are.
    """
    counts = np.bincount(labels * CLASSES + guesses, minlength=CLASSES**2)
    kinds = np.argsort(-counts, kind="stable")[:KINDS]
    rows = [[CLASS_NAMES[kind // CLASSES], CLASS_NAMES[kind % CLASSES], f"{counts[kind]:,}"] for kind in kinds]
    return (
        f"{len(labels):,} of {TRAINING_IMAGES:,} labels ({100 * len(labels) / TRAINING_IMAGES:.1f} %) "
        "are suspected to be wrong. The most frequent kinds:\n\n"
        f"{tables.markdown(rows, ('label', 'more likely', 'images'))}\n"
    )


def on_clean_labels(labels: np.ndarray, probabilities: np.ndarray, predicted: np.ndarray) -> str:
    """Return a page on the test images: how many labels are suspected, and how accurate networks are on the others.

    Args:
        labels: integers, shape (N,).
        probabilities: of networks of recipes/accurate.yaml, float32 of shape (networks, N, 10).
        predicted: classes, as the network of params.yaml predicts them, integers of shape (N,).

    Raises:
        UserError: cleanlab is not installed.
    """
    clean = np.ones(len(labels), bool)
    clean[suspects(labels, probabilities.mean(axis=0))] = False
    right = {"`params.yaml`, one network": predicted == labels}
    right[f"`accurate`, mean of {len(probabilities)} networks"] = (probabilities.argmax(axis=2) == labels).mean(axis=0)
    rows = [[name, f"{of_one.mean():.2%}", f"{of_one[clean].mean():.2%}"] for name, of_one in right.items()]
    return (
        f"{np.count_nonzero(~clean):,} of {len(labels):,} test labels are suspected to be wrong.\n\n"
        f"{tables.markdown(rows, ('accuracy', 'all test images', 'those whose label is not in doubt'))}\n"
    )


def main() -> None:
    """Rank, list and draw.

    Raises:
        ParameterError: the parameters of the cross-validation are wrong.
        UserError: the data or what was predicted is damaged, the predictions are of other folds, or cleanlab is not installed.
    """
    full = release.read_training_set()
    labels = full.labels.astype(np.int64)
    probabilities = out_of_fold_probabilities(labels)
    ranked = suspects(labels, probabilities)
    given, guesses = labels[ranked], probabilities[ranked].argmax(axis=1)
    confidence = probabilities[ranked, given]
    names = np.array(CLASS_NAMES)
    tables.write(
        paths.LABELS_STUDY / "audit.csv",
        (
            {"index": index, "label": label, "more_likely": guess, "probability_of_label": float(probability)}
            for index, label, guess, probability in zip(ranked.tolist(), names[given], names[guesses], confidence)
        ),
    )
    page = in_words(given, guesses)
    with atomic_write(paths.LABELS_STUDY / "audit.md") as file:
        file.write(page.encode())
    shown = ranked[:SHOWN]
    picture = figures.predictions(
        full.images[shown], names[given[:SHOWN]], names[guesses[:SHOWN]], probabilities[shown, guesses[:SHOWN]]
    )
    figures.save(paths.LABELS_STUDY / "gallery.png", picture)
    test_labels = release.read_test_set().labels.astype(np.int64)
    of_test = read_arrays(paths.SEEDS_STUDY / "probabilities/accurate.npz", test=(-1, len(test_labels), CLASSES))["test"]
    page_on_test = on_clean_labels(test_labels, of_test, read_predictions(paths.PREDICTIONS).predicted)
    with atomic_write(paths.LABELS_STUDY / "test_labels.md") as file:
        file.write(page_on_test.encode())
    print(f"{page}\n{page_on_test}-> {paths.LABELS_STUDY}/audit.csv, audit.md, gallery.png, test_labels.md")


if __name__ == "__main__":
    stage.run(main, __doc__, reads=lambda _: [])
