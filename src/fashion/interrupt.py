"""Ctrl-C while a network trains."""

import signal

from fashion.backend import keras


class CtrlC(keras.callbacks.Callback):
    """Inside `with`, the first Ctrl-C ends a training between two calls of TensorFlow, and the second acts at once.

    Without it Python raises KeyboardInterrupt wherever it is at the moment, and not all libraries get over that: it was
    swallowed, printed as a traceback, and once it ended the process without a word.
    """

    def __init__(self):
        super().__init__()
        self.pressed = False

    def __enter__(self) -> "CtrlC":
        self.handler = signal.signal(signal.SIGINT, self.press)
        return self

    def __exit__(self, error_type, error, traceback) -> None:
        signal.signal(signal.SIGINT, self.handler)
        if error is None:
            self.check()

    def press(self, signal_number: int, frame) -> None:
        """Note the Ctrl-C: what the operating system calls."""
        self.pressed = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def check(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C was pressed."""
        if self.pressed:
            raise KeyboardInterrupt

    def on_train_batch_begin(self, batch: int, logs: dict | None = None) -> None:
        """Check; Keras calls it before each call of TensorFlow."""
        self.check()
