"""The network."""

from fashion.backend import keras
from fashion.params import CLASSES, IMAGE_SIDE, ModelParams

layers = keras.layers

# Mean and standard deviation of the pixels of the 60,000 training images, in grey levels of 0 to 255.
PIXEL_MEAN, PIXEL_DEVIATION = 72.94, 90.02


def build(params: ModelParams) -> keras.Model:
    """Build the network with fresh random weights, drawn from Keras' global seed.

    It takes the images as they are stored, uint8 of shape (N, 28, 28), and returns float32 probabilities of shape (N, 10).
    With filters [32, 64, 64], kernel size 3, 64 dense units and no dropout it has 93,322 parameters.
    """
    scale = {
        "unit": layers.Rescaling(1 / 255, name="scale"),
        "standard": layers.Rescaling(1 / PIXEL_DEVIATION, offset=-PIXEL_MEAN / PIXEL_DEVIATION, name="scale"),
    }[params.pixels]
    stack = [
        keras.Input((IMAGE_SIDE, IMAGE_SIDE), dtype="uint8", name="image"),
        scale,
        layers.Reshape((IMAGE_SIDE, IMAGE_SIDE, 1), name="channel"),
    ]
    for number, filters in enumerate(params.filters, start=1):
        if number > 1:
            stack.append(layers.MaxPooling2D(2, name=f"pool_{number - 1}"))
        stack.append(layers.Conv2D(filters, params.kernel_size, activation="relu", name=f"conv_{number}"))
    stack += [layers.Flatten(name="flatten"), layers.Dense(params.dense_units, activation="relu", name="hidden")]
    if params.dropout:
        stack.append(layers.Dropout(params.dropout, name="dropout"))
    stack.append(layers.Dense(CLASSES, activation="softmax", name="probabilities"))
    return keras.Sequential(stack, name="cnn")
