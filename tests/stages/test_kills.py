"""A kill in the middle of a training."""

import os
import re
import signal
import subprocess

import pytest

from fashion.clones import start_repro

pytestmark = pytest.mark.slow


def kill_after_three_epochs(process: subprocess.Popen[str]) -> None:
    """Kill a training of 30 epochs, and all that runs with it, when it has printed the third."""
    for line in process.stdout:
        if line.startswith("epoch  3/30"):
            os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def test_a_killed_training_resumes_after_the_last_finished_epoch_and_ends_with_the_same_bytes(clone, raw):
    clone.use_raw(raw)
    clone.edit("epochs: 2 ", "epochs: 30 ")
    kill_after_three_epochs(start_repro(clone.path))
    made = [clone.path / name for name in ("models/model.keras", "reports/history/model.csv")]
    # The curves so far are there to be drawn, and nothing takes them for a result.
    _, *epochs = made[1].read_text().splitlines()
    assert 3 <= len(epochs) < 30
    clone.dvc("plots", "show", "reports/history/model.csv")
    page = (clone.path / "dvc_plots/index.html").read_text()
    assert "Learning curves of model" in page and f'"epoch": "{len(epochs)}"' in page
    message = f"reports/history/model.csv: epoch {len(epochs)} is not the last one that params.yaml asks for; run `dvc repro`"
    assert clone.run("python", "src/report.py").stderr == f"error: {message}\n"
    said = clone.dvc("repro", "train@model")
    assert 3 <= int(re.search(r"resuming after epoch (\d+) ", said)[1]) < 30
    resumed = [path.read_bytes() for path in made]
    said = clone.dvc("repro", "--force", "--single-item", "train@model")
    assert "epoch  1/30" in said
    assert [path.read_bytes() for path in made] == resumed


def test_a_killed_experiment_resumes_when_it_is_run_again(ran, tmp_path):
    """Experiments of `--temp` and of the queue run in copies of the project, each in another."""
    clone = ran.copy(tmp_path / "clone")
    clone.commit("Test")
    words = ("exp", "run", "--temp", "--name", "longer", "--set-param", "train.epochs=30", "train@model")
    process = subprocess.Popen(
        [clone.path / ".venv/bin/dvc", *words],
        cwd=clone.path,
        # As if another pipeline ran this one.
        env=clone.environment | {"PYTHONUNBUFFERED": "1", "DVC_ROOT": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    kill_after_three_epochs(process)
    said = clone.dvc(*words, "--force")
    assert 3 <= int(re.search(r"resuming after epoch (\d+) ", said)[1]) < 30
    assert not list((clone.path / ".resume").iterdir()) and clone.run("git", "status", "--porcelain").stdout == ""
