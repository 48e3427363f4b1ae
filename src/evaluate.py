"""Score the ensemble: models/ on data/prepared/ -> reports/metrics.json, classes.csv and predictions.csv."""

from pathlib import Path

import numpy as np

from fashion import artifact, dataset, metrics, stage, tables
from fashion.backend import keras
from fashion.batches import evaluation_batches
from fashion.dataset import CLASS_NAMES, Images
from fashion.files import write_json
from fashion.members import files
from fashion.params import CLASSES, EvaluateParams

METRICS = Path("reports/metrics.json")
CLASS_SCORES = Path("reports/classes.csv")
PREDICTIONS = Path("reports/predictions.csv")


def predict(models: list[keras.Model], images: np.ndarray, flip_averaging: bool) -> np.ndarray:
    """Return each model's probabilities; their mean over the models is the ensemble's.

    Args:
        models: the ensemble.
        images: uint8, shape (N, 28, 28).
        flip_averaging: whether a model's probabilities are the mean over the image and its mirror image.

    Returns:
        float32, shape (models, N, 10).
    """
    views = [images, images[:, :, ::-1]] if flip_averaging else [images]
    return np.stack(
        [np.mean([model.predict(evaluation_batches(view), verbose=0) for view in views], axis=0) for model in models]
    )


def score(data: Images, probabilities: np.ndarray) -> dict[str, float]:
    """Return accuracy, and loss in nats.

    Args:
        data: N labelled images.
        probabilities: float32, shape (N, 10).
    """
    return {
        "accuracy": metrics.accuracy(data.labels, probabilities),
        "loss": metrics.cross_entropy(data.labels, probabilities),
    }


def score_test(data: Images, probabilities: np.ndarray, calibration_bins: int) -> tuple[dict[str, float], metrics.ClassScores]:
    """Return everything that is said of the test set: the scores for metrics.json and the scores of each class.

    Args:
        data: N labelled images.
        probabilities: float32, shape (N, 10).
        calibration_bins: see `fashion.metrics.expected_calibration_error`.
    """
    predicted = probabilities.argmax(axis=1)
    right = predicted == data.labels
    low, high = metrics.wilson_interval(int(right.sum()), len(data))
    classes = metrics.class_scores(metrics.confusion_matrix(data.labels, predicted, CLASSES))
    scores = score(data, probabilities) | {
        "accuracy_low": low,
        "accuracy_high": high,
        "precision": classes.precision.mean(),
        "recall": classes.recall.mean(),
        "f1": classes.f1.mean(),
        "calibration_error": metrics.expected_calibration_error(right, probabilities.max(axis=1), calibration_bins),
    }
    return scores, classes


def rounded(scores: dict[str, dict] | float) -> dict[str, dict] | float:
    """Return the scores, however nested, with six digits after the point."""
    if isinstance(scores, dict):
        return {key: rounded(value) for key, value in scores.items()}
    return round(float(scores), 6)


def main(members: list[str], params: EvaluateParams) -> None:
    """Score the ensemble of `members`.

    Raises:
        UserError: a model or the data is missing or damaged, or models/ holds a file that is no member's.
        OSError: a file cannot be read or written.
    """
    models = [artifact.load(path) for path in files(artifact.MODELS, ".keras", members).values()]
    sets = {
        "train": dataset.load(dataset.TRAIN_FILE),
        "validation": dataset.load(dataset.VALIDATION_FILE),
        "test": dataset.load(dataset.TEST_FILE),
    }
    by_member = {name: predict(models, data.images, params.flip_averaging) for name, data in sets.items()}
    scores: dict[str, dict] = {name: score(sets[name], by_member[name].mean(axis=0)) for name in ("train", "validation")}
    test, probabilities = sets["test"], by_member["test"].mean(axis=0)
    scores["test"], classes = score_test(test, probabilities, params.calibration_bins)
    summary = ", ".join(f"{name} accuracy {values['accuracy']:.2%}" for name, values in scores.items())
    if len(members) > 1:
        scores["members"] = {
            member: {name: score(sets[name], by_member[name][number]) for name in ("validation", "test")}
            for number, member in enumerate(members)
        }

    write_json(METRICS, rounded(scores))
    by_class = zip(CLASS_NAMES, *(column.tolist() for column in classes))
    tables.write(CLASS_SCORES, (dict(zip(("class", *classes._fields), row)) for row in by_class))
    tables.write(
        PREDICTIONS,
        (
            {
                "index": index,
                "label": CLASS_NAMES[label],
                "predicted": CLASS_NAMES[row.argmax()],
                "confidence": float(row.max()),
            }
            for index, (label, row) in enumerate(zip(test.labels, probabilities))
        ),
    )
    print(f"{summary} -> {METRICS}")


if __name__ == "__main__":
    stage.run(main, __doc__, reads=lambda params: [list(params.ensemble), params.evaluate])
