"""What a network sees in an image, and how far that is from every class."""

from typing import NamedTuple

from fashion import paths
from fashion.backend import keras
from fashion.data.images import Images
from fashion.pipeline.errors import UserError
from fashion.scoring import out_of_distribution
from fashion.scoring.calibration import SMALLEST
from fashion.scoring.out_of_distribution import Statistics
from fashion.scoring.prediction import evaluation_batches

layers = keras.layers

# Side of the squares over which the image itself is averaged, pixels.
SQUARE = 4


def is_map(layer: keras.Layer) -> bool:
    """Return whether a layer gives what ReLU leaves of feature maps, shape (N, height, width, channels)."""
    relu = isinstance(layer, layers.ReLU) or getattr(layer, "activation", None) is keras.activations.relu
    return relu and len(layer.output.shape) == 4


def features(model: keras.Model) -> keras.KerasTensor:
    """Return the features of the images that a network is given, float32 of shape (N, D).

    They are its feature maps, averaged over the image as Lee et al. 2018 do; its log-probabilities; and the image in squares of
    4x4 pixels, because an average does not know where things are. A backbone's inner feature maps are left out.
    """
    (image,) = model.inputs  # each layer has a name that no network's own has
    grey = layers.Rescaling(1 / 255, name="grey")(layers.Reshape((*image.shape[1:], 1), name="as_map")(image))
    squares = layers.Flatten(name="squares")(layers.AveragePooling2D(SQUARE, name="square_means")(grey))
    maps = [layers.GlobalAveragePooling2D(name=f"{layer.name}_mean")(layer.output) for layer in model.layers if is_map(layer)]
    answers = keras.ops.log(keras.ops.maximum(model.output, SMALLEST))
    return layers.Concatenate(name="features")([squares, *maps, answers])


def distance(found: keras.KerasTensor, statistics: Statistics) -> keras.KerasTensor:
    """Return the squared Mahalanobis distance of features, shape (N, D), from the nearest class: float32 of shape (N,).

    Raises:
        UserError: the statistics are of other features.
    """
    size, (classes, known) = found.shape[1], statistics.centres.shape
    if size != known:
        raise UserError(f"{paths.OUT_OF_DISTRIBUTION}: of another network, with {known} features, not {size}; run `dvc repro`")
    # |x - c|² = |x|² - 2 x·c + |c|², as two dense layers, so that the numbers are weights when this is exported.
    whiten, compare = layers.Dense(size, name="whitened"), layers.Dense(classes, name="compared")
    whitened = whiten(found)
    whiten.set_weights([statistics.whitening, -statistics.mean @ statistics.whitening])
    rest = compare(whitened)
    compare.set_weights([-2 * statistics.centres.T, (statistics.centres**2).sum(axis=1)])
    return keras.ops.min(keras.ops.sum(whitened**2, axis=1, keepdims=True) + rest, axis=1)


def detector(model: keras.Model, statistics: Statistics) -> keras.Model:
    """Return a model from images, uint8 of shape (N, 28, 28), to their distance; errors as of `distance`."""
    return keras.Model(model.inputs, distance(features(model), statistics))


class Detection(NamedTuple):
    """How images are told that are no garments.

    Attributes:
        statistics: where the classes lie.
        scores: for metrics.json: the threshold of the distance, and the fraction of the test images that exceed it.
    """

    statistics: Statistics
    scores: dict[str, float]


def fit_detector(model: keras.Model, splits: dict[str, Images]) -> Detection:
    """Fit the statistics on the split "train" and the threshold on the split "validation", and try them on "test"."""
    look = keras.Model(model.inputs, features(model))
    train = look.predict(evaluation_batches(splits["train"].images), verbose=0)
    statistics = out_of_distribution.fit(train, splits["train"].labels)
    far = detector(model, statistics)
    validation, test = (far.predict(evaluation_batches(splits[name].images), verbose=0) for name in ("validation", "test"))
    threshold = out_of_distribution.fit_threshold(validation)
    return Detection(statistics, {"threshold": threshold, "test_false_alarms": float((test > threshold).mean())})
