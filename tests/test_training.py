"""The network, its file, and the loop that trains it, on a slice of the real data."""

import subprocess
import sys
import zipfile

import numpy as np
import pytest

import prepare
from fashion import artifact, augment, models, params, schedules, training
from fashion.backend import keras
from fashion.checkpoint import Checkpoint
from fashion.dataset import Images
from fashion.errors import UserError
from fashion.params import MemberParams


@pytest.fixture(scope="module")
def shipped(root):
    return params.load(root / "tests/params.yaml")


@pytest.fixture(scope="module")
def member(root) -> MemberParams:
    """The seed's recipe for three epochs, with everything that draws random numbers."""
    seed = params.load(root / "recipes" / "seed.yaml")
    return MemberParams(
        seed=5,
        augment=seed.augment.model_copy(update={"flip": 0.5}),
        model=seed.model.model_copy(update={"dropout": 0.3}),
        train=seed.train.model_copy(update={"epochs": 3, "schedule": "cosine", "warmup": 0.1}),
    )


@pytest.fixture(scope="module")
def data(raw):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepare, "RAW", raw)
        full = prepare.read_raw("train", 60_000)
    return Images(full.images[:1000], full.labels[:1000]), Images(full.images[-500:], full.labels[-500:])


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Checkpoint("first", determined_by="this test")


def test_the_network_is_the_seeds(shipped):
    model = models.build(shipped.model)
    names = [type(layer).__name__ for layer in model.layers]
    assert names[2:] == ["Conv2D", "MaxPooling2D", "Conv2D", "MaxPooling2D", "Conv2D", "Flatten", "Dense", "Dense"]
    assert [layer.filters for layer in model.layers if isinstance(layer, keras.layers.Conv2D)] == [32, 64, 64]
    assert model.count_params() == 93_322


def test_standard_pixels_have_mean_0_and_deviation_1(raw, shipped):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepare, "RAW", raw)
        images = prepare.read_raw("train", 60_000).images
    assert images.mean() == pytest.approx(models.PIXEL_MEAN, abs=0.01)
    assert images.std() == pytest.approx(models.PIXEL_DEVIATION, abs=0.01)
    for pixels, expected in (("standard", (images[:9] - images.mean()) / images.std()), ("unit", images[:9] / 255)):
        scale = models.build(shipped.model.model_copy(update={"pixels": pixels})).layers[0]
        np.testing.assert_allclose(scale(images[:9]), expected, atol=1e-3)


def test_flipped_images_are_mirrored_and_the_others_are_not(data):
    images = data[0].images[:3]
    flipped = augment.flip(images, np.array([True, False, True])).numpy()
    np.testing.assert_array_equal(flipped, [images[0][:, ::-1], images[1], images[2][:, ::-1]])


def test_an_epoch_visits_each_image_once_in_an_order_of_its_own(shipped, data):
    images, targets = data[0].images, np.eye(10, dtype=np.float32)[data[0].labels]

    def epoch(seed: int, number: int) -> list[bytes]:
        batches = training.shuffled_batches(images, targets, 300, shipped.augment, seed, number)
        assert [len(batch) for batch, _ in batches] == [300, 300, 300, 100]
        return [image.tobytes() for batch, _ in batches.as_numpy_iterator() for image in batch]

    def unflipped(seen: list[bytes]) -> list[bytes]:
        arrays = (np.frombuffer(image, np.uint8).reshape(28, 28) for image in seen)
        return sorted(min(array.tobytes(), array[:, ::-1].tobytes()) for array in arrays)

    assert epoch(0, 1) == epoch(0, 1)
    assert epoch(0, 1) != epoch(0, 2) != epoch(1, 2)
    assert unflipped(epoch(0, 1)) == unflipped(epoch(1, 2)) == unflipped([image.tobytes() for image in images])


def test_it_learns(shipped, data, checkpoint):
    short = shipped.train.model_copy(update={"epochs": 4, "batch_size": 32})
    _, history = training.fit(shipped.member("first").model_copy(update={"train": short}), *data, checkpoint)
    assert history[-1]["validation_accuracy"] > 0.6
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]


