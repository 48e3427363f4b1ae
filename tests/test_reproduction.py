"""What `make verify` decides; tests/stages/test_pipeline.py runs it."""

import json

import pytest

from fashion.clones import make_clone
from fashion.pipeline.errors import UserError
from fashion.pipeline.machine import describe_machine
from fashion.reproduction import accuracies, judge

SCORES = {"train": 0.95, "validation": 0.93, "test": 0.92}


def test_tracked_weights_are_in_the_clone(clone, tmp_path, monkeypatch):
    (clone.path / "data/weights/mine.weights.h5").write_bytes(b"weights")
    clone.dvc("add", "data/weights/mine.weights.h5")
    clone.commit("Weights")
    (clone.path / "data/weights/untracked.h5").write_bytes(b"others")
    monkeypatch.chdir(clone.path)
    verified = make_clone(tmp_path / "verified")
    assert (verified / "data/weights/mine.weights.h5").read_bytes() == b"weights"
    assert not (verified / "data/weights/untracked.h5").exists()


def test_other_bytes_on_the_same_machine_are_an_error():
    machine = describe_machine()
    with pytest.raises(UserError, match="so the commit is not reproducible"):
        judge(SCORES, SCORES, machine, dict(machine))


def test_another_machine_may_differ_within_the_tolerance():
    machine = describe_machine()
    lines = judge(SCORES | {"test": 0.929}, SCORES, machine, machine | {"cpu": "an abacus"})
    assert lines[0].endswith("an abacus there") and "test accuracy: 0.9290 here, 0.9200 committed" in lines
    with pytest.raises(UserError, match=r"test accuracy is 0.9090: more than 0.01 from the committed 0.9200"):
        judge(SCORES | {"test": 0.909}, SCORES, machine, machine | {"cpu": "an abacus"})


def test_the_accuracies_of_an_ensemble_are_those_of_the_whole():
    whole = {name: {"accuracy": value, "loss": 0.2} for name, value in SCORES.items()}
    assert accuracies(json.dumps(whole | {"members": {"model": {"test": {"accuracy": 0.9}}}})) == SCORES


def test_other_bytes_are_an_error_where_no_machine_is_recorded():
    with pytest.raises(UserError, match=r"machine.json is not of this commit"):
        judge(SCORES, SCORES, {"threads": 2}, None)
