"""The optimizers, and the schedule that they follow."""

import numpy as np
import pytest
from small_training import MEMBER, Recorder, changed, images

from fashion.backend import keras
from fashion.training.fit import fit
from fashion.training.optimizer import ScheduleTable, make_optimizer


@pytest.fixture(scope="module")
def data(raw):
    return images(raw)


# Without weight decay, adam is the same as adamw.
@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "rmsprop", "adamw", "muon"])
def test_every_optimizer_learns(data, optimizer):
    rate = {"sgd": 0.02, "nesterov": 0.02, "muon": 0.03}.get(optimizer, 0.001)
    recipe = {"epochs": 3, "optimizer": optimizer, "learning_rate": rate, "weight_decay": 0.0, "batch_size": 20}
    _, history = fit(changed(MEMBER, train=recipe), *data, Recorder())
    assert history[-1]["validation_accuracy"] > 0.6


def test_the_first_step_of_adamw_is_one_rate_down_the_gradient_and_the_weight_decay_times_the_rate():
    recipe = MEMBER.train.model_copy(update={"optimizer": "adamw", "weight_decay": 0.1})
    variable = keras.Variable(np.array([2.0, -3.0, 4.0]), dtype="float32")
    make_optimizer(recipe, ScheduleTable(np.array([0.5], np.float32))).apply([np.array([7, 0.1, -3], np.float32)], [variable])
    np.testing.assert_allclose(variable.numpy(), [1.9 - 0.5, -2.85 - 0.5, 3.8 + 0.5], atol=1e-4)


def test_a_plateaus_factor_reaches_the_optimizer(data, monkeypatch):
    monkeypatch.setattr("fashion.training.fit.plateau_factor", lambda recipe, losses: 0.0)
    _, history = fit(MEMBER, *data, Recorder())
    assert [row["learning_rate"] for row in history] == [0, 0]
    assert history[0]["validation_loss"] == history[1]["validation_loss"]