class Killed(Exception):
    """Stands for the end of the process."""


def test_an_interrupted_training_goes_on_and_ends_with_the_same_bytes(member, data, checkpoint, tmp_path, monkeypatch, capsys):
    whole, whole_history = training.fit(member, *data, Checkpoint("whole", determined_by="undisturbed"))
    artifact.save(tmp_path / "whole.keras", whole)

    save = Checkpoint.save

    def save_and_die(self, variables, history):
        save(self, variables, history)
        if len(history) == 2:
            raise Killed

    monkeypatch.setattr(Checkpoint, "save", save_and_die)
    with pytest.raises(Killed):
        training.fit(member, *data, checkpoint)
    monkeypatch.undo()

    capsys.readouterr()
    monkeypatch.chdir(tmp_path)
    resumed, resumed_history = training.fit(member, *data, checkpoint)
    artifact.save(tmp_path / "resumed.keras", resumed)
    printed = capsys.readouterr().out
    assert "going on after epoch 2" in printed and "epoch 3/3" in printed and "epoch 2/3" not in printed
    assert resumed_history == whole_history
    assert (tmp_path / "resumed.keras").read_bytes() == (tmp_path / "whole.keras").read_bytes()


def test_a_checkpoint_of_other_parameters_or_a_damaged_one_is_not_used(checkpoint):
    variable = keras.Variable(np.zeros(3))
    checkpoint.save([variable], [{"epoch": 1}])
    assert checkpoint.restore([variable]) == [{"epoch": 1}]
    assert Checkpoint("first", determined_by="something else").restore([variable]) == []
    checkpoint.path.write_bytes(checkpoint.path.read_bytes()[:-20])
    assert checkpoint.restore([variable]) == []


def test_a_diverging_training_stops_with_advice(member, data, checkpoint):
    wild = member.model_copy(update={"train": member.train.model_copy(update={"learning_rate": 1e30})})
    with pytest.raises(UserError, match=r"diverged: the loss is \S+ in epoch 1 and \S+ after it; lower train.learning_rate"):
        training.fit(wild, *data, checkpoint)
    assert not checkpoint.path.exists()


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine"])
def test_schedules_rise_in_the_warm_up_and_fall_after_it(shipped, schedule):
    recipe = shipped.train.model_copy(update={"schedule": schedule, "warmup": 0.25, "learning_rate": 0.1})
    rates = schedules.learning_rates(recipe, 400)
    assert rates.shape == (400,) and rates.dtype == np.float32 and (rates > 0).all()
    assert (np.diff(rates[:100]) > 0).all()
    assert rates[100] == pytest.approx(0.1, rel=0.01)
    if schedule == "constant":
        assert (rates[100:] == np.float32(0.1)).all()
    else:
        assert (np.diff(rates[100:]) < 0).all() and rates[-1] < 0.001


SAVE = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from fashion import artifact, augment, models, params
from fashion.backend import keras
keras.utils.set_random_seed(3)
artifact.save(Path(sys.argv[3]), models.build(params.load(Path(sys.argv[2])).model))
"""


def test_two_processes_write_the_same_bytes_and_nothing_on_standard_error(root, tmp_path):
    for name in ("a.keras", "b.keras"):
        command = [sys.executable, "-c", SAVE, str(root / "src"), str(root / "tests/params.yaml"), str(tmp_path / name)]
        assert subprocess.run(command, check=True, capture_output=True, text=True).stderr == ""
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()


def test_a_saved_model_predicts_as_before(shipped, data, tmp_path):
    model = models.build(shipped.model)
    artifact.save(tmp_path / "model.keras", model)
    images = data[1].images
    loaded = artifact.load(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(images, verbose=0), model.predict(images, verbose=0))


def test_an_artifact_holds_no_time(shipped, tmp_path):
    artifact.save(tmp_path / "model.keras", models.build(shipped.model))
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert b"date" not in archive.read("metadata.json")
