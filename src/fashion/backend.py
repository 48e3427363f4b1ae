"""Keras, quiet and deterministic. Every module that needs it takes it from here."""

import os

# Read by TensorFlow when it is imported: errors only, no start-up chatter.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402

tf.config.experimental.enable_op_determinism()

__all__ = ["keras", "tf"]
