"""The plain network, `cnn`: convolutions and poolings in turn, then two dense layers."""

from fashion.networks.layers import Layers, layers
from fashion.params import CnnParams


def cnn(x, params: CnnParams, make: Layers):
    """Return the features of images of shape (N, 28, 28, 1): shape (N, dense_units)."""
    for number, filters in enumerate(params.filters, start=1):
        if number > 1:
            x = layers.MaxPooling2D(2, name=f"pool_{number - 1}")(x)
        if params.batch_norm:
            x = make.convolution(x, filters, params.kernel_size, use_bias=False, name=f"conv_{number}")
            x = make.normalized_relu(x, f"conv_{number}")
        else:
            x = make.convolution(x, filters, params.kernel_size, activation="relu", name=f"conv_{number}")
    return make.dense(layers.Flatten(name="flatten")(x), params.dense_units, activation="relu", name="hidden")
