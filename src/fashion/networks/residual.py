"""The residual network, `resnet`, after He et al. 2016, "Deep residual learning for image recognition"."""

from fashion.networks.layers import Layers, layers
from fashion.params import ResnetParams


def resnet(x, params: ResnetParams, make: Layers):
    """Return the features of images of shape (N, 28, 28, 1): shape (N, filters[-1]).

    Each stage halves the image by max-pooling and then adds residual blocks of one convolution. Pooling comes before
    normalisation and ReLU, which then have a quarter of the work.
    """
    x = make.convolution(x, params.stem_filters, 3, padding="same", activation="relu", name="stem")
    for stage, filters in enumerate(params.filters, start=1):
        x = make.convolution(x, filters, 3, padding="same", use_bias=False, name=f"stage_{stage}")
        x = make.normalized_relu(layers.MaxPooling2D(2, name=f"stage_{stage}_pool")(x), f"stage_{stage}")
        for block in range(1, params.blocks + 1):
            name = f"stage_{stage}_block_{block}"
            y = make.convolution(x, filters, 3, padding="same", use_bias=False, name=name)
            x = layers.Add(name=f"{name}_sum")([x, make.normalized_relu(y, name)])
    return layers.GlobalAveragePooling2D(name="pool")(x)
