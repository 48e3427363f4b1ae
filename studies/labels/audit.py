"""Which labels of the 60,000 training images are likely wrong? Out-of-fold predictions -> audit.csv, audit.md and gallery.png.

Confident learning (Northcutt, Jiang & Chuang 2021), by cleanlab. How many labels of a class are really another's is estimated from the
confidence of networks that did not see the images; that many are suspected, those that look most like the other class.
"""

import os
import sys
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parents[2] / "src"), str(Path(__file__).resolve().parents[1] / "cross_validation")]

import folds

import prepare
from fashion import figures, stage, tables
from fashion.dataset import CLASS_NAMES
from fashion.errors import UserError
from fashion.files import atomic_write
from fashion.params import CLASSES, TRAINING_IMAGES

HERE = Path("studies/labels")
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
    """Return a page on the suspects: how many there are of each class and of each kind.

    Args:
        labels: integers, shape (N,): the suspects' labels.
        guesses: integers, shape (N,): what they are more likely.
    """
    kinds = np.bincount(labels * CLASSES + guesses, minlength=CLASSES**2)
    lines = [
        f"{len(labels):,} of {TRAINING_IMAGES:,} labels ({len(labels) / TRAINING_IMAGES:.1%}) are suspected to be wrong. The most frequent kinds:",
        "",
        "| label | more likely | images |",
        "| --- | --- | --- |",
    ]
    for kind in np.argsort(-kinds, kind="stable")[:KINDS]:
        lines.append(f"| {CLASS_NAMES[kind // CLASSES]} | {CLASS_NAMES[kind % CLASSES]} | {kinds[kind]:,} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Rank, list and draw.

    Raises:
        UserError: the data is damaged, or cleanlab is not installed.
        OSError: a file cannot be read or written.
    """
    full = prepare.read_raw("train", TRAINING_IMAGES)
    labels = full.labels.astype(np.int64)
    probabilities = folds.out_of_fold(labels)
    ranked = suspects(labels, probabilities)
    given, guesses = labels[ranked], probabilities[ranked].argmax(axis=1)
    confidence = probabilities[ranked, given]
    names = np.array(CLASS_NAMES)
    tables.write(
        HERE / "audit.csv",
        (
            {"index": index, "label": label, "more_likely": guess, "probability_of_label": float(probability)}
            for index, label, guess, probability in zip(ranked.tolist(), names[given], names[guesses], confidence)
        ),
    )
    page = in_words(given, guesses)
    with atomic_write(HERE / "audit.md") as file:
        file.write(page.encode())
    figures.save(
        HERE / "gallery.png",
        figures.predictions(
            full.images[ranked[:SHOWN]], names[given[:SHOWN]], names[guesses[:SHOWN]], probabilities[ranked, guesses][:SHOWN]
        ),
    )
    print(page + f"-> {HERE}/audit.csv, audit.md, gallery.png")


if __name__ == "__main__":
    stage.run(main, __doc__, reads=lambda _: [])
