"""What the networks are made of: layers that share a penalty and a kind of batch normalisation."""

from fashion.backend import keras

layers = keras.layers

# Fraction of the running mean and variance that stays, each step: little, so that short trainings forget their beginning.
NORM_MOMENTUM = 0.9


class Layers:
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

    def normalized_relu(self, x, name: str):
        """Return `x` after batch normalisation and ReLU."""
        return layers.ReLU(name=f"{name}_relu")(self.batch_normalization(momentum=NORM_MOMENTUM, name=f"{name}_norm")(x))

    def dense(self, x, units: int, **others):
        """Return a dense layer of `x`."""
        return layers.Dense(units, kernel_regularizer=self.penalty, **others)(x)
