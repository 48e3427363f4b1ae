"""The learning rate of each step."""

import numpy as np
import pytest
from small_training import RECIPE

from fashion.training.schedules import learning_rates, plateau_factor


@pytest.mark.parametrize("schedule", ["constant", "plateau", "step", "exponential", "linear", "cosine"])
def test_schedules_rise_in_the_warm_up_and_fall_after_it(schedule):
    recipe = RECIPE.train.model_copy(update={"schedule": schedule, "warmup": 0.25, "learning_rate": 0.1})
    rates = learning_rates(recipe, 400)
    assert rates.shape == (400,) and rates.dtype == np.float32 and (rates > 0).all()
    assert (np.diff(rates[:100]) > 0).all()
    assert rates[100] == pytest.approx(0.1, rel=0.02)
    if schedule in ("constant", "plateau"):
        assert (rates[100:] == np.float32(0.1)).all()
    elif schedule == "step":
        assert np.unique(rates[100:]) == pytest.approx([0.001, 0.01, 0.1])
    else:
        assert (np.diff(rates[100:]) < 0).all() and rates[-1] < 0.0011


def test_a_plateau_lowers_the_learning_rate():
    recipe = RECIPE.train.model_copy(update={"schedule": "plateau"})
    factors = [plateau_factor(recipe, [3, 2, 2, 2, 1, 1.5, 1.4, 1.3][:epochs]) for epochs in range(9)]
    assert factors == pytest.approx([1, 1, 1, 1, 0.3, 0.3, 0.3, 0.09, 0.09])
    assert plateau_factor(RECIPE.train, [1, 1, 1, 1]) == 1
