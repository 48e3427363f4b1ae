"""DVC in the project's top directory, through its command line alone."""

import os
import subprocess
import sys
from pathlib import Path

from fashion.pipeline.errors import UserError

BINARIES = Path(sys.prefix) / "bin"
PROGRAM = str(BINARIES / "dvc")


def environment(binaries: Path = BINARIES) -> dict[str, str]:
    """Return the variables for DVC: a stage finds the Python in `binaries` first, and no other project's DVC is in charge."""
    inherited = {name: value for name, value in os.environ.items() if name != "DVC_ROOT"}
    return inherited | {"PATH": os.pathsep.join([str(binaries), inherited.get("PATH", os.defpath)])}


def run(*words: str) -> None:
    """Run a command of DVC, which says what it does.

    Raises:
        UserError: it failed, and said why.
    """
    if subprocess.run([PROGRAM, *words], env=environment()).returncode:
        raise UserError(f"`dvc {' '.join(words[:2])}` failed; the reason is above")


def ask(*words: str) -> str:
    """Return what a command of DVC prints.

    Raises:
        UserError: it failed.
    """
    done = subprocess.run([PROGRAM, *words], env=environment(), capture_output=True, text=True)
    if done.returncode:
        errors = [line.removeprefix("ERROR: ") for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
        raise UserError(" ".join(errors or done.stderr.split()))
    return done.stdout
