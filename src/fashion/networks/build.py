"""From parameters to a network: grey images in, probabilities of the ten classes out."""

from fashion.backend import keras
from fashion.data.facts import CLASSES, IMAGE_SIDE, PIXEL_MEAN, PIXEL_STD
from fashion.networks.layers import Layers, layers
from fashion.networks.plain import cnn
from fashion.networks.pretrained import backbones
from fashion.networks.residual import resnet
from fashion.params import ModelParams

# By `model.scaling`: what the pixels, grey levels of 0 to 255, are multiplied by, and what is then added.
SCALING = {"unit": (1 / 255, 0.0), "standard": (1 / PIXEL_STD, -PIXEL_MEAN / PIXEL_STD)}
# Name of the last layer.
HEAD = "probabilities"


def build(params: ModelParams, penalty=None, batch_normalization: type = layers.BatchNormalization) -> keras.Model:
    """Build the network that `params` names with fresh random weights, drawn from Keras' global seed.

    It takes the images as they are stored, uint8 of shape (N, 28, 28), and returns float32 probabilities of shape (N, 10). It
    computes in Keras' global dtype policy.

    Args:
        params: which network, and its knobs.
        penalty: a Keras regularizer of the kernels, or None.
        batch_normalization: class of the normalisation layers, keras.layers.BatchNormalization or a faster equivalent.

    Raises:
        ParameterError: the backbone's name is unknown, or it does not take images of the size chosen.
    """
    make = Layers(penalty, batch_normalization)
    image = keras.Input((IMAGE_SIDE, IMAGE_SIDE), dtype="uint8", name="image")
    x = layers.Reshape((IMAGE_SIDE, IMAGE_SIDE, 1), name="channel")(image)
    if params.name == "backbone":
        x = backbones.features(x, params.backbone)
    else:
        x = layers.Rescaling(*SCALING[params.scaling], name="scale")(x)
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
