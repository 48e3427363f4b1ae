"""One measured training, as the studies need it: train on some images, score on others."""

import hashlib

import numpy as np

import evaluate
from fashion import training
from fashion.checkpoint import Checkpoint
from fashion.dataset import Images
from fashion.params import EvaluateParams, MemberParams


def digest(data: Images) -> str:
    """Return the SHA-256 of some images and their labels, 64 hexadecimal digits."""
    return hashlib.sha256(data.images.tobytes() + data.labels.tobytes()).hexdigest()


def checkpoint_of(name: str, member: MemberParams, sets: dict[str, Images]) -> Checkpoint:
    """Return the place where a training keeps what it needs to go on after an interruption.

    Args:
        name: what the training is called.
        member: what is trained.
        sets: "train" and "validation", and perhaps others.
    """
    return Checkpoint(name, training.determined_by(member, [digest(sets["train"]), digest(sets["validation"])]))


def run(
    checkpoint: Checkpoint, member: MemberParams, scoring: EvaluateParams, sets: dict[str, Images]
) -> tuple[dict[str, dict[str, float]], dict[str, np.ndarray]]:
    """Train on sets["train"], watch sets["validation"], and score on each set.

    Args:
        checkpoint: where the training keeps its state; to be removed once what is returned has been written.
        member: what is trained.
        scoring: how it is scored.
        sets: "train" and "validation", and perhaps others.

    Returns:
        Accuracy and loss (nats) by set, and under "last_epoch" those that Keras' `fit` reports of the last epoch: the mean over
        the training steps, while the network still changes and sees the images as they are augmented; and the probabilities by
        set, float32 of shape (N, 10).

    Raises:
        UserError: the training diverged, or a backbone's weights cannot be had.
        OSError: a file cannot be read or written.
    """
    model, history = training.fit(member, sets["train"], sets["validation"], checkpoint)
    probabilities = {name: evaluate.predict([model], data.images, scoring.flip_averaging)[0] for name, data in sets.items()}
    scores = {"last_epoch": {"accuracy": history[-1]["train_accuracy"], "loss": history[-1]["train_loss"]}}
    scores |= {name: evaluate.score(data, probabilities[name]) for name, data in sets.items()}
    return scores, probabilities
