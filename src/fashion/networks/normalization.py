"""Batch normalisation, fast in training."""

from fashion.backend import keras, tf


class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Keras' layer, computed by TensorFlow's fused kernel; on another backend, Keras' own way.

    Input and output have shape (N, H, W, C), float32 or bfloat16. Weights and their order are Keras'. The kernel's running
    variance is that of a sample (divided by N·H·W - 1), Keras' that of a population; at the sizes used here they agree.
    """

    def call(self, inputs, training=None, mask=None):
        """Normalise a batch by its own statistics in training, by the running ones otherwise."""
        if keras.backend.backend() != "tensorflow" or not training:
            return super().call(inputs, training=training, mask=mask)
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, self.gamma, self.beta, epsilon=self.epsilon, is_training=True
        )[:3]
        for running, seen in ((self.moving_mean, mean), (self.moving_variance, variance)):
            running.assign(running * self.momentum + seen * (1 - self.momentum))
        return outputs
