"""A short version of studies/kill_drill, and a kill in the middle of a training."""

import os
import signal
import sys
from pathlib import Path

from conftest import ROOT, Clone

sys.path.insert(0, str(ROOT / "studies" / "kill_drill"))

import drill


def test_killed_in_each_half_of_the_run_and_the_same_bytes_in_the_end(tmp_path, raw):
    def make_clone(path: Path) -> None:
        Clone(path).use_raw(raw)

    same, _ = drill.drill(kills=2, seed=7, make_clone=make_clone)
    assert same == 2


def test_a_killed_training_goes_on_after_the_last_finished_epoch(clone, raw):
    clone.use_raw(raw)
    clone.edit("epochs: 2 ", "epochs: 200 ")
    process = drill.start(clone.path)
    for line in process.stdout:
        if line.startswith("epoch   3/200"):
            os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    process = drill.start(clone.path)
    for line in process.stdout:
        if line.startswith("going on after epoch"):
            assert int(line.split()[4]) >= 3
            os.killpg(process.pid, signal.SIGKILL)
            break
    else:
        raise AssertionError("the training started over")
    process.communicate()
