"""Clones in places and under circumstances that people really have, and what they do there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, Clone

from fashion import paths
from fashion.pipeline.errors import UserError

NOWHERE = "http://127.0.0.1:9/"  # refuses at once, as every address does offline
NAMELESS = ["unshare", "--user", "--map-user=12345", "--map-group=12345", "env", "--unset=USER", "--unset=LOGNAME"]


def git(*words: str) -> str:
    """Run git and return what it printed."""
    return subprocess.run(["git", *words], check=True, capture_output=True, text=True).stdout


def make(directory: Path, *words: str, **environment: str) -> subprocess.CompletedProcess:
    """Run make in a directory, where git speaks English."""
    variables = os.environ | {"LC_ALL": "C"} | environment
    return subprocess.run(["make", *words], cwd=directory, env=variables, capture_output=True, text=True)


def test_a_clone_with_autocrlf_has_the_same_bytes(tmp_path, monkeypatch):
    for name, value in {"COUNT": "1", "KEY_0": "core.autocrlf", "VALUE_0": "true"}.items():  # as in a user's settings
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    clone = Clone(tmp_path / "clone", small=False)
    lines = git("-C", str(clone.path), "ls-files", "--eol").splitlines()
    converted = [line for line in lines if line.split()[0].removeprefix("i/") != line.split()[1].removeprefix("w/")]
    assert len(lines) > 200 and converted == []


def test_make_says_at_once_that_an_unpacked_zip_is_no_repository(session_clone, tmp_path):
    git("-C", str(session_clone.path), "archive", "--format=zip", f"--output={tmp_path}/project.zip", "HEAD")
    shutil.unpack_archive(tmp_path / "project.zip", tmp_path / "project")
    shutil.copy(ROOT / "Makefile", tmp_path / "project")
    done = make(tmp_path / "project")
    assert done.returncode == 2 and not (tmp_path / "project/.venv").exists()
    assert "error: fatal: not a git repository" in done.stderr and "git clone" in done.stderr and "git init" in done.stderr


def can_be_nameless() -> bool:
    """Whether this system lets a user be another one, who has no name."""
    return bool(shutil.which("unshare")) and subprocess.run([*NAMELESS, "true"], capture_output=True).returncode == 0


def test_make_in_a_stage_of_another_pipeline_with_a_shell_that_is_none(clone, tmp_path):
    """The other pipeline is DVC's, which sets DVC_ROOT; the shell is that of a refused login; the user may have no name."""
    command = ["env", "SHELL=/usr/sbin/nologin", "make", "-C", str(clone.path), "--old-file=setup", "page"]
    outer = tmp_path / "outer"
    git("init", "--quiet", str(outer))
    (outer / ".dvc").mkdir()
    (outer / ".dvc/config").write_text("[core]\n    analytics = false\n    check_update = false\n")
    (outer / "dvc.yaml").write_text(f"stages: {{inner: {{cmd: {' '.join(NAMELESS * can_be_nameless() + command)}}}}}\n")
    dvc = [sys.executable, "-m", "dvc", "repro"]
    done = subprocess.run(dvc, cwd=outer, env=os.environ | {"SHELL": "/bin/sh"}, capture_output=True, text=True)
    assert done.returncode == 0 and "-> reports/index.html" in done.stdout, done.stdout + done.stderr


def test_a_directory_that_is_a_link_is_refused_before_any_work(clone, raw, tmp_path):
    clone.use_raw(raw)
    (clone.path / "data").rename(tmp_path / "bigger")
    (clone.path / "data").symlink_to(tmp_path / "bigger")
    done = clone.run(".venv/bin/dvc", "repro", "download")
    assert done.returncode != 0 and not (clone.path / "data/raw").exists()
    assert "error: data: a link, and DVC records nothing behind one" in done.stderr, done.stderr


@pytest.mark.parametrize("directory", ["models", "reports"])
def test_no_directory_that_stages_write_to_may_be_a_link(tmp_path, monkeypatch, directory):
    monkeypatch.chdir(tmp_path)
    paths.refuse_links()
    Path(directory).symlink_to(tmp_path)
    with pytest.raises(UserError, match=f"^{directory}: a link, and DVC records nothing behind one"):
        paths.refuse_links()


