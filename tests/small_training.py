"""A slice of the real data, and short recipes, for the tests that train networks."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from fashion import params, paths
from fashion.data import release
from fashion.data.images import Images
from fashion.params import MemberParams

RECIPE = params.load(ROOT / "tests/params.yaml")
MEMBER = RECIPE.member("model")


def official(raw: Path, read: Callable[[], Images]) -> Images:
    """What `read`, release.read_training_set or release.read_test_set, reads of the files in `raw`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "RAW", raw)
        patch.setattr(paths, "RAW_CLASSES", raw / "classes.txt")
        return read()


def training_set(raw: Path) -> Images:
    """The official training images."""
    return official(raw, release.read_training_set)


def images(raw: Path) -> tuple[Images, Images]:
    """1,000 images to train on and 500 to validate with."""
    full = training_set(raw)
    return Images(full.images[:1000], full.labels[:1000]), Images(full.images[-500:], full.labels[-500:])


def changed(member: MemberParams, **sections: dict) -> MemberParams:
    """The member with other values of some keys, by section."""
    return member.model_copy(
        update={name: getattr(member, name).model_copy(update=values) for name, values in sections.items()}
    )


class Recorder:
    """Takes the place of a checkpoint, and keeps the values of all variables after each epoch."""

    def __init__(self):
        self.values = []

    def restore(self, variables) -> list[dict]:
        return []

    def save(self, variables, history: list[dict]) -> None:
        self.values.append([np.array(variable) for variable in variables])
