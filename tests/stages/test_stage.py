"""What a stage does when something is wrong, seen from outside: a line, an exit code, and nothing half-written."""

import resource
import signal
import subprocess
import sys

import pytest
from conftest import Clone


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, raw) -> Clone:
    """A clone with the raw data and a small prepared set."""
    clone = Clone(tmp_path_factory.mktemp("stage") / "clone")
    (clone.path / "data" / "raw").symlink_to(raw)
    assert stage(clone, "prepare").returncode == 0
    return clone


def stage(clone: Clone, *words: str) -> subprocess.CompletedProcess:
    name, *arguments = words
    return clone.run(sys.executable, f"src/{name}.py", *arguments)


def assert_one_line(done: subprocess.CompletedProcess, message: str, exit_code: int) -> None:
    assert done.stderr.startswith("error: ") and message in done.stderr and done.stderr.count("\n") == 1, done.stderr
    assert done.returncode == exit_code


@pytest.mark.parametrize("name", ["download", "prepare", "train", "evaluate", "plot"])
def test_wrong_parameters_end_every_stage_before_any_work(prepared, name):
    text = (prepared.path / "params.yaml").read_text()
    before = sorted(prepared.path.rglob("*"))
    prepared.edit("batch_size: ", "batch_sise: ")
    try:
        done = stage(prepared, name, *(["model"] if name == "train" else []))
    finally:
        (prepared.path / "params.yaml").write_text(text)
    assert_one_line(done, "params.yaml: train.batch_size: missing; train.batch_sise: unknown key", 2)
    assert [path for path in sorted(prepared.path.rglob("*")) if "__pycache__" not in str(path)] == [
        path for path in before if "__pycache__" not in str(path)
    ]


def test_help(prepared):
    done = stage(prepared, "train", "--help")
    assert done.returncode == 0 and "models/MEMBER.keras" in done.stdout


FILES_OF_A_STAGE = {
    "download": ["data/raw/train-images-idx3-ubyte"],
    "prepare": ["data/prepared/train.npz"],
    "train": ["models/model.keras", "reports/history/model.csv"],
    "evaluate": ["reports/predictions.csv"],
    "plot": ["reports/figures/predictions.png"],
}


@pytest.mark.parametrize("name", FILES_OF_A_STAGE)
def test_a_full_disk_leaves_nothing_half_written(prepared, raw, name):
    """A limit on the size of files stands in for the full disk; when it is lifted, the stage does its work."""
    words = [name, "model"] if name == "train" else [name]
    if name == "download":
        (prepared.path / "data/raw").unlink()
        prepared.use_raw(raw)
    if name in ("evaluate", "plot") and not (prepared.path / "models/model.keras").exists():
        assert stage(prepared, "train", "model").returncode == 0
    for file in FILES_OF_A_STAGE[name]:
        (prepared.path / file).unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, f"src/{name}.py", *words[1:]],
        cwd=prepared.path,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
    )
    assert_one_line(done, "File too large: nothing was half-written; free some space", 1)
    for file in FILES_OF_A_STAGE[name]:
        assert not (prepared.path / file).exists()
    assert not list(prepared.path.rglob("*.partial"))
    assert stage(prepared, *words).returncode == 0
    for file in FILES_OF_A_STAGE[name]:
        assert (prepared.path / file).exists()


def start_training(clone: Clone) -> subprocess.Popen:
    """Start a training that is too long to end by itself, and wait for its first epoch."""
    process = subprocess.Popen(
        [sys.executable, "-u", "src/train.py", "model"],
        cwd=clone.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert "epoch" in process.stdout.readline()
    return process


@pytest.fixture
def long_training(prepared):
    prepared.edit("epochs: 2 ", "epochs: 5000 ")
    yield prepared
    prepared.edit("epochs: 5000 ", "epochs: 2 ")


def test_ctrl_c_ends_in_one_line(long_training):
    (long_training.path / "models/model.keras").unlink(missing_ok=True)
    process = start_training(long_training)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert stdout.endswith("stopping after the current steps; press Ctrl-C again to stop at once\n")
    assert stderr == "error: interrupted; run it again to resume\n"
    assert process.returncode == 130
    assert not (long_training.path / "models" / "model.keras").exists()


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (
            "src/fashion/networks/residual.py",
            '"""The residual network, `resnet`, ',
            '"""The edited network, `resnet`, ',
            "residual.py: edited while this stage ran",
        ),
        ("params.yaml", "learning_rate: 0.0", "learning_rate: 0.1", "params.yaml: edited while this stage ran"),
    ],
)
def test_an_edit_while_a_stage_runs_is_noticed(prepared, file, old, new, message):
    prepared.edit("epochs: 2 ", "epochs: 20 ")
    process = start_training(prepared)
    try:
        prepared.edit(old, new, file)
        _, stderr = process.communicate(timeout=120)
    finally:
        prepared.edit(new, old, file)
        prepared.edit("epochs: 20 ", "epochs: 2 ")
        (prepared.path / "models" / "model.keras").unlink(missing_ok=True)
    assert message in stderr and process.returncode == 1, stderr
    # The edit undone, the training need not be repeated.
    prepared.edit("epochs: 2 ", "epochs: 20 ")
    again = prepared.run("python", "src/train.py", "model")
    prepared.edit("epochs: 20 ", "epochs: 2 ")
    assert again.returncode == 0 and again.stdout.startswith("resuming after epoch 20 "), again.stdout + again.stderr


def test_an_edit_of_another_stages_parameter_is_none(prepared):
    prepared.edit("epochs: 2 ", "epochs: 20 ")
    process = start_training(prepared)
    prepared.edit("which: first", "which: wrong")
    _, stderr = process.communicate(timeout=120)
    prepared.edit("which: wrong", "which: first")
    prepared.edit("epochs: 20 ", "epochs: 2 ")
    assert (process.returncode, stderr) == (0, "")
