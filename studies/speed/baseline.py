"""The plain Keras script that this project is measured against: what a newcomer would write, and nothing else.

It loads the data, trains eight layers with `model.fit` (Adam, batches of 32, 20 % held out, ten epochs) and prints the accuracy
on the test images. Only the clock is added. It sets no random seed, because after `keras.utils.set_random_seed` Keras gives the
same order of examples in every epoch, which costs about a point of accuracy; so each run differs. Run it as
`python studies/speed/baseline.py`, once the stage `download` has run. With `--no-xla` Keras does not compile the step with XLA.
"""

import os
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np


def load(name):
    with open(f"data/raw/{name}-images-idx3-ubyte", "rb") as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28, 1)
    with open(f"data/raw/{name}-labels-idx1-ubyte", "rb") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    return images / 255.0, labels


train_images, train_labels = load("train")
test_images, test_labels = load("t10k")

model = keras.Sequential(
    [
        keras.Input((28, 28, 1)),
        keras.layers.Conv2D(32, 3, activation="relu"),
        keras.layers.MaxPooling2D(2),
        keras.layers.Conv2D(64, 3, activation="relu"),
        keras.layers.MaxPooling2D(2),
        keras.layers.Conv2D(64, 3, activation="relu"),
        keras.layers.Flatten(),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
jit_compile = False if "--no-xla" in sys.argv else "auto"
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=jit_compile)
started = time.monotonic()
model.fit(train_images, train_labels, epochs=10, batch_size=32, validation_split=0.2, verbose=2)
print(f"trained in {time.monotonic() - started:.1f} s")
loss, accuracy = model.evaluate(test_images, test_labels, verbose=0)
print(f"test accuracy {accuracy:.4f}")
