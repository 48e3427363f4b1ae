"""Learning-rate schedules."""

import numpy as np

from fashion.params import TrainParams


def learning_rates(params: TrainParams, steps: int) -> np.ndarray:
    """Return the learning rate of every step of a training.

    It rises linearly from 0 during the warm-up, then follows `params.schedule`: constant, or a linear or cosine fall to 0
    (cosine: Loshchilov & Hutter 2017, "SGDR", without restarts).

    Args:
        params: the training recipe; `learning_rate` is the highest value.
        steps: the number of steps of the whole training.

    Returns:
        float32, shape (steps,), not negative.
    """
    middle = (np.arange(steps) + 0.5) / steps
    falling = np.clip((middle - params.warmup) / (1 - params.warmup), 0, 1)
    shape = {
        "constant": np.ones(steps),
        "linear": 1 - falling,
        "cosine": (1 + np.cos(np.pi * falling)) / 2,
    }[params.schedule]
    if params.warmup:
        shape *= np.minimum(1, middle / params.warmup)
    return (params.learning_rate * shape).astype(np.float32)
