"""Networks as files: the same bytes for the same network, and what is saved is loaded."""

import subprocess
import sys
import zipfile

import numpy as np
from conftest import ROOT
from small_training import RECIPE, training_set

from fashion.backend import keras
from fashion.networks import artifact
from fashion.networks.build import build

SAVE = """
import sys
from pathlib import Path
from fashion import params
from fashion.backend import keras
from fashion.networks import artifact
from fashion.networks.build import build
keras.utils.set_random_seed(3)
artifact.save(Path(sys.argv[1]), build(params.load(Path("tests/params.yaml")).model))
"""


def test_another_process_writes_the_same_bytes_and_nothing_on_standard_error(tmp_path):
    """This one has built other networks before, which must not matter."""
    command = [sys.executable, "-c", SAVE, str(tmp_path / "theirs.keras")]
    assert subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stderr == ""
    build(RECIPE.model)
    keras.utils.set_random_seed(3)
    artifact.save(tmp_path / "ours.keras", build(RECIPE.model))
    assert (tmp_path / "ours.keras").read_bytes() == (tmp_path / "theirs.keras").read_bytes()


def test_a_saved_model_predicts_as_before(raw, tmp_path):
    model = build(RECIPE.model)
    artifact.save(tmp_path / "model.keras", model)
    images = training_set(raw).images[-500:]
    loaded = artifact.load(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(images, verbose=0), model.predict(images, verbose=0))


def test_an_artifact_holds_no_time(tmp_path):
    artifact.save(tmp_path / "model.keras", build(RECIPE.model))
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert b"date" not in archive.read("metadata.json")