def test_files_can_lie_on_a_bigger_disk(ran, tmp_path):
    clone = ran.copy(tmp_path / "clone")
    shutil.move(clone.path / ".dvc/cache", tmp_path / "bigger")
    clone.dvc("cache", "dir", "--local", str(tmp_path / "bigger"))
    clone.dvc("config", "--local", "cache.type", "symlink")
    clone.dvc("checkout", "--relink")
    assert "Running stage" not in clone.dvc("repro", "prepare")
    table = clone.path / "data/prepared/train.npz"
    first, kept = table.read_bytes(), table.resolve()
    assert kept.is_relative_to(tmp_path / "bigger")
    assert (clone.path / "data/raw/t10k-labels-idx1-ubyte").resolve().is_relative_to(tmp_path / "bigger")
    clone.edit("validation_fraction: 0.1", "validation_fraction: 0.2")
    clone.dvc("repro", "prepare")
    assert table.resolve() != kept and table.resolve().is_relative_to(tmp_path / "bigger")
    assert table.read_bytes() != first and kept.read_bytes() == first


def test_after_an_edit_of_a_docstring_offline_the_data_comes_from_dvcs_cache(ran, raw, tmp_path):
    """Whatever DVC_ROOT says, as in a stage of another pipeline."""
    clone = ran.copy(tmp_path / "clone")
    for source in (f"file:{raw}", "http://fashion-mnist", "https://storage", "apt:"):
        clone.edit(f"    - {source}", f"    - {NOWHERE} # {source}")
    clone.edit('"""Get the four files', '"""Fetch the four files', "src/download.py")
    done = clone.run(".venv/bin/dvc", "repro", "download", DVC_ROOT=str(tmp_path))
    assert done.returncode == 0 and "Running stage 'download'" in done.stdout, done.stdout + done.stderr
    assert "4 files, verified, from DVC's cache" in done.stdout
    # Or, as docs/environments.md says, not even that.
    clone.edit('"""Fetch the four files', '"""Bring the four files', "src/download.py")
    clone.dvc("commit", "--force", "download")
    assert "Running stage" not in clone.dvc("repro", "download")


def test_a_shallow_clone_gets_the_results_of_the_baseline_with_its_history(tmp_path):
    wanted = ["log", "--format=%h", "--grep=^Results of recipes/baseline.yaml", "-1"]
    if not (baseline := git("-C", str(ROOT), *wanted).strip()):
        pytest.skip("the history here does not have the results of the baseline")
    clone = str(tmp_path / "clone")
    git("clone", "--quiet", "--depth=1", ROOT.as_uri(), clone)
    assert git("-C", clone, *wanted) == ""
    git("-C", clone, "fetch", "--quiet", "--unshallow")
    assert git("-C", clone, *wanted).strip() == baseline
    diff = [sys.executable, "-m", "dvc", "metrics", "diff", baseline]
    assert "test.accuracy" in subprocess.run(diff, cwd=clone, check=True, capture_output=True, text=True).stdout


PYTHONS = {
    "only Python 3.14": "sys.version_info = (3, 14, 0, 'final', 0)",
    "no ensurepip": "sys.modules['ensurepip'] = None",
}


def set_up(clone: Clone, programs: Path, name: str, **others: str) -> subprocess.CompletedProcess:
    """Run `make setup` where Python is one of PYTHONS, and nothing is to be installed; `others` are scripts by name."""
    programs.mkdir()
    python = f"""exec {sys.executable} -c "import sys; {PYTHONS[name]}; exec(sys.argv[1])" "$2" """
    for program, script in {"python3": python, **others}.items():
        (programs / program).write_text(f"#!/bin/sh\n{script}\n")
        (programs / program).chmod(0o755)
    (clone.path / ".venv").unlink()
    (clone.path / "requirements.lock").write_text("")
    elsewhere = [part for part in os.environ["PATH"].split(os.pathsep) if not (Path(part) / "uv").exists()]
    return make(clone.path, "setup", PATH=os.pathsep.join([str(programs), *elsewhere]))


@pytest.mark.parametrize("name", PYTHONS)
def test_a_python_that_will_not_do(clone, tmp_path, name):
    done = set_up(clone, tmp_path / "bin", name)
    assert done.returncode == 2 and "error: python3 is not Python 3.10 to 3.13 with ensurepip" in done.stderr, done.stderr
    assert "make PYTHON=python3.12" in done.stderr and "pip install uv" in done.stderr and not (clone.path / ".venv").exists()


def test_where_no_python_will_do_uv_makes_the_environment(clone, tmp_path):
    """Here a program that is called alike."""
    uv = f"""echo "$@" > {tmp_path}/words; exec {sys.executable} -m venv .venv"""
    done = set_up(clone, tmp_path / "bin", "no ensurepip", uv=uv)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "words").read_text() == "venv --quiet --clear --seed --python >=3.10,<3.14 .venv\n"
    assert (clone.path / ".venv/requirements.lock").read_text() == ""
