"""Is the last commit reproduced? Its pipeline runs again from nothing, and its results are compared."""

import json
import subprocess
from pathlib import Path

from fashion import paths
from fashion.clones import git, make_clone, repro_command
from fashion.pipeline.errors import UserError
from fashion.pipeline.files import sha256

# How far an accuracy may be from the committed one on another machine: 0.01 is one point in a hundred.
TOLERANCE = 0.01

Machine = dict[str, object]
Scores = dict[str, float]


def reproduce(directory: Path) -> tuple[list[str], Scores]:
    """Run the pipeline of the last commit from nothing, in a clone that is made in `directory`.

    Returns:
        The committed files that came out otherwise, and the accuracies. dvc.lock is one of the files: it holds the hashes of
        the data and the models, which are not in git.

    Raises:
        UserError: the pipeline failed.
    """
    clone = make_clone(directory)
    if subprocess.run(**repro_command(clone, "--force")).returncode:
        raise UserError("the pipeline of the last commit does not run through; see above")
    different = git("diff", "--name-only", "--relative", directory=clone).split()
    return different, accuracies((clone / paths.METRICS).read_text())


def read_committed(path: Path) -> str:
    """Return the text of a file of the project as it is in the last commit.

    Raises:
        UserError: it is not there.
    """
    return git("show", f"HEAD:./{path}")


def accuracies(text: str) -> Scores:
    """Return the accuracy on train, validation and test from the text of a metrics file."""
    scores = json.loads(text)
    return {name: scores[name]["accuracy"] for name in ("train", "validation", "test")}


def recorded_machine() -> Machine | None:
    """Return the machine that reproduced the committed results to the byte, or None if that was not recorded for them."""
    try:
        record = json.loads(read_committed(paths.MACHINE))
        return record["machine"] if record["dvc.lock"] == sha256(paths.LOCK) else None
    except (UserError, ValueError, KeyError, TypeError):  # missing or damaged
        return None


def judge(here: Scores, committed: Scores, machine: Machine, recorded: Machine | None) -> list[str]:
    """Decide whether results that are not identical are acceptable.

    Args:
        here: the accuracies on train, validation and test that were reproduced.
        committed: those that are committed.
        machine: this machine.
        recorded: the machine that the committed results are from, or None if that is not known.

    Returns:
        What differs, a line each.

    Raises:
        UserError: it is the same machine, or which it was is not known, or an accuracy is beyond the tolerance.
    """
    if recorded is None:
        raise UserError(
            f"{paths.MACHINE} is not of this commit, so nothing says that another machine may explain the difference: "
            "run `make verify` on the machine that made the results, and commit what it records"
        )
    if recorded == machine:
        raise UserError(f"this machine is the one of {paths.MACHINE}, so the commit is not reproducible")
    for name, value in committed.items():
        if abs(here[name] - value) > TOLERANCE:
            raise UserError(f"{name} accuracy is {here[name]:.4f}: more than {TOLERANCE} from the committed {value:.4f}")
    return [
        *(
            f"{name}: {machine[name]} here, {recorded.get(name)} there"
            for name in machine
            if machine[name] != recorded.get(name)
        ),
        *(f"{name} accuracy: {here[name]:.4f} here, {value:.4f} committed" for name, value in committed.items()),
    ]
