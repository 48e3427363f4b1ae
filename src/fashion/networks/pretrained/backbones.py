"""Networks trained on ImageNet, whose features are used here: EfficientNet-Lite0 and those of keras.applications, by name."""

import inspect
from collections.abc import Callable

import numpy as np

from fashion import paths
from fashion.backend import keras
from fashion.networks.pretrained.efficientnet import MEAN, STD, efficientnet_lite0, imagenet_weights
from fashion.params import BackboneParams, ModelParams
from fashion.pipeline.errors import ParameterError, UserError
from fashion.pipeline.files import sha256

layers = keras.layers

LITE = "efficientnet_lite0"
# How these scale pixels is partly in layers of the ImageNet network alone, partly in a state that is no weight.
NOT_IN_WEIGHTS = "EfficientNetB"
# Name of the backbone among the layers of the whole network.
LAYER = "backbone"


def find(name: str) -> Callable[..., keras.Model]:
    """Return the function that builds a network.

    Raises:
        ParameterError: there is no such network, or it cannot be used here.
    """
    if name.startswith(NOT_IN_WEIGHTS):
        raise ParameterError(f"model.backbone.name: {name} cannot be copied by its weights; take EfficientNetV2B0 or {LITE}")
    known = {
        key: value for key, value in vars(keras.applications).items() if key[0].isupper() and not key.startswith(NOT_IN_WEIGHTS)
    } | {LITE: efficientnet_lite0}
    if name not in known:
        raise ParameterError(f"model.backbone.name: no network is called {name!r}; there are {', '.join(sorted(known))}")
    return known[name]


def make(params: BackboneParams, weights: str | None = None) -> keras.Model:
    """Build the backbone alone, from images of shape (N, image_size, image_size, 3) to feature maps.

    Raises:
        ParameterError: there is no such network, or it does not take images of this size.
    """
    network, shape = find(params.name), (params.image_size, params.image_size, 3)
    if network is efficientnet_lite0:
        return efficientnet_lite0(shape)
    try:
        return network(include_top=False, input_shape=shape, weights=weights)
    except ValueError as error:
        raise ParameterError(f"model.backbone: {params.name}: {' '.join(str(error).split())}") from None


def preprocessing(name: str) -> keras.layers.Layer:
    """Return the layer that scales grey levels of 0 to 255, three times each, as the network's training did.

    What `keras.applications` prescribes is, for each channel, a multiplication and an addition; they follow from what it makes
    of black and of white. (Some exchange red and blue, which are the same in grey images.)
    """
    network = find(name)
    if network is efficientnet_lite0:
        return layers.Rescaling(
            [1 / (255 * std) for std in STD],
            [-mean / std for mean, std in zip(MEAN, STD)],
            name="preprocessing",
        )
    preprocess = inspect.getmodule(network).preprocess_input
    black, white = (preprocess(np.full((1, 1, 3), level, np.float32)) for level in (0, 255))
    offset, scale = np.ravel(black), np.ravel(white - black) / 255
    return layers.Rescaling(scale.tolist(), offset.tolist(), name="preprocessing")


def features(x, params: BackboneParams):
    """Return what the backbone computes of images of shape (N, 28, 28, 1), grey levels 0 to 255: shape (N, features).

    Its batch normalisation stays ImageNet's, also while the rest of it is trained: Keras then uses its running statistics.

    Raises:
        ParameterError: there is no such network, or it does not take images of this size.
    """
    x = layers.Resizing(params.image_size, params.image_size, interpolation="bilinear", name="resize")(x)
    x = preprocessing(params.name)(layers.Concatenate(name="grey_to_rgb")([x, x, x]))
    network = make(params)
    network.name = LAYER
    network.trainable = params.fine_tune
    for layer in network.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.trainable = False
    return layers.GlobalAveragePooling2D(name="pool")(network(x))


def digest(params: ModelParams) -> str:
    """Return the SHA-256 of the file in data/weights/ that a network starts from, or "" if it starts from none."""
    path = paths.WEIGHTS / params.backbone.weights
    return sha256(path) if params.name == "backbone" and path.is_file() else ""


def load_weights(model: keras.Model, params: BackboneParams) -> None:
    """Give the backbone in `model` the weights that `params.weights` names.

    Raises:
        ParameterError: the file of weights does not exist.
        UserError: they are not installed, cannot be downloaded, or do not fit the network.
    """
    network = model.get_layer(LAYER)
    if params.weights == "random":
        return
    if params.weights == "imagenet" and params.name == LITE:
        network.set_weights(imagenet_weights(network))
        return
    if params.weights == "imagenet":
        try:
            network.set_weights(make(params, weights="imagenet").get_weights())
        except MemoryError:
            raise
        except Exception as error:  # Keras raises whatever the network's failure leads to
            raise UserError(
                f"model.backbone: the weights of {params.name} could not be downloaded ({' '.join(str(error).split())[:120]}); "
                f"without a network use {LITE}, or a file in {paths.WEIGHTS}/"
            ) from None
        return
    path = paths.WEIGHTS / params.weights
    if not path.is_file():
        raise ParameterError(f"model.backbone.weights: {path} does not exist")
    try:
        network.load_weights(path)
    except MemoryError:
        raise
    except Exception as error:  # likewise
        raise UserError(f"{path}: no weights of {params.name} ({' '.join(str(error).split())[:120]})") from None
