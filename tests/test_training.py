"""The network, its file, and the loop that trains it, on a slice of the real data."""

import json
import subprocess
import sys
import zipfile

import numpy as np
import pytest

import prepare
from fashion import artifact, augment, backbones, models, params, pruning, schedules, training
from fashion.backend import keras
from fashion.checkpoint import Checkpoint
from fashion.dataset import Images
from fashion.errors import UserError
from fashion.muon import orthogonalize
from fashion.normalization import FusedBatchNormalization
from fashion.params import MemberParams
from fashion.whitening import whitening_filters


@pytest.fixture(scope="module")
def small(root):
    return params.load(root / "tests/params.yaml")


@pytest.fixture(scope="module")
def member(root) -> MemberParams:
    """A recipe of three epochs with everything that draws random numbers or that remembers something."""
    seed = params.load(root / "recipes" / "seed.yaml")
    everything = {"flip": 0.5, "shift": 1, "rotate": 5.0, "zoom": 0.1, "erase": 9, "mixup": 0.2, "cutmix": 0.5}
    kept = {"epochs": 3, "patience": 2, "data_pruning": 0.6, "schedule": "plateau", "warmup": 0.1, "averaging": 0.9}
    return MemberParams(
        seed=5,
        augment=seed.augment.model_copy(update=everything),
        model=seed.model.model_copy(update={"name": "resnet", "dropout": 0.3}),
        train=seed.train.model_copy(update=kept),
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


def test_the_network_is_the_seeds(root):
    model = models.build(params.load(root / "recipes/seed.yaml").model)
    names = [type(layer).__name__ for layer in model.layers]
    assert names[3:] == ["Conv2D", "MaxPooling2D", "Conv2D", "MaxPooling2D", "Conv2D", "Flatten", "Dense", "Dense"]
    assert [layer.filters for layer in model.layers if isinstance(layer, keras.layers.Conv2D)] == [32, 64, 64]
    assert model.count_params() == 93_322


@pytest.mark.parametrize(("side", "count"), [(3, 32), (3, 16), (5, 10)])
def test_whitening_filters_give_uncorrelated_outputs_of_equal_variance(data, side, count):
    pixels = data[0].images[:500] / 90 - 0.8
    kernel, bias = whitening_filters(pixels, side, count, np.random.default_rng(0))
    assert kernel.shape == (side, side, 1, count) and bias.shape == (count,)
    outputs = np.array(keras.ops.conv(pixels[..., None].astype(np.float32), kernel)) + bias
    patches = np.lib.stride_tricks.sliding_window_view(pixels, (side, side), axis=(1, 2))
    outputs = outputs[np.ptp(patches, axis=(3, 4)) > 0]
    pairs = min(count, 2 * side * side) // 2
    covariance = np.cov(outputs[:, : 2 * pairs : 2].T)
    assert outputs.mean(axis=0) == pytest.approx(0, abs=1e-3)
    assert np.abs(covariance - np.diag(np.diag(covariance))).max() < 1e-3 * covariance.max()
    assert np.diag(covariance)[0] < 3 * np.diag(covariance)[min(pairs, 4) - 1]
    np.testing.assert_allclose(kernel[..., : 2 * pairs : 2], -kernel[..., 1 : 2 * pairs : 2])


@pytest.mark.parametrize("whiten", [True, False])
def test_a_whitened_first_layer_is_not_trained(small, data, checkpoint, whiten):
    first = small.member("first")
    recipe = first.model_copy(update={"model": first.model.model_copy(update={"whiten": whiten})})
    schedule = training.ScheduleTable(schedules.learning_rates(recipe.train, 20))
    before = training.compile_for_training(recipe, data[0].images, schedule)
    trained, _ = training.fit(recipe, *data, checkpoint)
    equal = [np.array_equal(a, b) for a, b in zip(before.get_weights(), trained.get_weights(), strict=True)]
    assert equal == [whiten, whiten, *[False] * 8]


def test_fused_normalisation_is_keras_own(data):
    images = data[0].images[:100, :, :, None] / np.linspace(60, 255, 16, dtype=np.float32) - np.float32(0.3)
    fused, own = FusedBatchNormalization(), keras.layers.BatchNormalization()
    np.testing.assert_allclose(fused(images, training=True), own(images, training=True), atol=1e-3)
    for weights, expected in zip(fused.get_weights(), own.get_weights()):
        np.testing.assert_allclose(weights, expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(fused(images), own(images), atol=1e-4)


def test_standard_pixels_have_mean_0_and_deviation_1(raw, small):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prepare, "RAW", raw)
        images = prepare.read_raw("train", 60_000).images
    assert images.mean() == pytest.approx(models.PIXEL_MEAN, abs=0.01)
    assert images.std() == pytest.approx(models.PIXEL_DEVIATION, abs=0.01)
    for pixels, expected in (("standard", (images[:9] - images.mean()) / images.std()), ("unit", images[:9] / 255)):
        scale = models.build(small.model.model_copy(update={"pixels": pixels})).get_layer("scale")
        np.testing.assert_allclose(scale(images[:9]), expected, atol=1e-3)


def augmented(images: np.ndarray, mirrored: bool = False, **strengths: float) -> tuple[np.ndarray, np.ndarray]:
    """Images and targets, one class each, after augmentation."""
    none = {"flip": 0.0, "shift": 0, "rotate": 0.0, "zoom": 0.0, "erase": 0, "mixup": 0.0, "cutmix": 0.0}
    recipe = params.AugmentParams(**none | strengths)
    draws = augment.draw(recipe, np.full(len(images), mirrored), np.random.default_rng(0))
    changed, targets = augment.apply(recipe, images, np.eye(len(images), dtype=np.float32), augment.Draws(*draws))
    return np.array(changed), np.array(targets)


def test_strength_0_changes_nothing(data):
    images = data[0].images[:10]
    changed, targets = augmented(images)
    np.testing.assert_array_equal(changed, images)
    np.testing.assert_array_equal(targets, np.eye(10))


@pytest.mark.parametrize("others", [{}, {"zoom": 1e-6}], ids=["alone", "with others"])
def test_a_flipped_image_is_mirrored(data, others):
    images = data[0].images[:10]
    changed, _ = augmented(images, mirrored=True, flip=1.0, **others)
    np.testing.assert_array_equal(changed, images[:, :, ::-1])


def test_a_shift_moves_whole_pixels_each_way_and_brings_in_black(data):
    images = data[0].images[:200]
    changed, _ = augmented(images, shift=2)
    seen = set()
    for before, after in zip(np.pad(images, ((0, 0), (2, 2), (2, 2))), changed):
        fits = [(y, x) for y in range(5) for x in range(5) if (before[y : y + 28, x : x + 28] == after).all()]
        assert fits
        seen |= {fits[0]} if len(fits) == 1 else set()
    assert len(seen) == 25


def test_rotation_keeps_the_middle_and_zoom_stays_in_its_range(data):
    images = data[0].images[:50]
    turned, _ = augmented(images, rotate=10.0)
    assert (turned != images).any(axis=(1, 2)).all()
    assert np.abs(turned[:, 12:16, 12:16].astype(float) - images[:, 12:16, 12:16]).mean() < 20
    white = np.full((200, 28, 28), 255, np.uint8)
    zoomed, _ = augmented(white, zoom=0.2)
    sides = (zoomed[:, 14] > 127).sum(axis=1)
    assert sides.min() in (23, 24) and sides.max() == 28


def test_erasing_paints_a_grey_box(data):
    images = data[0].images[:100]
    changed, _ = augmented(images, erase=12)
    # One side in thirteen is drawn as 0, and then nothing is erased.
    assert (changed != images).any(axis=(1, 2)).sum() > 50
    for before, after in zip(images, changed):
        rows, columns = np.nonzero(before != after)
        if len(rows):
            box = after[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
            assert max(box.shape) <= 12
            assert len(np.unique(after[before != after])) == 1


@pytest.mark.parametrize("mix", ["mixup", "cutmix"])
def test_mixed_images_have_mixed_labels(data, mix):
    images = data[0].images[:100]
    changed, targets = augmented(images, **{mix: 1.0})
    np.testing.assert_allclose(targets.sum(axis=1), 1, atol=1e-6)
    own = np.diag(targets)
    assert own.min() < 0.2 and own.max() > 0.8
    if mix == "mixup":
        expected = own[:, None, None] * images + (1 - own[:, None, None]) * images[::-1]
        np.testing.assert_allclose(changed, expected, atol=0.51)
    else:
        assert ((changed == images) | (changed == images[::-1])).all()


def test_an_epoch_visits_each_image_once_in_an_order_of_its_own(small, data):
    images, targets = data[0].images, np.eye(10, dtype=np.float32)[data[0].labels]

    def epoch(seed: int, number: int, size: int = 250) -> list[bytes]:
        batches = training.shuffled_batches(images, targets, size, small.augment, seed, number)
        assert [len(batch) for batch, _ in batches] == [size] * (1000 // size)
        return [image.tobytes() for batch, _ in batches.as_numpy_iterator() for image in batch]

    def unflipped(seen: list[bytes]) -> list[bytes]:
        arrays = (np.frombuffer(image, np.uint8).reshape(28, 28) for image in seen)
        return sorted(min(array.tobytes(), array[:, ::-1].tobytes()) for array in arrays)

    assert epoch(0, 1) == epoch(0, 1)
    assert epoch(0, 1) != epoch(0, 2) != epoch(1, 2)
    assert unflipped(epoch(0, 1)) == unflipped(epoch(1, 2)) == unflipped([image.tobytes() for image in images])
    assert len(set(epoch(0, 1, size=300))) == 900
    originals = {image.tobytes() for image in images}
    first, second = ({image for image in epoch(0, number) if image in originals} for number in (1, 2))
    assert 400 < len(first) < 600 and len(first & second) < 10, "each image is mirrored in every other epoch"


def test_it_learns(small, data, checkpoint):
    short = small.train.model_copy(update={"epochs": 4, "batch_size": 32})
    _, history = training.fit(small.member("first").model_copy(update={"train": short}), *data, checkpoint)
    assert history[-1]["validation_accuracy"] > 0.6
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]


def test_averaged_weights_come_with_the_statistics_of_what_they_compute(small, data, checkpoint):
    recipe = small.train.model_copy(update={"averaging": 0.98, "schedule": "constant", "warmup": 0.0})
    network = small.model.model_copy(update={"name": "resnet", "whiten": False})
    model, _ = training.fit(small.member("first").model_copy(update={"train": recipe, "model": network}), *data, checkpoint)
    layer = next(layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization))
    seen = keras.Model(model.input, layer.input).predict(data[0].images, verbose=0)
    assert np.array(layer.moving_variance) == pytest.approx(seen.var(axis=(0, 1, 2)), rel=0.1)
    assert np.array(layer.moving_mean) == pytest.approx(seen.mean(axis=(0, 1, 2)), abs=0.05 * seen.std())


def test_data_pruning_goes_on_with_the_images_that_were_hardest_after_two_epochs(small, data, checkpoint, monkeypatch):
    seen, ranked = [], []
    shuffled_batches, hardest = training.shuffled_batches, pruning.hardest
    monkeypatch.setattr(training, "shuffled_batches", lambda *given: seen.append(given[:2]) or shuffled_batches(*given))
    monkeypatch.setattr(pruning, "hardest", lambda *given: ranked.append(given) or hardest(*given))
    recipe = small.train.model_copy(update={"epochs": 4, "batch_size": 20, "data_pruning": 0.7})
    _, history = training.fit(small.member("first").model_copy(update={"train": recipe}), *data, checkpoint)

    [(probabilities, count)] = ranked
    confidence = probabilities.max(axis=1)
    assert count == 300 and (confidence.argsort() != np.arange(1000)).any()
    kept = confidence <= np.sort(confidence)[299]
    for (images, targets), chosen in zip(seen, (np.full(1000, True), np.full(1000, True), kept, kept), strict=True):
        np.testing.assert_array_equal(images, data[0].images[chosen])
        np.testing.assert_array_equal(np.argmax(targets, axis=1), data[0].labels[chosen])
    rates = schedules.learning_rates(recipe, 50 + 50 + 15 + 15)
    assert [row["learning_rate"] for row in history] == pytest.approx(
        [rates[:50].mean(), rates[50:100].mean(), rates[100:115].mean(), rates[115:].mean()]
    )


class Killed(Exception):
    """Stands for the end of the process."""


def test_an_interrupted_training_goes_on_and_ends_with_the_same_bytes(member, data, checkpoint, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(training, "STATISTICS_BATCHES", 5)  # ten times as many take a third of this test's time
    whole, whole_history = training.fit(member, *data, Checkpoint("whole", determined_by="undisturbed"))
    artifact.save(tmp_path / "whole.keras", whole)

    save = Checkpoint.save

    def save_and_die(self, variables, history):
        save(self, variables, history)
        if len(history) == 2:
            raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(Checkpoint, "save", save_and_die)
        training.fit(member, *data, checkpoint)

    capsys.readouterr()
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


def test_other_weights_of_the_same_name_determine_another_training(member, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    backbone = member.model.backbone.model_copy(update={"weights": "mine.weights.h5"})
    member = member.model_copy(update={"model": member.model.model_copy(update={"name": "backbone", "backbone": backbone})})
    found = []
    for content in (b"", b"one", b"another"):
        if content:
            backbones.WEIGHTS.mkdir(exist_ok=True)
            (backbones.WEIGHTS / "mine.weights.h5").write_bytes(content)
        found.append(training.determined_by(member, ["train", "validation"]))
    assert len({json.dumps(one) for one in found}) == 3
    assert found[0] == training.determined_by(member, ["train", "validation"]) | {"weights": ""}


def test_a_diverging_training_stops_with_advice(member, data, checkpoint):
    wild = member.model_copy(update={"train": member.train.model_copy(update={"learning_rate": 1e30})})
    with pytest.raises(UserError, match=r"diverged: the loss is \S+ in epoch 1 and \S+ after it; lower train.learning_rate"):
        training.fit(wild, *data, checkpoint)
    assert not checkpoint.path.exists()


@pytest.mark.parametrize("schedule", ["constant", "plateau", "step", "exponential", "linear", "cosine"])
def test_schedules_rise_in_the_warm_up_and_fall_after_it(small, schedule):
    recipe = small.train.model_copy(update={"schedule": schedule, "warmup": 0.25, "learning_rate": 0.1})
    rates = schedules.learning_rates(recipe, 400)
    assert rates.shape == (400,) and rates.dtype == np.float32 and (rates > 0).all()
    assert (np.diff(rates[:100]) > 0).all()
    assert rates[100] == pytest.approx(0.1, rel=0.02)
    if schedule in ("constant", "plateau"):
        assert (rates[100:] == np.float32(0.1)).all()
    elif schedule == "step":
        assert np.unique(rates[100:]) == pytest.approx([0.001, 0.01, 0.1])
    else:
        assert (np.diff(rates[100:]) < 0).all() and rates[-1] < 0.0011


def test_a_plateau_lowers_the_learning_rate(small):
    recipe = small.train.model_copy(update={"schedule": "plateau"})
    factors = [schedules.plateau_factor(recipe, [3, 2, 2, 2, 1, 1.5, 1.4, 1.3][:epochs]) for epochs in range(9)]
    assert factors == pytest.approx([1, 1, 1, 1, 0.3, 0.3, 0.3, 0.09, 0.09])
    assert schedules.plateau_factor(small.train, [1, 1, 1, 1]) == 1


def test_patience_ends_the_training_and_keeps_the_best_weights(small, data, checkpoint):
    recipe = small.train.model_copy(
        update={"epochs": 50, "patience": 2, "optimizer": "sgd", "schedule": "constant", "warmup": 0.0, "learning_rate": 0.1}
    )
    model, history = training.fit(small.member("first").model_copy(update={"train": recipe}), *data, checkpoint)
    accuracies = [row["validation_accuracy"] for row in history]
    assert len(history) < 50 and int(np.argmax(accuracies)) == len(accuracies) - 3
    right = model.predict(data[1].images, verbose=0).argmax(axis=1) == data[1].labels
    assert right.mean() == pytest.approx(max(accuracies), abs=1e-6)


class Recorder:
    """Takes the place of a checkpoint, and keeps the weights after each epoch."""

    def __init__(self):
        self.weights = []

    def restore(self, variables) -> list[dict]:
        return []

    def save(self, variables, history: list[dict]) -> None:
        self.weights.append([np.array(variable) for variable in variables])


def trained(member: MemberParams, data: tuple[Images, Images], section: str, **changes) -> list[np.ndarray]:
    """The weights after an epoch of plain SGD and a change."""
    plain = {
        "epochs": 1,
        "optimizer": "sgd",
        "schedule": "constant",
        "warmup": 0.0,
        "weight_decay": 0.0,
        "label_smoothing": 0.0,
    }
    member = member.model_copy(update={"train": member.train.model_copy(update=plain)})
    part = getattr(member, section)
    model, _ = training.fit(member.model_copy(update={section: part.model_copy(update=changes)}), *data, Recorder())
    return model.get_weights()


@pytest.fixture(scope="module")
def plain(small, data) -> list[np.ndarray]:
    return trained(small.member("first"), data, "train")


@pytest.mark.parametrize(
    ("section", "changes"),
    [
        ("train", {"label_smoothing": 0.1}),
        ("train", {"weight_decay": 0.1}),
        ("train", {"momentum": 0.8}),
        ("train", {"optimizer": "nesterov"}),
        ("train", {"warmup": 0.5}),
        ("train", {"averaging": 0.5}),
        ("model", {"dropout": 0.2}),
    ],
    ids=str,
)
def test_each_knob_reaches_the_weights(small, data, plain, section, changes):
    changed = trained(small.member("first"), data, section, **changes)
    assert len(changed) == len(plain)
    assert not np.array_equal(changed[-1], plain[-1])


def test_the_same_twice_gives_the_same_weights(small, data, plain):
    for ours, theirs in zip(trained(small.member("first"), data, "train"), plain):
        np.testing.assert_array_equal(ours, theirs)


def test_a_plateaus_factor_reaches_the_optimizer(small, data, monkeypatch):
    monkeypatch.setattr(training, "plateau_factor", lambda recipe, losses: 0.0)
    _, history = training.fit(small.member("first"), *data, Recorder())
    assert [row["learning_rate"] for row in history] == [0, 0]
    assert history[0]["validation_loss"] == history[1]["validation_loss"]


def test_averaging_is_the_exponential_mean_over_the_steps(small, data):
    """One step an epoch, so that the weights of each are seen."""
    recipe = small.train.model_copy(update={"epochs": 3, "averaging": 0.75, "batch_size": 1000})
    recorder = Recorder()
    model, _ = training.fit(small.member("first").model_copy(update={"train": recipe}), *data, recorder)
    first, *others = ([weights for weights in step[: len(model.weights)]] for step in recorder.weights)
    expected = first
    for step in others:
        expected = [0.75 * mean + 0.25 * weights for mean, weights in zip(expected, step)]
    for ours, theirs in zip(model.get_weights(), expected):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert not np.allclose(expected[-1], others[-1][-1])


@pytest.mark.parametrize("optimizer", ["sgd", "nesterov", "rmsprop", "adam", "adamw", "muon"])
def test_every_optimizer_learns(small, data, checkpoint, optimizer):
    rate = {"sgd": 0.02, "nesterov": 0.02, "muon": 0.03}.get(optimizer, 0.001)
    update = {"epochs": 3, "optimizer": optimizer, "learning_rate": rate, "weight_decay": 0.0, "batch_size": 20}
    recipe = small.train.model_copy(update=update)
    _, history = training.fit(small.member("first").model_copy(update={"train": recipe}), *data, checkpoint)
    assert history[-1]["validation_accuracy"] > 0.6


@pytest.mark.parametrize("shape", [(288, 64), (9, 32), (1600, 64)])
def test_muon_brings_all_singular_values_near_1(shape):
    matrix = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    values = np.linalg.svd(orthogonalize(matrix), compute_uv=False)
    assert values.min() > 0.5 and values.max() < 1.3


@pytest.mark.parametrize("name", ["cnn", "resnet"])
def test_penalties_and_normalisation_reach_every_kernel(small, name):
    normalized = small.model.cnn.model_copy(update={"batch_norm": True})
    recipe = small.model.model_copy(update={"name": name, "whiten": False, "cnn": normalized})
    model = models.build(recipe, keras.regularizers.L2(0.1))
    kernels = [layer.kernel for layer in model.layers if hasattr(layer, "kernel")]
    assert len(model.losses) == len(kernels)
    expected = sum(0.1 * float((kernel.numpy() ** 2).sum()) for kernel in kernels)
    assert float(sum(model.losses)) == pytest.approx(expected, rel=1e-4)
    assert any(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers)


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


def test_a_saved_model_predicts_as_before(small, data, tmp_path):
    model = models.build(small.model)
    artifact.save(tmp_path / "model.keras", model)
    images = data[1].images
    loaded = artifact.load(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(images, verbose=0), model.predict(images, verbose=0))


def test_an_artifact_holds_no_time(small, tmp_path):
    artifact.save(tmp_path / "model.keras", models.build(small.model))
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert b"date" not in archive.read("metadata.json")
