"""Which pixels make test images what they are taken for? The first two of each class -> explanations.png."""

import numpy as np

from fashion import figures, paths
from fashion.data.facts import CLASS_NAMES, CLASSES
from fashion.data.images import load_images, refuse_other_data
from fashion.inference.explanation import explain
from fashion.networks import artifact
from fashion.params import EvaluateParams
from fashion.pipeline import stage
from fashion.scoring.calibration import calibrate, read_calibration
from fashion.scoring.prediction import predict

OF_EACH = 2


def main(members: list[str], params: EvaluateParams) -> None:
    """Explain and draw.

    Raises:
        UserError: the data is your own; a model, the test images or metrics.json are missing or damaged.
    """
    refuse_other_data(paths.TEST)
    test = load_images(paths.TEST)
    models = [artifact.load(path) for path in paths.model_files(members).values()]
    shown = np.concatenate([np.flatnonzero(test.labels == label)[:OF_EACH] for label in range(CLASSES)])
    calibration = read_calibration()
    explained = explain(
        test.images[shown],
        lambda images: calibrate(predict(models, images, params.tta).mean(axis=0), calibration),
    )
    picture = figures.explanations(
        test.images[shown], explained.importance, [CLASS_NAMES[label] for label in explained.classes], explained.confidence
    )
    figures.save(paths.OUT_OF_DISTRIBUTION_STUDY / "explanations.png", picture)
    print(f"-> {paths.OUT_OF_DISTRIBUTION_STUDY}/explanations.png")


if __name__ == "__main__":
    stage.run(main, __doc__, reads=lambda params: [list(params.ensemble), params.evaluate])
