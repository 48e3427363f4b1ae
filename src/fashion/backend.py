"""Keras, quiet and deterministic. Every module that needs it takes it from here."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

# Read by TensorFlow when it is imported: show errors only.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


@contextmanager
def discarded_stderr() -> Iterator[None]:
    """Discard what is written to file descriptor 2: while TensorFlow is imported, its libraries log there unasked."""
    kept = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


with discarded_stderr():
    import keras
    import tensorflow as tf

tf.config.experimental.enable_op_determinism()

__all__ = ["keras", "tf"]
