"""A short version of studies/kill_drill, and a kill in the middle of a training."""

import os
import re
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


def test_a_killed_training_goes_on_after_the_last_finished_epoch_and_ends_with_the_same_bytes(clone, raw):
    clone.use_raw(raw)
    clone.edit("epochs: 2 ", "epochs: 30 ")
    process = drill.start(clone.path)
    for line in process.stdout:
        if line.startswith("epoch  3/30"):
            os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    made = [clone.path / name for name in ("models/first.keras", "reports/history/first.csv")]
    said = clone.dvc("repro", "train@first")
    assert 3 <= int(re.search(r"going on after epoch (\d+) ", said)[1]) < 30
    resumed = [path.read_bytes() for path in made]
    said = clone.dvc("repro", "--force", "--single-item", "train@first")
    assert "epoch  1/30" in said
    assert [path.read_bytes() for path in made] == resumed
