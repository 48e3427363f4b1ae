"""The optimizers, and the schedule that they follow."""

import pytest
from small_training import MEMBER, Recorder, changed, images

from fashion.training.fit import fit


@pytest.fixture(scope="module")
def data(raw):
    return images(raw)


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "rmsprop", "adam", "adamw", "muon"])
def test_every_optimizer_learns(data, optimizer):
    rate = {"sgd": 0.02, "nesterov": 0.02, "muon": 0.03}.get(optimizer, 0.001)
    recipe = {"epochs": 3, "optimizer": optimizer, "learning_rate": rate, "weight_decay": 0.0, "batch_size": 20}
    _, history = fit(changed(MEMBER, train=recipe), *data, Recorder())
    assert history[-1]["validation_accuracy"] > 0.6


def test_a_plateaus_factor_reaches_the_optimizer(data, monkeypatch):
    monkeypatch.setattr("fashion.training.fit.plateau_factor", lambda recipe, losses: 0.0)
    _, history = fit(MEMBER, *data, Recorder())
    assert [row["learning_rate"] for row in history] == [0, 0]
    assert history[0]["validation_loss"] == history[1]["validation_loss"]
