"""What the results page and the model card say: one function a section."""

import json
import statistics
from collections import Counter
from operator import itemgetter
from typing import Any

import numpy as np

from fashion import paths
from fashion.data.facts import CLASS_NAMES, TRAINING_IMAGES
from fashion.params import EPOCHS_BEFORE_PRUNING, MemberParams, PlotParams, PrepareParams, TrainParams
from fashion.pipeline.errors import UserError
from fashion.pipeline.files import read_results, sha256
from fashion.reporting.inputs import read_rows, take_test_scores
from fashion.scoring.calibration import NO_CALIBRATION, read_calibration
from fashion.scoring.comparison import Difference
from fashion.scoring.metrics import confusion_matrix, most_confused
from fashion.scoring.prediction_table import Predictions, choose, read_predictions
from fashion.training.history import is_complete, read_history

LABEL_AUDIT = paths.LABELS_STUDY / "audit.csv"
SEEDS = paths.SEEDS_STUDY / "results/params.json"
NO_CORRECTIONS = paths.CORRECTIONS / "none.csv"
PICTURES = {
    "learning_curves": paths.FIGURES / "learning_curves.png",
    "reliability": paths.FIGURES / "reliability.png",
    "mistakes": paths.FIGURES / "mistakes.png",
    "label_errors": paths.LABELS_STUDY / "gallery.png",
    "explanations": paths.OUT_OF_DISTRIBUTION_STUDY / "explanations.png",
    "improvements": paths.IMPROVEMENTS.with_suffix(".png"),
}
SCORES = ("accuracy", "accuracy_low", "accuracy_high", "calibration_error", "loss")
# How many kinds of likely label errors, and pairs of confused classes, are named.
KINDS, PAIRS = 8, 3


def percent(fraction: float, digits: int = 2) -> str:
    """Return a fraction as a percentage, with a space that does not break."""
    return f"{100 * fraction:.{digits}f}\u00a0%"


def collect(members: dict[str, MemberParams], data: PrepareParams, figures: PlotParams) -> dict[str, Any]:
    """Return everything that the templates show, by section.

    Args:
        members: the ensemble's members, by name.
        data: what the training and validation images are.
        figures: what the figures show.

    Raises:
        UserError: a file of results is damaged.
    """
    test = read_results(paths.METRICS, lambda scores: take_test_scores(scores, SCORES))
    predictions = read_predictions(paths.PREDICTIONS)
    return {
        "networks": {"names": list(members), "kinds": sorted({member.model.name for member in members.values()})},
        "data": {
            "own": predictions.names != CLASS_NAMES,
            "images": data.images,
            "validation_fraction": data.validation_fraction,
            "corrections": None if data.corrections == str(NO_CORRECTIONS) else data.corrections,
        },
        "test": {"images": len(predictions.labels), **test},
        "seeds": scores_over_seeds(test),
        "learning": learning_curves(members),
        "classes": class_scores(),
        "confusion": confusion(predictions),
        "confidence": confidence(test["calibration_error"]),
        "mistakes": confident_mistakes(predictions, figures.predictions),
        "label_errors": label_errors(),
        "improvements": improvements(),
        "origin": origin(),
        "pictures": PICTURES,
    }


def scores_over_seeds(test: dict[str, float]) -> dict[str, float] | None:
    """Return the number of seeds, mean and std (percent) from the seeds study; None if it is of another recipe.

    It is of this recipe when one of its seeds has the accuracy and the loss that the pipeline has.

    Args:
        test: the pipeline's accuracy and loss on the test images, with six digits.

    Raises:
        UserError: the study's results are damaged.
    """
    seeds = read_results(
        SEEDS, lambda study: [take_test_scores(scores, ("accuracy", "loss")) for scores in study["seeds"].values()]
    )
    same = [all(round(value, 6) == test[name] for name, value in scores.items()) for scores in seeds]
    if len(seeds) < 2 or not any(same):
        return None
    accuracies = [100 * scores["accuracy"] for scores in seeds]
    return {"count": len(seeds), "mean": statistics.mean(accuracies), "std": statistics.stdev(accuracies)}


def learning_curves(members: dict[str, MemberParams]) -> str:
    """Say what the learning curves of the first member show.

    Raises:
        UserError: its history is damaged, or not complete: its training was interrupted, or params.yaml asks for more.
    """
    first, *others = members
    path = paths.history_of(first)
    history = read_history(path)
    if not is_complete(members[first].train, history["validation_accuracy"]):
        raise UserError(f"{path}: epoch {len(history['epoch'])} is not the last one that params.yaml asks for; run `dvc repro`")
    return describe_learning(history, members[first].train, f"the network {first!r}" if others else "the network")


