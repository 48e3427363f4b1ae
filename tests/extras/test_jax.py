"""The same recipe, trained by JAX."""

import json
import os
import subprocess
import sys

import pytest
from conftest import ROOT


def test_the_pipeline_runs_on_jax(clone, raw):
    clone.use_raw(raw)
    clone.edit("name: cnn ", "name: resnet ")  # with batch normalisation
    clone.edit("ema_decay: 0.0 ", "ema_decay: 0.5 ")
    clone.edit("schedule: cosine ", "schedule: plateau ")
    clone.edit("epochs: 2 ", "epochs: 3 ")
    clone.edit("data_pruning: 0.0 ", "data_pruning: 0.5 ")
    clone.edit("dropout: 0.0 ", "dropout: 0.1 ")
    done = clone.run(".venv/bin/dvc", "repro", KERAS_BACKEND="jax")
    assert done.returncode == 0, done.stdout + done.stderr
    on_jax = json.loads((clone.path / "reports/metrics.json").read_text())["test"]["accuracy"]
    model = (clone.path / "models/model.keras").read_bytes()
    clone.dvc("repro", "--force", "--single-item", "train@model", "evaluate")
    on_tensorflow = json.loads((clone.path / "reports/metrics.json").read_text())["test"]["accuracy"]
    assert (clone.path / "models/model.keras").read_bytes() != model  # another backend adds up in another order
    assert on_jax > 0.5
    assert on_jax == pytest.approx(on_tensorflow, abs=0.1)


def test_an_unknown_backend_is_refused():
    done = subprocess.run(
        [sys.executable, "src/train.py", "model"],
        cwd=ROOT,
        env=os.environ | {"KERAS_BACKEND": "torch"},
        capture_output=True,
        text=True,
    )
    assert done.stderr == "error: KERAS_BACKEND is 'torch', not tensorflow or jax; unset it\n"
    assert done.returncode == 1
