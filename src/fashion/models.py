"""The networks, by name."""

from fashion import backbones
from fashion.backend import keras
from fashion.params import CLASSES, IMAGE_SIDE, CnnParams, ModelParams, ResnetParams

layers = keras.layers

# Mean and standard deviation of the pixels of the 60,000 training images, in grey levels of 0 to 255.
PIXEL_MEAN, PIXEL_DEVIATION = 72.94, 90.02
# What the pixels, grey levels, are multiplied by and what is then added.
PIXELS = {"unit": (1 / 255, 0.0), "standard": (1 / PIXEL_DEVIATION, -PIXEL_MEAN / PIXEL_DEVIATION)}
# How much of the running mean and variance stays, each step: little, so that short trainings forget their beginning.
NORM_MOMENTUM = 0.9
# Name of the last layer.
HEAD = "probabilities"


class LayerMaker:
    """Makes layers with weights, all with the same penalty on their kernels.

    Args:
        penalty: a Keras regularizer, or None.
        batch_normalization: class of the normalisation layers.
    """

    def __init__(self, penalty, batch_normalization: type):
        self.penalty = penalty
        self.batch_normalization = batch_normalization

    def convolution(self, x, filters: int, kernel_size: int, **others):
        """Return a convolution of `x`."""
        return layers.Conv2D(filters, kernel_size, kernel_regularizer=self.penalty, **others)(x)

    def normalized(self, x, name: str):
        """Return `x` after batch normalisation and ReLU."""
        return layers.ReLU(name=f"{name}_relu")(self.batch_normalization(momentum=NORM_MOMENTUM, name=f"{name}_norm")(x))

    def dense(self, x, units: int, **others):
        """Return a dense layer of `x`."""
        return layers.Dense(units, kernel_regularizer=self.penalty, **others)(x)


def cnn(x, params: CnnParams, make: LayerMaker):
    """Return the features that the seed's network computes of images of shape (N, 28, 28, 1): shape (N, dense_units)."""
    for number, filters in enumerate(params.filters, start=1):
        if number > 1:
            x = layers.MaxPooling2D(2, name=f"pool_{number - 1}")(x)
        if params.batch_norm:
            x = make.convolution(x, filters, params.kernel_size, use_bias=False, name=f"conv_{number}")
            x = make.normalized(x, f"conv_{number}")
        else:
            x = make.convolution(x, filters, params.kernel_size, activation="relu", name=f"conv_{number}")
    return make.dense(layers.Flatten(name="flatten")(x), params.dense_units, activation="relu", name="hidden")


def resnet(x, params: ResnetParams, make: LayerMaker):
    """Return the features that a small residual network computes of images of shape (N, 28, 28, 1): shape (N, filters[-1]).

    Each stage halves the image by max-pooling and then adds residual blocks of one convolution, after He et al. 2016, "Deep
    residual learning". Pooling comes before normalisation and ReLU, which then have a quarter of the work.
    """
    x = make.convolution(x, params.stem, 3, padding="same", activation="relu", name="stem")
    for stage, filters in enumerate(params.filters, start=1):
        x = make.convolution(x, filters, 3, padding="same", use_bias=False, name=f"stage_{stage}")
        x = make.normalized(layers.MaxPooling2D(2, name=f"stage_{stage}_pool")(x), f"stage_{stage}")
        for block in range(1, params.blocks + 1):
            name = f"stage_{stage}_block_{block}"
            y = make.convolution(x, filters, 3, padding="same", use_bias=False, name=name)
            x = layers.Add(name=f"{name}_sum")([x, make.normalized(y, name)])
    return layers.GlobalAveragePooling2D(name="pool")(x)


def build(params: ModelParams, penalty=None, batch_normalization: type = layers.BatchNormalization) -> keras.Model:
    """Build the network that `params` names with fresh random weights, drawn from Keras' global seed.

    It takes the images as they are stored, uint8 of shape (N, 28, 28), and returns float32 probabilities of shape (N, 10). It
    computes in Keras' global dtype policy. With the seed's parameters (a cnn of filters [32, 64, 64], kernel size 3, 64 dense
    units, no normalisation) it has 93,322 weights.

    Args:
        params: which network, and its knobs.
        penalty: a Keras regularizer of the kernels, or None.
        batch_normalization: class of the normalisation layers, keras.layers.BatchNormalization or a faster equivalent.

    Raises:
        ParameterError: the backbone's name is unknown, or it does not take images of the size chosen.
    """
    make = LayerMaker(penalty, batch_normalization)
    image = keras.Input((IMAGE_SIDE, IMAGE_SIDE), dtype="uint8", name="image")
    x = layers.Reshape((IMAGE_SIDE, IMAGE_SIDE, 1), name="channel")(image)
    if params.name == "backbone":
        x = backbones.features(x, params.backbone)
    else:
        x = layers.Rescaling(*PIXELS[params.pixels], name="scale")(x)
        x = cnn(x, params.cnn, make) if params.name == "cnn" else resnet(x, params.resnet, make)
    if params.dropout:
        x = layers.Dropout(params.dropout, name="dropout")(x)
    model = keras.Model(image, make.dense(x, CLASSES, activation="softmax", dtype="float32", name=HEAD), name=params.name)
    if params.whiten:
        first_convolution(model).trainable = False
    return model


def first_convolution(model: keras.Model) -> keras.layers.Conv2D:
    """Return the layer that sees the pixels."""
    return next(layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D))
