"""The exponential moving average (EMA) of the weights, `train.ema_decay`, which Keras' optimizers compute."""

import numpy as np

from fashion.backend import keras, tf

# Batches from which the statistics of averaged networks are computed: of what they were before, 0.9^50 is left.
STATISTICS_BATCHES = 50


class LastStep(keras.callbacks.Callback):
    """Keeps the weights of an epoch's last step: at the end of `fit`, Keras puts their average in their place."""

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        """Keep them; Keras calls it before that."""
        if self.model.optimizer.use_ema:
            self.weights = [np.array(variable) for variable in self.model.trainable_variables]

    def restore(self) -> None:
        """Put them back, for the next epoch."""
        for variable, value in zip(self.model.trainable_variables, self.weights):
            variable.assign(value)


def renew_statistics(model: keras.Model, batches: tf.data.Dataset) -> None:
    """Give batch normalisation the statistics of what averaged weights make of some batches of `shuffled_batches`.

    Those that came with the weights are the last step's (Izmailov et al. 2018, "Averaging weights leads to wider optima").
    """
    if any(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers):
        for images, _ in batches.repeat().take(STATISTICS_BATCHES).as_numpy_iterator():
            model(images, training=True)
