"""Out of distribution: the distance by hand, for every kind of network, and what is said of damaged files."""

import numpy as np
import pytest
from small_training import MEMBER, changed, images

from fashion import paths
from fashion.backend import keras
from fashion.data.images import Images
from fashion.networks.build import build
from fashion.pipeline.errors import UserError
from fashion.scoring import out_of_distribution
from fashion.scoring.features import detector, distance, features, fit_detector

KINDS = {
    "cnn": {},
    "cnn with batch normalisation": {"cnn": MEMBER.model.cnn.model_copy(update={"batch_norm": True}), "dropout": 0.5},
    "resnet": {"name": "resnet"},
    "backbone": {
        "name": "backbone",
        "whiten": False,
        "backbone": MEMBER.model.backbone.model_copy(update={"image_size": 32, "weights": "random"}),
    },
}


def network(kind: str) -> keras.Model:
    """A network with random weights, always the same."""
    keras.utils.set_random_seed(0)
    return build(changed(MEMBER, model=KINDS[kind]).model)


def clouds(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features of three classes, numbered 0, 4 and 7, far apart and of an odd shape, and their labels."""
    rng = np.random.default_rng(seed)
    labels = rng.choice([0, 4, 7], 300).astype(np.uint8)
    return rng.normal(size=(300, 5)) @ rng.normal(size=(5, 5)) + 20 * rng.normal(size=(8, 5))[labels], labels


def far(found: np.ndarray, statistics: out_of_distribution.Statistics) -> np.ndarray:
    """The distance of features, shape (N, D), as the networks compute it."""
    given_features = keras.Input(found.shape[1:])
    return keras.Model(given_features, distance(given_features, statistics)).predict(found, verbose=0)


@pytest.mark.parametrize("seed", range(3))
def test_the_distance_is_that_of_mahalanobis_from_the_nearest_class(seed):
    found, labels = clouds(seed)
    means = np.stack([found[labels == label].mean(axis=0) for label in (0, 4, 7)])
    within = (found - means[np.searchsorted((0, 4, 7), labels)]) / found.std(axis=0)
    covariance = within.T @ within / len(within) + out_of_distribution.EPSILON * np.eye(5)
    strangers = np.random.default_rng(seed).normal(size=(20, 5)) * 30
    gaps = (strangers[:, None] - means) / found.std(axis=0)
    expected = np.einsum("ncd,de,nce->nc", gaps, np.linalg.inv(covariance), gaps).min(axis=1)
    statistics = out_of_distribution.fit(found, labels)
    np.testing.assert_allclose(far(strangers, statistics), expected, rtol=1e-2)


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=pytest.mark.slow if kind == "backbone" else ()) for kind in KINDS])
def test_every_kind_of_network_has_a_distance(kind, raw):
    model = network(kind)
    train, validation = (Images(data.images[:400], data.labels[:400]) for data in images(raw))
    statistics, scores = fit_detector(model, {"train": train, "validation": validation, "test": train})
    found = keras.Model(model.inputs, features(model)).predict(validation.images, verbose=0)
    whitened = (found - statistics.mean) @ statistics.whitening
    expected = ((whitened[:, None] - statistics.centres) ** 2).sum(axis=2).min(axis=1)
    distances = detector(model, statistics).predict(validation.images, verbose=0)
    np.testing.assert_allclose(distances, expected, rtol=1e-2)
    # 5 % of the validation images are beyond the threshold, and fewer of those that the statistics are of.
    assert (distances > scores["threshold"]).sum() == 20 and 0 <= scores["test_false_alarms"] < 0.05
    noise = np.random.default_rng(0).integers(0, 256, (20, 28, 28)).astype(np.uint8)
    assert (detector(model, statistics).predict(noise, verbose=0) > scores["threshold"]).all()


def test_statistics_of_another_network_are_refused():
    rng = np.random.default_rng(0)
    statistics = out_of_distribution.fit(rng.normal(size=(40, 7)), np.arange(40) % 10)
    with pytest.raises(UserError, match=r"of another network, with 7 features, not \d+; run `dvc repro`"):
        detector(network("cnn"), statistics)


def test_the_threshold_lets_one_in_twenty_pass():
    distances = np.random.default_rng(0).chisquare(50, 1000)
    assert (distances > out_of_distribution.fit_threshold(distances)).sum() == 50


def test_a_class_without_images_and_a_feature_that_never_changes_are_no_problem():
    found, labels = clouds(0)
    found[:, 2] = 3
    statistics = out_of_distribution.fit(found, labels)
    assert statistics.centres.shape == (3, 5)
    assert all(np.isfinite(array).all() for array in statistics)


def test_the_file_gives_back_what_was_written_in_the_same_bytes(tmp_path):
    statistics = out_of_distribution.fit(*clouds(0))
    for name in ("one", "two"):
        out_of_distribution.save_statistics(tmp_path / name, statistics)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    for read, written in zip(out_of_distribution.load_statistics(tmp_path / "one"), statistics):
        np.testing.assert_array_equal(read, written)


def test_damaged_statistics_are_refused_in_one_line(tmp_path):
    path = tmp_path / "statistics.npz"
    statistics = out_of_distribution.fit(*clouds(0))
    for damage in (
        {"centres": np.zeros((3, 6), np.float32)},
        {"whitening": np.zeros((5, 6), np.float32)},
        {"mean": np.full(5, np.nan, np.float32)},
        {"mean": np.zeros((5, 1), np.float32)},
    ):
        out_of_distribution.save_statistics(path, statistics._replace(**damage))
        with pytest.raises(UserError, match=r"not the statistics of features \(.+\); delete it and run `dvc repro`"):
            out_of_distribution.load_statistics(path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(UserError, match="not the statistics of features"):
        out_of_distribution.load_statistics(path)


@pytest.mark.parametrize("content", ["{", "{}", '{"out_of_distribution": 3}', '{"out_of_distribution": {"threshold": "x"}}'])
def test_a_threshold_that_is_missing_or_none_is_reported(content, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "METRICS", tmp_path / "metrics.json")
    paths.METRICS.write_text(content)
    with pytest.raises(UserError, match="damaged"):
        out_of_distribution.read_threshold()


def test_the_last_digits_of_the_linear_algebra_do_not_count():
    numbers = np.random.default_rng(0).normal(size=1000) * 10.0 ** np.arange(-500, 500).clip(-30, 30)
    kept = out_of_distribution.rounded(numbers)
    np.testing.assert_allclose(kept, numbers, rtol=2.0**-out_of_distribution.DIGITS)
    np.testing.assert_array_equal(kept, out_of_distribution.rounded(numbers * (1 + 1e-15)))
    np.testing.assert_array_equal(out_of_distribution.rounded(np.zeros(2)), 0)
