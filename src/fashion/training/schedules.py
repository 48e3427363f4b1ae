"""Learning-rate schedules."""

import numpy as np

from fashion.params import TrainParams

# The step schedule multiplies the learning rate by STEP_FACTOR at each of these fractions of the training.
STEP_PLACES, STEP_FACTOR = (0.5, 0.75), 0.1
# The exponential schedule ends at this fraction of the highest learning rate.
EXPONENTIAL_END = 0.01
# The plateau schedule multiplies by PLATEAU_FACTOR after this many epochs in a row without a lower validation loss.
PLATEAU_FACTOR, PLATEAU_EPOCHS = 0.3, 2


def learning_rates(params: TrainParams, steps: int) -> np.ndarray:
    """Return the learning rate of every step of a training, before what `plateau_factor` takes off.

    It rises linearly from 0 during the warm-up, then follows `params.schedule`: constant (plateau, too), falling in two steps,
    exponentially, or linearly or as a cosine to 0 (cosine: Loshchilov & Hutter 2017, "SGDR", without restarts; after a warm-up
    it is the one-cycle policy, Smith 2018, "Super-convergence").

    Args:
        params: the training recipe; `learning_rate` is the highest value.
        steps: the number of steps of the whole training.

    Returns:
        float32, shape (steps,), not negative.
    """
    middle = (np.arange(steps) + 0.5) / steps
    passed = np.clip((middle - params.warmup) / (1 - params.warmup), 0, 1)
    shape = {
        "constant": np.ones(steps),
        "plateau": np.ones(steps),
        "step": STEP_FACTOR ** np.searchsorted(STEP_PLACES, passed, side="right"),
        "exponential": EXPONENTIAL_END**passed,
        "linear": 1 - passed,
        "cosine": (1 + np.cos(np.pi * passed)) / 2,
    }[params.schedule]
    if params.warmup:
        shape = shape * np.minimum(1, middle / params.warmup)
    return (params.learning_rate * shape).astype(np.float32)


def plateau_factor(params: TrainParams, losses: list[float]) -> float:
    """Return what the plateau schedule multiplies the next epoch's learning rates by; 1 for any other schedule.

    Args:
        params: the training recipe.
        losses: the validation loss after each epoch so far.
    """
    factor, best, waited = 1.0, float("inf"), 0
    for loss in losses if params.schedule == "plateau" else []:
        waited = 0 if loss < best else waited + 1
        best = min(best, loss)
        if waited == PLATEAU_EPOCHS:
            factor, waited = factor * PLATEAU_FACTOR, 0
    return factor
