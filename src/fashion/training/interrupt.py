"""Ctrl-C while a network trains."""

import os
import signal

from fashion.backend import keras


class CtrlC(keras.callbacks.Callback):
    """Ends a training between two calls of TensorFlow: to be entered by `with`, in the main thread, and given to Keras' `fit`.

    Without it Python raises KeyboardInterrupt wherever it is at the moment, and not every library gets over that: it was
    swallowed, it was printed as a traceback, and once the process ended without a word. A second Ctrl-C is raised like that, as
    soon as TensorFlow comes back to Python.

    Raises:
        KeyboardInterrupt: before the next steps of `fit`, and at the end of `with`, in the place of any other exception.
    """

    def __init__(self):
        super().__init__()
        self.pressed = False

    def __enter__(self) -> "CtrlC":
        self.handler = signal.signal(signal.SIGINT, self.press)
        return self

    def __exit__(self, *error) -> None:
        signal.signal(signal.SIGINT, self.handler)
        self.check()

    def press(self, *_) -> None:
        """Note the Ctrl-C, as the handler of the signal."""
        self.pressed = True
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # Not `print`, which may be what was interrupted.
        os.write(1, b"stopping after the current steps; press Ctrl-C again to stop at once\n")

    def check(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C was pressed."""
        if self.pressed:
            raise KeyboardInterrupt

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Check: Keras calls it before each call of TensorFlow."""
        self.check()