def describe_learning(history: dict[str, np.ndarray], recipe: TrainParams, network: str) -> str:
    """Say what learning curves show of the weights that were kept: with patience those of the best epoch, else the last.

    Args:
        history: the columns of the member's history.
        recipe: how the member was trained.
        network: what the member is called in the sentence.
    """
    kept = int(np.argmax(history["validation_accuracy"])) if recipe.patience else len(history["epoch"]) - 1
    train, validation = history["train_accuracy"][kept], history["validation_accuracy"][kept]
    pruned = recipe.data_pruning if kept >= EPOCHS_BEFORE_PRUNING else 0
    seen = f"hardest {percent(1 - pruned, 0)} of the training images" if pruned else "training images"
    # The gap is that of the two numbers as they are shown.
    gap = round(100 * train, 1) - round(100 * validation, 1)
    return (
        f"After {kept + 1} epochs, {network} has an accuracy of {percent(validation, 1)} on the validation images (without "
        f"test-time augmentation). Over the last of these epochs, its accuracy on the {seen} was {percent(train, 1)}: "
        f"a gap of {gap:.1f} points."
    )


def class_scores() -> dict[str, Any]:
    """Return each class with its scores, and the names of the classes with the highest and the lowest F1.

    Raises:
        UserError: the table is damaged.
    """
    rows = read_rows(paths.CLASSES, ("class",), ("precision", "recall", "f1"))
    best, worst = max(rows, key=itemgetter("f1")), min(rows, key=itemgetter("f1"))
    return {"rows": rows, "best": best["class"], "worst": worst["class"]}


def confusion(predictions: Predictions) -> dict[str, Any]:
    """Return the confusion matrix, each count with its fraction of the true class, and a sentence about it."""
    matrix = confusion_matrix(predictions.labels, predictions.predicted)
    pairs = [
        f"{predictions.names[label]} predicted as {predictions.names[guess]} ({matrix[label, guess]:,})"
        for label, guess in most_confused(matrix, PAIRS)
    ]
    summary = f"{np.count_nonzero(~predictions.right):,} of {len(predictions.labels):,} test images are misclassified."
    return {
        "summary": f"{summary} Most often: {', '.join(pairs)}." if pairs else summary,
        "names": predictions.names,
        "rows": [
            (name, [{"count": int(count), "fraction": count / max(1, counts.sum())} for count in counts])
            for name, counts in zip(predictions.names, matrix)
        ],
    }


def confidence(calibration_error: float) -> str:
    """Say how well the confidence of the test predictions is calibrated, and what was done for that."""
    calibration = read_calibration()
    fitted = (
        f"after {calibration.floor:g}, what label smoothing leaves to each class, was subtracted from the probabilities and "
        f"their logits were divided by {calibration.temperature}, the temperature that fits the validation images best"
    )
    return (
        f"The expected calibration error is {calibration_error:.3f}: the mean gap between the confidence of the predictions "
        f"and the fraction of them that is right, {'without calibration' if calibration == NO_CALIBRATION else fitted}."
    )


def confident_mistakes(predictions: Predictions, count: int) -> list[dict[str, Any]]:
    """Return the most confident mistakes, at most `count`, in the order in which the figure shows them."""
    return [
        {
            "index": int(index),
            "label": predictions.names[predictions.labels[index]],
            "predicted": predictions.names[predictions.predicted[index]],
            "confidence": float(predictions.confidence[index]),
        }
        for index in choose("wrong", predictions)[:count]
    ]


def label_errors() -> dict[str, Any]:
    """Return what the labels study found: a sentence, and the most frequent kinds (label, more likely class, images).

    Raises:
        UserError: its table is damaged.
    """
    rows = read_rows(LABEL_AUDIT, ("label", "more_likely"))
    kinds = Counter((row["label"], row["more_likely"]) for row in rows)
    return {
        "summary": f"{len(rows):,} of the {TRAINING_IMAGES:,} training labels are likely wrong.",
        "kinds": [(label, more_likely, f"{count:,}") for (label, more_likely), count in kinds.most_common(KINDS)],
    }


def improvements() -> list[dict[str, str]]:
    """Return the rows of the improvements study as they are shown; the first is the baseline, which has no difference.

    Raises:
        UserError: its table is damaged.
    """
    difference = ("difference", "low", "high", "p")
    scores = [f"{split}_{name}" for split in ("validation", "test") for name in ("mean", "std", *difference)]
    shown = []
    for number, row in enumerate(read_rows(paths.IMPROVEMENTS, ("change", "seeds"), (*scores, "time_ratio", "parameters"))):
        validation, test = (Difference(*(row[f"{split}_{name}"] for name in difference)) for split in ("validation", "test"))
        shown.append(
            {
                "change": row["change"],
                "validation": f"{row['validation_mean']:.2f} ± {row['validation_std']:.2f}",
                "test": f"{row['test_mean']:.2f} ± {row['test_std']:.2f}",
                "validation_difference": f"{validation}, {validation.verdict}" if number else "",
                "test_difference": str(test) if number else "",
                "time": f"{row['time_ratio']:.2f}",
                "parameters": f"{int(row['parameters']):,}",
                "seeds": row["seeds"],
            }
        )
    return shown


def origin() -> dict[str, str]:
    """Return what produced the results: the SHA-256 of dvc.lock, the machine, and params.yaml.

    Raises:
        UserError: the record of the machine is damaged.
    """
    lock = sha256(paths.LOCK)
    recorded, machine = read_results(
        paths.MACHINE, lambda record: (record["dvc.lock"], json.dumps(record["machine"], indent=2))
    )
    return {
        "lock": lock,
        "environment": machine if recorded == lock else "not recorded; `make verify` records it",
        "parameters": paths.PARAMS.read_text(encoding="utf-8"),
    }
