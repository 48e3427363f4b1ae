"""The state of an interrupted training, and what it belongs to."""

import json

import numpy as np
import pytest
from small_training import MEMBER, changed

from fashion import paths
from fashion.backend import keras
from fashion.training.checkpoint import Checkpoint
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
