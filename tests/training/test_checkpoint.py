"""The state of an interrupted training, what it belongs to, and where it is kept."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from small_training import MEMBER, changed

from fashion import paths
from fashion.backend import keras
from fashion.params import MemberParams
from fashion.training.checkpoint import Checkpoint, project_directory
from fashion.training.compile import determined_by


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_a_checkpoint_of_other_parameters_or_a_damaged_one_is_not_used():
    checkpoint = Checkpoint("model", determined_by="this test")
    variable = keras.Variable(np.zeros(3))
    checkpoint.save([variable], [{"epoch": 1}])
    assert checkpoint.restore([variable]) == [{"epoch": 1}]
    assert Checkpoint("model", determined_by="something else").restore([variable]) == []
    checkpoint.path.write_bytes(checkpoint.path.read_bytes()[:-20])
    assert checkpoint.restore([variable]) == []


def test_whatever_determines_the_training_determines_its_checkpoint(monkeypatch):
    monkeypatch.setattr("fashion.pipeline.code.imported", lambda: {Path("fit.py"): "digest"})

    def file(member: MemberParams = MEMBER, data: tuple[str, ...] = ("train", "validation")) -> Path:
        return Checkpoint("model", determined_by(member, [*data])).path

    found = [file(), file(data=("other", "validation")), file(data=("train", "other"))]
    found += [file(changed(MEMBER, train={"epochs": 3})), file(MEMBER.model_copy(update={"seed": 1}))]
    for name, value in (
        ("fashion.training.precision.choose", lambda precision: "float8"),
        ("fashion.pipeline.code.imported", lambda: {Path("fit.py"): "another digest"}),
        ("numpy.__version__", "0.1"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(name, value)
            found.append(file())
    assert len(set(found)) == len(found) and file() == found[0]


def test_other_weights_of_the_same_name_determine_another_training():
    backbone = MEMBER.model.backbone.model_copy(update={"weights": "mine.weights.h5"})
    member = changed(MEMBER, model={"name": "backbone", "whiten": False, "backbone": backbone})
    found = []
    for content in (b"", b"one", b"another"):
        if content:
            paths.WEIGHTS.mkdir(parents=True, exist_ok=True)
            (paths.WEIGHTS / "mine.weights.h5").write_bytes(content)
        found.append(determined_by(member, ["train", "validation"]))
    assert len({json.dumps(one) for one in found}) == 3
    assert found[0] == determined_by(member, ["train", "validation"]) | {"weights": ""}


def test_two_experiments_that_train_the_same_network_at_the_same_time_do_not_disturb_each_other(monkeypatch):
    variable = keras.Variable(np.zeros(3))
    checkpoint = Checkpoint("model", determined_by="this test")
    savez = np.savez

    def while_another_saves(file, **arrays):
        with monkeypatch.context() as patch:
            patch.setattr(np, "savez", savez)
            patch.setattr(os, "getpid", lambda: 1)
            Checkpoint("model", determined_by="this test").save([variable], [{"epoch": 1}])
        savez(file, **arrays)

    monkeypatch.setattr(np, "savez", while_another_saves)
    checkpoint.save([variable], [{"epoch": 2}])
    assert checkpoint.restore([variable]) == [{"epoch": 2}]
    assert list(paths.RESUME.iterdir()) == [checkpoint.path]


@pytest.mark.parametrize("copy", [".dvc/tmp/exps/tmp1", ".dvc/tmp/exps/standalone/tmp1", ".dvc/tmp/exps/tmp1/sub/project"])
def test_an_experiment_in_a_copy_keeps_it_in_the_project(tmp_path, monkeypatch, copy):
    (tmp_path / "src/fashion").mkdir(parents=True)
    (tmp_path / copy).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / copy)
    assert project_directory() == tmp_path


@pytest.mark.parametrize("place", ["project", "outer/.dvc/tmp/exps/tmp1/project"])
def test_another_pipeline_that_runs_this_one_does_not_get_it(tmp_path, monkeypatch, place):
    (tmp_path / place / "src/fashion").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / place)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "outer"))
    assert project_directory() == Path()
