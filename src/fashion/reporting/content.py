"""What the results page and the model card say: one function a section."""

import json
import statistics
from collections import Counter
from operator import itemgetter
from typing import Any

import numpy as np

from fashion import paths
from fashion.data.facts import CLASS_NAMES
from fashion.params import EPOCHS_BEFORE_PRUNING, MemberParams, PlotParams, PrepareParams, TrainParams
from fashion.pipeline.errors import UserError
from fashion.pipeline.files import read_results, sha256
from fashion.reporting.inputs import read_page, read_rows, take_test_scores
from fashion.reporting.plain_script import SPEED, parameters_of, script_accuracies
from fashion.scoring.calibration import NO_CALIBRATION, read_calibration
from fashion.scoring.comparison import NEGLIGIBLE, SIGNIFICANCE, UNKNOWN, WITHIN, Difference
from fashion.scoring.metrics import confusion_matrix, most_confused
from fashion.scoring.prediction_table import Predictions, choose, read_predictions
from fashion.training.history import is_complete, kept_epoch, read_history

SEEDS = paths.SEEDS_STUDY / "results/params.json"
LABEL_ERRORS, DUPLICATES = (paths.LABELS_STUDY / f"{name}.md" for name in ("audit", "duplicates"))
TEST_LABELS = paths.SEEDS_STUDY / "test_labels.md"
NO_CORRECTIONS = paths.CORRECTIONS / "none.csv"
PICTURES = {
    "predictions": paths.FIGURES / "predictions.png",
    "learning_curves": paths.FIGURES / "learning_curves.png",
    "reliability": paths.FIGURES / "reliability.png",
    "mistakes": paths.FIGURES / "mistakes.png",
    "label_errors": paths.LABELS_STUDY / "gallery.png",
    "explanations": paths.OUT_OF_DISTRIBUTION_STUDY / "explanations.png",
    "improvements": paths.IMPROVEMENTS.with_suffix(".png"),
}
SCORES = ("accuracy", "accuracy_low", "accuracy_high", "calibration_error", "loss")
# How many pairs of confused classes are named.
PAIRS = 3
# From this confidence on, a prediction counts as sure.
SURE = 0.9
# What the figure of predictions shows, by `plot.which`.
SHOWN = {
    "first": "The first {} test images",
    "wrong": "The {} most confident mistakes",
    "least_confident": "The {} least confident predictions",
}


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
    seeds = scores_over_seeds(test)
    return {
        "networks": {"names": list(members), "kinds": sorted({member.model.name for member in members.values()})},
        "data": {
            "own": predictions.names != CLASS_NAMES,
            "images": data.images,
            "validation_fraction": data.validation_fraction,
            "corrections": None if data.corrections == str(NO_CORRECTIONS) else data.corrections,
        },
        "test": {"images": len(predictions.labels), **test},
        "seeds": seeds,
        "parameters": read_results(SPEED, lambda speed: parameters_of(speed, str(paths.PARAMS))) if seeds else None,
        "script": compared_with_script(seeds or spread([100 * test["accuracy"]])),
        "shown": shown_predictions(predictions, figures),
        "learning": learning_curves(members),
        "classes": class_scores(),
        "confusion": confusion(predictions),
        "confidence": confidence(predictions, test["calibration_error"]),
        "mistakes": confident_mistakes(predictions, figures.predictions),
        "label_errors": read_page(LABEL_ERRORS),
        "test_labels": read_page(TEST_LABELS),
        "duplicates": read_page(DUPLICATES),
        "improvements": improvements(),
        "limits": {"negligible": NEGLIGIBLE, "significance": SIGNIFICANCE},
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
    return spread([100 * scores["accuracy"] for scores in seeds])


def spread(accuracies: list[float]) -> dict[str, float]:
    """Return the number of accuracies, their mean and their standard deviation, which is 0 for a single one."""
    std = statistics.stdev(accuracies) if len(accuracies) > 1 else 0.0
    return {"count": len(accuracies), "mean": statistics.mean(accuracies), "std": std}


def compared_with_script(ours: dict[str, float]) -> list[dict[str, Any]]:
    """Return how many test images are misclassified, in percent: by what the page is about, then by the plain Keras script.

    Args:
        ours: the number, mean and std of the test accuracies of what the page is about, in percent.

    Returns:
        Of each of the two the numbers of `spread`, the mean and std as text, and where its bar, and the line of one std to both
        sides of the bar's end, begin and end: percent of the width of the picture.

    Raises:
        UserError: the results of the benchmark are damaged.
    """
    both = (ours, read_results(SPEED, lambda speed: spread(script_accuracies(speed))))
    longest = max(100 - scores["mean"] + scores["std"] for scores in both)
    return [
        {
            **scores,
            "accuracy": in_words(scores["mean"], scores["std"]),
            "wrong": in_words(100 - scores["mean"], scores["std"]),
            "bar": 100 * (100 - scores["mean"]) / longest,
            "low": 100 * (100 - scores["mean"] - scores["std"]) / longest,
            "high": 100 * (100 - scores["mean"] + scores["std"]) / longest,
        }
        for scores in both
    ]


def in_words(mean: float, std: float) -> str:
    """Return a mean in percent with its standard deviation, if there is one: "90.64 ± 0.28 %"."""
    return f"{mean:.2f}{f' ± {std:.2f}' if std else ''}\u00a0%"


def shown_predictions(predictions: Predictions, figures: PlotParams) -> str:
    """Say which test images the figure of predictions shows, and how many of them are right."""
    shown = choose(figures.which, predictions)[: figures.predictions]
    return f"{SHOWN[figures.which].format(len(shown))}: {np.count_nonzero(predictions.right[shown])} right."


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
    """Say what learning curves show of the weights that were kept.

    Args:
        history: the columns of the member's history.
        recipe: how the member was trained.
        network: what the member is called in the sentence.
    """
    kept = kept_epoch(recipe, history["validation_accuracy"])
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


def confidence(predictions: Predictions, calibration_error: float) -> dict[str, str]:
    """Say how often sure and unsure predictions are right, how well they are calibrated, and what was done for that."""
    sure = predictions.confidence >= SURE
    groups = {f"of at least {percent(SURE, 0)}": sure, "below that": ~sure}
    counts = [
        f"Of the {np.count_nonzero(group):,} predictions with a confidence {name}, "
        f"{percent(predictions.right[group].mean(), 1)} are right."
        for name, group in groups.items()
        if group.any()
    ]
    calibration = read_calibration()
    fitted = (
        f"The confidences are calibrated: {calibration.floor:g}, what label smoothing leaves to each class, was subtracted "
        f"from the probabilities; then their logits were divided by {calibration.temperature}, the temperature that fits the "
        "validation images best."
    )
    return {
        "summary": " ".join(counts),
        "error": (
            f"The expected calibration error is {calibration_error:.3f}: the mean gap between the confidence of the "
            "predictions and the fraction of them that is right."
        ),
        "calibration": "The confidences are not calibrated." if calibration == NO_CALIBRATION else fitted,
    }


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


def improvements() -> dict[str, Any]:
    """Return what the improvements study found: a sentence, and its rows as they are shown.

    The first row is the baseline, which has no difference.

    Raises:
        UserError: its table is damaged.
    """
    numbers = ["validation_p_holm", "time_ratio", "parameters"]
    for split in ("validation", "test"):
        numbers += [f"{split}_mean", f"{split}_std", *Difference.columns(split)]
    shown, found = [], []
    for number, row in enumerate(read_rows(paths.IMPROVEMENTS, ("change", "seeds"), numbers)):
        validation, test = (Difference.of_row(row, split) for split in ("validation", "test"))
        if number:
            found.append((validation, row["change"], row["validation_p_holm"]))
        shown.append(
            {
                "change": row["change"],
                "validation": f"{row['validation_mean']:.2f} ± {row['validation_std']:.2f}",
                "test": f"{row['test_mean']:.2f} ± {row['test_std']:.2f}",
                "validation_difference": str(validation) if number else "",
                "verdict": validation.verdict if number else "",
                "p_holm": f"{row['validation_p_holm']:.2g}" if number else "",
                "test_difference": str(test) if number else "",
                "time": f"{row['time_ratio']:.2f}",
                "parameters": f"{int(row['parameters']):,}",
                "seeds": row["seeds"],
            }
        )
    return {"summary": describe_improvements(found), "rows": shown}


def describe_improvements(found: list[tuple[Difference, str, float]]) -> str:
    """Say how many changes of the baseline were told apart from it, and which one brought most.

    Args:
        found: of each change its difference on the validation images, its name and its p-value of all changes at once.
    """
    verdicts = Counter(difference.verdict for difference, *_ in found)
    at_once = sum(p_value < SIGNIFICANCE for *_, p_value in found)
    sentences = [
        f"Of {len(found)} changes of the baseline, {verdicts['better']} helped, {verdicts['worse']} did harm, "
        f"{verdicts[WITHIN]} brought or cost less than {NEGLIGIBLE} points, and "
        f"{verdicts[UNKNOWN]} were not told apart from it.",
        f"When all were judged at once (Holm 1979), the difference held for {at_once}.",
    ]
    if better := [row for row in found if row[0].verdict == "better"]:
        largest, change, _ = max(better)
        sentences.append(f"The largest gain, in percentage points: {change}, {largest}.")
    return " ".join(sentences)


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
