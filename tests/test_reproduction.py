"""What `make verify` decides; tests/stages/test_pipeline.py runs it."""

import json
import runpy
import sys
from pathlib import Path

import pytest
from conftest import ROOT, Clone

from fashion import paths
from fashion.clones import make_clone
from fashion.pipeline.errors import UserError
from fashion.pipeline.files import read_json, sha256, write_json
from fashion.pipeline.machine import describe_machine
from fashion.reproduction import accuracies, judge, recorded_machine, reproduce

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


@pytest.fixture
def committed(clone, tmp_path, monkeypatch) -> Clone:
    """A clone to run in, of which no machine is recorded; clones of it have an environment of their own, with no program."""
    (clone.path / paths.MACHINE).unlink()
    clone.commit("All")
    monkeypatch.chdir(clone.path)
    (tmp_path / "environment/bin").mkdir(parents=True)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "environment"))
    monkeypatch.setattr(sys, "argv", ["verify.py"])
    return clone


def let_dvc(command: str) -> None:
    """Have those clones' DVC do something else: a command of the shell."""
    program = Path(sys.prefix) / "bin/dvc"
    program.write_text(f"#!/bin/sh\n{command}\n")
    program.chmod(0o755)


def record(clone: Clone, lock: str, **others: str) -> None:
    """Commit a record of this machine, or of one that is in some way another."""
    write_json(paths.MACHINE, {"dvc.lock": lock, "machine": describe_machine() | others})
    clone.commit("Record")


def verify(capfd: pytest.CaptureFixture) -> str:
    """Run the program and return what it printed."""
    capfd.readouterr()
    runpy.run_path(str(ROOT / "tools/verify.py"), run_name="__main__")
    return capfd.readouterr().out


def test_what_comes_out_otherwise_is_named_and_a_pipeline_that_fails_is_an_error(committed, tmp_path):
    let_dvc("echo >> reports/metrics.json")
    assert reproduce(tmp_path / "one") == (["reports/metrics.json"], accuracies(paths.METRICS.read_text()))
    let_dvc("exit 3")
    with pytest.raises(UserError, match="the pipeline of the last commit does not run through"):
        reproduce(tmp_path / "another")


def test_a_machine_is_recorded_for_the_lock_that_its_committed_record_names(committed):
    lock = sha256(paths.LOCK)
    record(committed, lock)
    paths.MACHINE.write_text("{}")
    assert recorded_machine() == describe_machine()
    with paths.LOCK.open("a") as file:
        file.write("\n")
    assert recorded_machine() is None
    committed.git("checkout", str(paths.LOCK))
    for damaged in ("", "[]", '{"machine": {}}', f'{{"dvc.lock": "{lock}"}}'):
        paths.MACHINE.write_text(damaged)
        committed.commit("Damaged")
        assert recorded_machine() is None


def test_verify_says_what_is_not_identical_and_lets_it_pass_on_another_machine_alone(committed, capfd):
    let_dvc("echo >> reports/metrics.json")
    record(committed, sha256(paths.LOCK), cpu="an abacus")
    said = verify(capfd)
    assert "\nNot identical: reports/metrics.json\n" in said and ", an abacus there\n" in said
    assert said.endswith("Another machine: every accuracy is within 0.01 of the committed one.\n")
    record(committed, sha256(paths.LOCK))
    with pytest.raises(SystemExit) as end:
        verify(capfd)
    assert end.value.code == 1 and "error: this machine is the one of reports/machine.json" in capfd.readouterr().err


def test_verify_records_the_machine_unless_one_is_recorded_for_this_lock(committed, capfd):
    let_dvc("true")
    record(committed, "another")
    assert f"This machine is recorded as the one that did so -> {paths.MACHINE}\n" in verify(capfd)
    assert read_json(paths.MACHINE) == {"dvc.lock": sha256(paths.LOCK), "machine": describe_machine()}
    committed.commit("Record")
    said = verify(capfd)
    assert "Identical: dvc.lock" in said and "recorded" not in said
