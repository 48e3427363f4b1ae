"""Which of the 60,000 training labels are likely wrong? Out-of-fold predictions -> audit.csv, audit.md and gallery.png."""

import numpy as np

from fashion import figures, paths
from fashion.data import release
from fashion.data.facts import CLASS_NAMES, CLASSES, TRAINING_IMAGES
from fashion.pipeline import stage, tables
from fashion.pipeline.files import write_text
from fashion.scoring.label_errors import suspects
from fashion.study_params import out_of_fold_probabilities

# How many images the gallery shows, and how many kinds of suspected error the table has.
SHOWN, KINDS = 50, 8


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
        f"{len(labels):,} of {TRAINING_IMAGES:,} training labels ({100 * len(labels) / TRAINING_IMAGES:.1f} %) "
        "are suspected to be wrong.\n\nThe most frequent kinds:\n\n"
        f"{tables.markdown(rows, ('label', 'more likely', 'images'))}\n"
    )


def main() -> None:
    """Rank, list and draw.

    Raises:
        ParameterError: the parameters of the cross-validation are wrong.
        UserError: the data is damaged, the predictions are of other folds, or cleanlab is not installed.
    """
    full = release.read_training_set()
    labels = full.labels.astype(np.int64)
    probabilities = out_of_fold_probabilities(labels)
    ranked = suspects(labels, probabilities)
    given, guesses = labels[ranked], probabilities[ranked].argmax(axis=1)
    confidence = probabilities[ranked, given]
    names = np.array(CLASS_NAMES)
    tables.write(
        paths.LABEL_AUDIT,
        (
            {"index": index, "label": label, "more_likely": guess, "probability_of_label": float(probability)}
            for index, label, guess, probability in zip(ranked.tolist(), names[given], names[guesses], confidence)
        ),
    )
    page = in_words(given, guesses)
    write_text(paths.LABELS_STUDY / "audit.md", page)
    shown = ranked[:SHOWN]
    picture = figures.predictions(
        full.images[shown], names[given[:SHOWN]], names[guesses[:SHOWN]], probabilities[shown, guesses[:SHOWN]]
    )
    figures.save(paths.LABELS_STUDY / "gallery.png", picture)
    print(f"{page}-> {paths.LABELS_STUDY}/audit.csv, audit.md, gallery.png")


if __name__ == "__main__":
    stage.run(main, __doc__, reads=lambda _: [])
