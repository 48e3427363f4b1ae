"""Draw the figures: reports/{predictions,reliability}.csv, reports/history/ and the test images -> reports/figures/*.png."""

import numpy as np

from fashion import figures, paths
from fashion.data.images import load_images
from fashion.params import PlotParams
from fashion.pipeline import stage, tables
from fashion.pipeline.errors import UserError
from fashion.scoring.calibration import Reliability
from fashion.scoring.metrics import confusion_matrix, most_confused
from fashion.scoring.prediction_table import choose, read_predictions
from fashion.training.history import read_history


def main(members: list[str], params: PlotParams) -> None:
    """Draw every figure.

    Raises:
        UserError: a table or the test images are missing or damaged, or reports/history/ holds a file that is no member's.
    """
    images = load_images(paths.TEST).images
    predictions = read_predictions(paths.PREDICTIONS)
    labels, predicted, confidence, class_names = predictions
    if len(labels) != len(images):
        raise UserError(
            f"{paths.PREDICTIONS}: {len(labels)} predictions for {len(images)} test images; run `dvc repro evaluate`"
        )
    histories = {member: read_history(path) for member, path in paths.history_files(members).items()}
    names, confusion = np.array(class_names), confusion_matrix(labels, predicted)
    drawn = {
        "learning_curves": figures.learning_curves(histories),
        "confusion_matrix": figures.confusion_matrix(confusion, class_names),
        "reliability": figures.reliability(tables.read_numbers(paths.RELIABILITY, Reliability._fields)),
    }

    for name, which in (("predictions", params.which), ("mistakes", "wrong")):
        shown = choose(which, predictions)[: params.predictions]
        drawn[name] = figures.predictions(images[shown], names[labels[shown]], names[predicted[shown]], confidence[shown])

    rows = []
    for label, guess in most_confused(confusion, params.confused_pairs):
        examples = np.flatnonzero((labels == label) & (predicted == guess))
        examples = examples[np.argsort(-confidence[examples], kind="stable")][: params.examples]
        title = f"{names[label]}\ntaken for {names[guess]}\n{confusion[label, guess]} of {confusion[label].sum():,}"
        rows.append((title, images[examples]))
    drawn["confused_pairs"] = figures.confused_pairs(rows, params.examples)

    for name, figure in drawn.items():
        figures.save(paths.FIGURES / f"{name}.png", figure)
    print(f"{len(drawn)} figures -> {paths.FIGURES}/")


if __name__ == "__main__":
    stage.run(main, __doc__, reads=lambda params: [list(params.ensemble), params.plot])
