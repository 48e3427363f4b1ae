"""Keras, quiet and deterministic. Every module that needs it takes it from here."""

import gc
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

# Read by TensorFlow when it is imported: show errors only.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# A user's own settings of Keras must not change the results: neither the file ~/.keras/keras.json nor its variables, except for
# the backend, because JAX trains on processors that TensorFlow does not know. Reading and augmenting images stays TensorFlow's.
BACKENDS = ("tensorflow", "jax")
if os.environ.setdefault("KERAS_BACKEND", "tensorflow") not in BACKENDS:
    raise SystemExit(f"error: KERAS_BACKEND is {os.environ['KERAS_BACKEND']!r}, not {' or '.join(BACKENDS)}; unset it")
if find_spec(os.environ["KERAS_BACKEND"]) is None:
    raise SystemExit("error: KERAS_BACKEND is 'jax', but JAX is not installed; run `make extras`")
# What Keras and TensorFlow import if it is installed, and use for nothing that is done here: up to a second and 150 MB.
UNUSED = {"jax", "matplotlib", "pandas", "sklearn"} - {os.environ["KERAS_BACKEND"]}
os.environ.pop("KERAS_MAX_EPOCHS", None)
os.environ.pop("KERAS_MAX_STEPS_PER_EPOCH", None)


@contextmanager
def quiet_import() -> Iterator[None]:
    """Import TensorFlow without what its libraries log to file descriptor 2, and let Ctrl-C end that without a traceback."""
    kept = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    interrupt = signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        signal.signal(signal.SIGINT, interrupt)
        os.close(kept)
        os.close(null)


@contextmanager
def as_if_missing(packages: set[str]) -> Iterator[None]:
    """Import other things as if these packages were not installed, but for those that are imported already."""
    hidden = packages - sys.modules.keys()
    sys.modules.update(dict.fromkeys(hidden))  # None there makes an import of that name fail
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextmanager
def for_good() -> Iterator[None]:
    """Import what stays to the end, and keep Python's garbage collector from going through it again and again."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


with quiet_import(), as_if_missing(UNUSED), for_good():
    import keras
    import tensorflow as tf

keras.config.set_floatx("float32")
keras.config.set_image_data_format("channels_last")
keras.config.set_epsilon(1e-7)
tf.config.experimental.enable_op_determinism()
# It warns of slowness when many networks are used one after the other, each once.
tf.get_logger().setLevel("ERROR")


def untuned(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Switch off tf.data's own tuning: at the end of each epoch it waits for its tuner's next round, seconds later."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.with_options(options)
