"""The training loop, on a slice of the real data."""

import shutil

import numpy as np
import pytest
from conftest import ROOT
from small_training import MEMBER, Recorder, changed, images

from fashion import params
from fashion.backend import keras
from fashion.data.images import Images
from fashion.networks import artifact
from fashion.params import MemberParams
from fashion.pipeline.errors import DivergedError
from fashion.training.checkpoint import Checkpoint
from fashion.training.fit import fit


@pytest.fixture(scope="module")
def member() -> MemberParams:
    """A recipe of three epochs with everything that draws random numbers or that remembers something."""
    baseline = params.load(ROOT / "recipes/baseline.yaml")
    everything = {"flip": 0.5, "shift": 1, "rotate": 5.0, "zoom": 0.1, "erase": 9, "mixup": 0.2, "cutmix": 0.5}
    kept = {"epochs": 3, "patience": 2, "data_pruning": 0.6, "schedule": "plateau", "warmup": 0.1, "ema_decay": 0.9}
    return MemberParams(
        seed=5,
        augment=baseline.augment.model_copy(update=everything),
        model=MEMBER.model.model_copy(update={"name": "resnet", "whiten": False, "dropout": 0.3}),
        train=baseline.train.model_copy(update=kept),
    )


@pytest.fixture(scope="module")
def data(raw):
    return images(raw)


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Checkpoint("model", determined_by="this test")


def test_it_learns(data):
    _, history = fit(changed(MEMBER, train={"epochs": 4, "batch_size": 32}), *data, Recorder())
    assert history[-1]["validation_accuracy"] > 0.6
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]


def test_a_resumed_training_ends_with_the_same_bytes_as_an_undisturbed_one(
    member, data, checkpoint, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("fashion.training.ema.STATISTICS_BATCHES", 5)  # ten times as many take a third of this test's time
    save = Checkpoint.save

    def save_and_copy(self, variables, history):
        """Leave what a process leaves that is killed after the second epoch."""
        save(self, variables, history)
        if len(history) == 2:
            shutil.copy(self.path, checkpoint.path)

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "save", save_and_copy)
        whole, whole_history = fit(member, *data, Checkpoint("whole", determined_by="undisturbed"))
    artifact.save(tmp_path / "whole.keras", whole)

    capsys.readouterr()
    resumed, resumed_history = fit(member, *data, checkpoint)
    artifact.save(tmp_path / "resumed.keras", resumed)
    printed = capsys.readouterr().out
    assert "resuming after epoch 2" in printed and "epoch 3/3" in printed and "epoch 2/3" not in printed
    assert len(whole_history) == 3 and resumed_history == whole_history
    assert (tmp_path / "resumed.keras").read_bytes() == (tmp_path / "whole.keras").read_bytes()


def test_a_diverging_training_stops_with_advice(data, checkpoint):
    advice = r"diverged: the loss is \S+ in epoch 1, \S+ after it; lower train.learning_rate"
    with pytest.raises(DivergedError, match=advice):
        fit(changed(MEMBER, train={"optimizer": "sgd", "learning_rate": 1e30}), *data, checkpoint)
    assert not checkpoint.path.exists()


def test_patience_ends_the_training_and_keeps_the_best_weights(data):
    recipe = {"epochs": 50, "patience": 2, "optimizer": "sgd", "schedule": "constant", "warmup": 0.0, "learning_rate": 0.1}
    model, history = fit(changed(MEMBER, train=recipe), *data, Recorder())
    accuracies = [row["validation_accuracy"] for row in history]
    assert len(history) < 50 and int(np.argmax(accuracies)) == len(accuracies) - 3
    right = model.predict(data[1].images, verbose=0).argmax(axis=1) == data[1].labels
    assert right.mean() == pytest.approx(max(accuracies), abs=1e-6)


PLAIN = {"epochs": 1, "optimizer": "sgd", "schedule": "constant", "warmup": 0.0, "weight_decay": 0.0, "label_smoothing": 0.0}
PLAIN |= {"precision": "float32"}


def trained(data: tuple[Images, Images], section: str = "train", **changes) -> list[np.ndarray]:
    """The weights after an epoch of plain SGD and a change."""
    model, _ = fit(changed(changed(MEMBER, train=PLAIN), **{section: changes}), *data, Recorder())
    return model.get_weights()


@pytest.fixture(scope="module")
def plain(data) -> list[np.ndarray]:
    return trained(data)


@pytest.mark.parametrize(
    ("section", "changes"),
    [
        ("train", {"label_smoothing": 0.1}),
        ("train", {"weight_decay": 0.1}),
        ("train", {"momentum": 0.8}),
        ("train", {"optimizer": "nesterov"}),
        ("train", {"warmup": 0.5}),
        ("train", {"ema_decay": 0.5}),
        ("train", {"l1": 1e-3}),
        ("train", {"l2": 1e-2}),
        ("model", {"dropout": 0.2}),
    ],
    ids=str,
)
def test_each_knob_reaches_the_weights(data, plain, section, changes):
    weights = trained(data, section, **changes)
    assert len(weights) == len(plain)
    assert not np.array_equal(weights[-1], plain[-1])


def test_a_training_in_bfloat16_gives_another_network_that_computes_in_float32(data, plain):
    model, history = fit(changed(MEMBER, train=PLAIN | {"precision": "bfloat16"}), *data, Recorder())
    assert [row["precision"] for row in history] == ["bfloat16"]
    assert not np.array_equal(model.get_weights()[-1], plain[-1])
    assert {weights.dtype.name for weights in model.get_weights()} == {"float32"}
    assert model.predict(data[1].images[:9], verbose=0).dtype.name == "float32"
    # So it does on the way, and what is built next.
    assert {layer.compute_dtype for layer in model.layers if layer.weights} == {keras.config.dtype_policy().name} == {"float32"}


def test_the_same_twice_gives_the_same_weights(data, plain):
    for ours, theirs in zip(trained(data), plain):
        np.testing.assert_array_equal(ours, theirs)
