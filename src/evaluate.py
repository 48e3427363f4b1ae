"""Score the ensemble: models/ on data/prepared/ -> reports/metrics.json, classes.csv and predictions.csv."""

from fashion import paths
from fashion.data.facts import CLASS_NAMES
from fashion.data.images import load_images
from fashion.networks import artifact
from fashion.params import EvaluateParams
from fashion.pipeline import stage, tables
from fashion.pipeline.files import write_json
from fashion.scoring.evaluation import rounded, score_test
from fashion.scoring.metrics import score
from fashion.scoring.prediction import predict
from fashion.scoring.prediction_table import write_predictions


def main(members: list[str], params: EvaluateParams) -> None:
    """Score the ensemble of `members`.

    Raises:
        UserError: a model or the data is missing or damaged, or models/ holds a file that is no member's.
    """
    models = [artifact.load(path) for path in paths.model_files(members).values()]
    splits = {
        "train": load_images(paths.TRAIN),
        "validation": load_images(paths.VALIDATION),
        "test": load_images(paths.TEST),
    }
    by_member = {name: predict(models, data.images, params.tta_flip) for name, data in splits.items()}
    scores: dict[str, dict] = {name: score(splits[name], by_member[name].mean(axis=0)) for name in ("train", "validation")}
    test, probabilities = splits["test"], by_member["test"].mean(axis=0)
    scores["test"], classes = score_test(test, probabilities, params.calibration_bins)
    summary = ", ".join(f"{name} accuracy {values['accuracy']:.2%}" for name, values in scores.items())
    if len(members) > 1:
        scores["members"] = {
            member: {name: score(splits[name], by_member[name][number]) for name in ("validation", "test")}
            for number, member in enumerate(members)
        }

    write_json(paths.METRICS, rounded(scores))
    by_class = zip(CLASS_NAMES, *(column.tolist() for column in classes))
    tables.write(paths.CLASSES, (dict(zip(("class", *classes._fields), row)) for row in by_class))
    write_predictions(paths.PREDICTIONS, test.labels, probabilities)
    print(f"{summary} -> {paths.METRICS}")


if __name__ == "__main__":
    stage.run(main, __doc__, reads=lambda params: [list(params.ensemble), params.evaluate])
