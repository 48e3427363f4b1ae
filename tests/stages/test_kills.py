"""A kill in the middle of a training."""

import os
import re
import signal

from fashion.clones import start_repro


def test_a_killed_training_resumes_after_the_last_finished_epoch_and_ends_with_the_same_bytes(clone, raw):
    clone.use_raw(raw)
    clone.edit("epochs: 2 ", "epochs: 30 ")
    process = start_repro(clone.path)
    for line in process.stdout:
        if line.startswith("epoch  3/30"):
            os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    made = [clone.path / name for name in ("models/model.keras", "reports/history/model.csv")]
    said = clone.dvc("repro", "train@model")
    assert 3 <= int(re.search(r"resuming after epoch (\d+) ", said)[1]) < 30
    resumed = [path.read_bytes() for path in made]
    said = clone.dvc("repro", "--force", "--single-item", "train@model")
    assert "epoch  1/30" in said
    assert [path.read_bytes() for path in made] == resumed
