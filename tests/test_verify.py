"""What `make verify` decides; tests/test_pipeline.py runs it."""

import json
from importlib.metadata import version

import pytest

import verify
from fashion.errors import UserError

SCORES = {"train": 0.95, "validation": 0.93, "test": 0.92}


def test_this_machine_is_described():
    machine = verify.describe_machine()
    assert machine["threads"] >= 1 and machine["tensorflow"] == version("tensorflow") and machine["cpu"]


def test_a_setting_that_changes_the_bits_makes_another_machine(monkeypatch):
    for name in verify.SETTINGS:
        monkeypatch.delenv(name, raising=False)
    before = verify.describe_machine()
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "1")
    assert verify.describe_machine() == before | {"settings": "TF_NUM_INTRAOP_THREADS=1"}


def test_tracked_weights_are_in_the_clone(clone, tmp_path, monkeypatch):
    (clone.path / "weights/mine.weights.h5").write_bytes(b"weights")
    clone.dvc("add", "weights/mine.weights.h5")
    clone.git("add", "weights")
    clone.git("-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "--quiet", "-m", "Weights")
    (clone.path / "weights/untracked.h5").write_bytes(b"others")
    monkeypatch.setattr(verify, "ROOT", clone.path)
    verify.make_clone(tmp_path / "verified")
    assert (tmp_path / "verified/weights/mine.weights.h5").read_bytes() == b"weights"
    assert not (tmp_path / "verified/weights/untracked.h5").exists()


def test_other_bytes_on_the_same_machine_are_an_error():
    machine = verify.describe_machine()
    with pytest.raises(UserError, match="so the commit is not reproducible"):
        verify.judge(SCORES, SCORES, machine, dict(machine))


def test_another_machine_may_differ_within_the_tolerance():
    machine = verify.describe_machine()
    lines = verify.judge(SCORES | {"test": 0.929}, SCORES, machine, machine | {"cpu": "an abacus"})
    assert lines[0].endswith("an abacus there") and "test accuracy: 0.9290 here, 0.9200 committed" in lines
    with pytest.raises(UserError, match="test accuracy is 0.9090: more than 0.01 from the committed 0.9200"):
        verify.judge(SCORES | {"test": 0.909}, SCORES, machine, machine | {"cpu": "an abacus"})


def test_the_accuracies_of_an_ensemble_are_those_of_the_whole():
    whole = {name: {"accuracy": value, "loss": 0.2} for name, value in SCORES.items()}
    assert verify.accuracies(json.dumps(whole | {"members": {"first": {"test": {"accuracy": 0.9}}}})) == SCORES


def test_other_bytes_are_an_error_where_no_machine_is_recorded():
    with pytest.raises(UserError, match="machine.json is not of this commit"):
        verify.judge(SCORES, SCORES, {"threads": 2}, None)
