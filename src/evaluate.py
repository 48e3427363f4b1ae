"""Score the ensemble: models/ on data/prepared/ -> reports/metrics.json, classes.csv, reliability.csv, predictions.csv …"""

from typing import Any

from fashion import paths
from fashion.data.images import Images, load_class_names, load_images
from fashion.networks import artifact
from fashion.params import EvaluateParams
from fashion.pipeline import stage, tables
from fashion.pipeline.files import write_json
from fashion.scoring import out_of_distribution
from fashion.scoring.evaluation import predict_splits, rounded, score_test
from fashion.scoring.features import fit_detector
from fashion.scoring.metrics import score
from fashion.scoring.prediction_table import write_predictions


def main(members: list[str], params: EvaluateParams, label_smoothing: list[float]) -> None:
    """Score the ensemble of `members`, of which each was trained with a label smoothing.

    Raises:
        UserError: a model or the data is missing or damaged, or models/ holds a file that is no member's.
    """
    models = [artifact.load(path) for path in paths.model_files(members).values()]
    train, validation, test = (load_images(path) for path in (paths.TRAIN, paths.VALIDATION, paths.TEST))
    # Of the training images a sample, no larger than the test set: to score all of them would take most of this stage's time.
    every = -(-len(train) // len(test))
    splits = {"train": Images(*(array[::every] for array in train)), "validation": validation, "test": test}
    predicted = predict_splits(models, splits, params, label_smoothing)
    probabilities = predicted.ensemble["test"]
    of_test = score_test(test, probabilities, params.calibration_bins)
    scores = {name: score(splits[name], predicted.ensemble[name]) for name in ("train", "validation")}
    scores["test"] = of_test.overall
    summary = ", ".join(f"{name} accuracy {values['accuracy']:.2%}" for name, values in scores.items())
    detection = fit_detector(models[0], splits)
    metrics: dict[str, Any] = {
        "calibration": predicted.calibration._asdict(),
        out_of_distribution.KEY: detection.scores,
        **scores,
    }
    if len(members) > 1:
        metrics["members"] = {
            member: {name: score(splits[name], predicted.members[name][number]) for name in ("validation", "test")}
            for number, member in enumerate(members)
        }

    write_json(paths.METRICS, rounded(metrics))
    out_of_distribution.save_statistics(paths.OUT_OF_DISTRIBUTION, detection.statistics)
    names = load_class_names(paths.TEST)
    tables.write_columns(paths.CLASSES, {"class": names, **of_test.classes._asdict()})
    tables.write_columns(paths.RELIABILITY, of_test.reliability._asdict())
    write_predictions(paths.PREDICTIONS, test.labels, probabilities, names)
    print(f"{summary} -> {paths.METRICS}")


if __name__ == "__main__":
    stage.run(
        main,
        __doc__,
        reads=lambda params: [
            list(params.ensemble),
            params.evaluate,
            [member.train.label_smoothing for member in params.ensemble.values()],
        ],
    )
