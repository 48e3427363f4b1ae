"""The network."""

from fashion.backend import keras
from fashion.params import CLASSES, IMAGE_SIDE, ModelParams

layers = keras.layers


def build(params: ModelParams) -> keras.Model:
    """Build the network with fresh random weights, drawn from Keras' global seed.

    It takes the images as they are stored, uint8 of shape (N, 28, 28), and returns float32 probabilities of shape (N, 10).
    With filters [32, 64, 64], kernel size 3, 64 dense units and no dropout it has 93,322 parameters.
    """
    first, *others = params.filters
    convolutions = [layers.Conv2D(first, params.kernel_size, activation="relu")]
    for filters in others:
        convolutions += [layers.MaxPooling2D(2), layers.Conv2D(filters, params.kernel_size, activation="relu")]
    return keras.Sequential(
        [
            keras.Input((IMAGE_SIDE, IMAGE_SIDE), dtype="uint8"),
            layers.Rescaling(1 / 255),
            layers.Reshape((IMAGE_SIDE, IMAGE_SIDE, 1)),
            *convolutions,
            layers.Flatten(),
            layers.Dense(params.dense_units, activation="relu"),
            *([layers.Dropout(params.dropout)] if params.dropout else []),
            layers.Dense(CLASSES, activation="softmax"),
        ],
        name="cnn",
    )
