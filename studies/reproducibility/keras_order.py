"""In which order does Keras' `fit` show the examples? Three epochs of a shuffled training, seeded and not.

After `keras.utils.set_random_seed`, `fit(..., shuffle=True)` gives the same order in every epoch on TensorFlow: each epoch's
shuffle starts anew from the same seed. Our own loop does not use it: its order derives from the seed and the epoch.
"""

import argparse
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras  # as a user has it: `fashion.backend` would demand a seed
import numpy as np

EXAMPLES, BATCH, EPOCHS = 12, 4, 3


class Recorder(keras.layers.Layer):
    """Passes its input on, and keeps what it was: float32, shape (batch, 1)."""

    def __init__(self):
        super().__init__()
        self.seen: list[int] = []

    def call(self, inputs):
        """Keep the examples of a batch, in their order."""
        self.seen += np.ravel(inputs).astype(int).tolist()
        return inputs


def orders(seed: int | None) -> list[list[int]]:
    """Return the order of the examples in each epoch of a training by `fit`.

    Args:
        seed: of `keras.utils.set_random_seed`; None for no seeding.
    """
    if seed is not None:
        keras.utils.set_random_seed(seed)
    recorder = Recorder()
    model = keras.Sequential([keras.Input((1,)), recorder, keras.layers.Dense(1)])
    model.compile(loss="mse", run_eagerly=True)
    recorder.seen.clear()  # building the model calls it, too
    examples = np.arange(EXAMPLES, dtype=np.float32)[:, None]
    model.fit(examples, examples, batch_size=BATCH, epochs=EPOCHS, shuffle=True, verbose=0)
    return [recorder.seen[epoch * EXAMPLES : (epoch + 1) * EXAMPLES] for epoch in range(EPOCHS)]


def main() -> None:
    """Print the orders."""
    for name, seed in (("not seeded", None), ("after keras.utils.set_random_seed(0)", 0)):
        print(f"{name}:")
        for epoch, order in enumerate(orders(seed), start=1):
            print(f"  epoch {epoch}: {' '.join(f'{example:2}' for example in order)}")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    main()
