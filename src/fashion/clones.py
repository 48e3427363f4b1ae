"""Fresh clones of the last commit, and the pipeline in them."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from fashion import dvc, paths
from fashion.pipeline.errors import UserError


def git(*words: str, directory: Path = Path()) -> str:
    """Run git and return what it printed.

    Raises:
        UserError: it failed.
    """
    done = subprocess.run(["git", "-C", str(directory), *words], capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"git {words[0]}: {done.stderr.strip()}")
    return done.stdout


def folder() -> Path:
    """Return the project's directory, relative to the top of its git repository, of which it may be a folder.

    Raises:
        UserError: this is no git repository.
    """
    return Path(git("rev-parse", "--show-prefix").strip())


def clean_commit() -> str:
    """Return the short name of the last commit, once nothing of the project differs from it.

    Raises:
        UserError: there are uncommitted changes, or git failed.
    """
    commit = git("rev-parse", "--short", "HEAD").strip()
    if git("status", "--porcelain", "--untracked-files=no", "."):
        raise UserError(
            f"uncommitted changes: only a commit (HEAD is {commit}) can be reproduced or measured; commit or stash them"
        )
    return commit


def make_clone(path: Path) -> Path:
    """Clone the last commit of the project's repository, to be run with the packages of this environment.

    Returns:
        The project's directory in the clone.

    Raises:
        UserError: git failed.
    """
    git("clone", "--quiet", "--no-hardlinks", git("rev-parse", "--show-toplevel").rstrip("\n"), str(path))
    project = path / folder()
    (project / ".venv").symlink_to(sys.prefix)
    for record in (project / paths.WEIGHTS).glob("*.dvc"):  # what no stage makes; DVC compares it with its record
        if (paths.WEIGHTS / record.stem).exists():
            shutil.copy(paths.WEIGHTS / record.stem, project / paths.WEIGHTS)
    return project


def clone_environment(clone: Path) -> dict[str, str]:
    """Return the variables with which programs run in a clone: they find its own Python first."""
    return dvc.environment(clone.resolve() / ".venv/bin")


def repro_command(clone: Path, *words: str) -> dict[str, Any]:
    """Return the arguments for `subprocess` that run `dvc repro` in a clone, and its stages with the clone's own Python."""
    environment = clone_environment(clone)
    return {"args": [clone.resolve() / ".venv/bin/dvc", "repro", *words], "cwd": clone, "env": environment}


def start_repro(clone: Path) -> subprocess.Popen[str]:
    """Start `dvc repro` in a clone, as the leader of a new process group; what it prints can be read line by line."""
    command = repro_command(clone)
    command["env"]["PYTHONUNBUFFERED"] = "1"
    return subprocess.Popen(**command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)


def finish_repro(clone: Path) -> str:
    """Run `dvc repro` in a clone to its end and return what it printed.

    Raises:
        UserError: it failed.
    """
    process = start_repro(clone)
    printed, _ = process.communicate()
    if process.returncode:
        raise UserError(f"dvc repro failed:\n{printed}")
    return printed


def outputs(clone: Path) -> dict[str, bytes]:
    """Return every output of a clone's pipeline, by its path: data, models, reports and the lock."""
    files = [path for folder in ("data", paths.MODELS, paths.REPORTS) for path in (clone / folder).rglob("*")]
    return {str(path.relative_to(clone)): path.read_bytes() for path in [clone / paths.LOCK, *files] if path.is_file()}
