"""What a stage does when something is wrong, seen from outside: a line, an exit code, and nothing half-written."""

import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import in_process
import pytest
from conftest import ROOT

from fashion.data import release


@pytest.fixture
def project(finished, tmp_path) -> Path:
    """A directory in which every stage has run. Other tests share its files: they are to be replaced, not written to."""
    return shutil.copytree(finished, tmp_path / "project", copy_function=os.link)


def edit(project: Path, old: str, new: str) -> None:
    """Replace a text that stands in params.yaml exactly once."""
    path = project / "params.yaml"
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.unlink()
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_help(finished, capfd):
    with pytest.raises(SystemExit) as end:
        in_process.run(finished, "src/train.py", "--help")
    assert end.value.code == 0 and "models/MEMBER.keras" in capfd.readouterr().out


FILES_OF_A_STAGE = {
    "download": ["data/raw/train-images-idx3-ubyte"],
    "prepare": ["data/prepared/train.npz"],
    "train": ["models/model.keras", "reports/history/model.csv"],
    "evaluate": ["reports/predictions.csv"],
    "plot": ["reports/figures/predictions.png"],
}


@contextmanager
def full_disk() -> Iterator[None]:
    """A limit on the size of files, for this process and those that it starts, stands in for a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("name", FILES_OF_A_STAGE)
def test_a_full_disk_leaves_nothing_half_written(project, capfd, name):
    """And when there is space again, the stage does its work."""
    words = (f"src/{name}.py", *(["model"] if name == "train" else []))
    files = [project / file for file in FILES_OF_A_STAGE[name]]
    for file in files:
        file.unlink()
    with full_disk():
        if name == "train":  # one of them as users see it
            command = [sys.executable, ROOT / words[0], *words[1:]]
            done = subprocess.run(command, cwd=project, capture_output=True, text=True)
            code, message = done.returncode, done.stderr
        else:
            code, message = in_process.refused(project, capfd, *words)
    assert message.startswith("error: ") and message.count("\n") == 1, message
    assert "File too large: nothing was half-written; free some space" in message and code == 1
    assert not any(file.exists() for file in files) and not list(project.rglob("*.partial"))
    in_process.run(project, *words)
    assert all(file.exists() for file in files)


def start_training(directory: Path, program: Path) -> subprocess.Popen:
    """Start a training, and wait for its first epoch."""
    process = subprocess.Popen(
        [sys.executable, "-u", program, "model"],
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert "epoch" in process.stdout.readline()
    return process


def test_ctrl_c_ends_in_one_line(project):
    edit(project, "epochs: 2 ", "epochs: 5000 ")
    (project / "models/model.keras").unlink()
    process = start_training(project, ROOT / "src/train.py")
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert stdout.endswith("stopping after the current steps; press Ctrl-C again to stop at once\n")
    assert stderr == "error: interrupted; run it again to resume\n"
    assert process.returncode == 130
    assert not (project / "models/model.keras").exists()


def test_an_edit_of_the_code_while_a_stage_runs_is_noticed(ran, tmp_path):
    file, old, new = "src/fashion/networks/residual.py", '"""The residual network', '"""The edited network'
    clone = ran.copy(tmp_path / "clone")
    clone.edit("epochs: 2 ", "epochs: 20 ")
    process = start_training(clone.path, clone.path / "src/train.py")
    clone.edit(old, new, file)
    _, stderr = process.communicate(timeout=120)
    assert "residual.py: edited while this stage ran" in stderr and process.returncode == 1, stderr
    # The edit undone, the training need not be repeated.
    clone.edit(new, old, file)
    again = clone.run("python", "src/train.py", "model")
    assert again.returncode == 0 and again.stdout.startswith("resuming after epoch 20 "), again.stdout + again.stderr


@pytest.fixture
def edit_meanwhile(project, monkeypatch):
    """A function that has params.yaml edited while `prepare` runs."""
    read = release.read_sets

    def edit_meanwhile(old: str, new: str) -> None:
        def edit_and_read():
            edit(project, old, new)
            return read()

        monkeypatch.setattr(release, "read_sets", edit_and_read)

    return edit_meanwhile


def test_an_edit_of_a_parameter_while_its_stage_runs_is_noticed(project, edit_meanwhile, capfd):
    edit_meanwhile("validation_fraction: 0.1", "validation_fraction: 0.2")
    message = "error: params.yaml: edited while this stage ran; run `dvc repro` again\n"
    assert in_process.refused(project, capfd, "src/prepare.py") == (1, message)


def test_an_edit_of_another_stages_parameter_is_none(project, edit_meanwhile, capfd):
    edit_meanwhile("which: first", "which: wrong")
    capfd.readouterr()
    in_process.run(project, "src/prepare.py")
    said, complaints = capfd.readouterr()
    assert said.startswith("900 training, 100 validation") and complaints == ""
    assert "which: wrong" in (project / "params.yaml").read_text()
