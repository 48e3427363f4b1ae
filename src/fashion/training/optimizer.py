"""The optimizers, by name, and the learning-rate schedule that they follow."""

import numpy as np

from fashion.backend import keras
from fashion.networks.build import HEAD
from fashion.params import TrainParams
from fashion.training.muon import Muon


class ScheduleTable(keras.optimizers.schedules.LearningRateSchedule):
    """A learning-rate schedule that is a table: float32, shape (steps,). Past its end the last value holds.

    Attributes:
        factor: a variable of the optimizer, by which the table is multiplied.
    """

    def __init__(self, rates: np.ndarray):
        self.rates = keras.ops.convert_to_tensor(rates)

    def __call__(self, step):
        return self.factor * keras.ops.take(self.rates, keras.ops.minimum(step, len(self.rates) - 1))


def make_optimizer(params: TrainParams, schedule: ScheduleTable) -> keras.optimizers.Optimizer:
    """Return the optimizer that `params` names."""
    momentum = {"momentum": params.momentum}
    optimizer, arguments = {
        "sgd": (keras.optimizers.SGD, momentum),
        "nesterov": (keras.optimizers.SGD, momentum | {"nesterov": True}),
        "rmsprop": (keras.optimizers.RMSprop, momentum),
        "adam": (keras.optimizers.Adam, {}),
        "adamw": (keras.optimizers.Adam, {}),  # with weight decay, it is
        "muon": (Muon, momentum | {"head": HEAD}),
    }[params.optimizer]
    if params.ema_decay:
        arguments = arguments | {"use_ema": True, "ema_momentum": params.ema_decay}
    made = optimizer(schedule, weight_decay=params.weight_decay or None, **arguments)
    schedule.factor = made.add_variable((), initializer="ones", name="factor")
    return made
