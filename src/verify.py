"""Reproduce the last commit from scratch in a temporary clone, and compare every byte with what is committed.

On the machine that recorded the results (reports/machine.json) a single other byte is an error. On another one arithmetic
may round differently: there, what differs is listed, and the accuracies have to be within the tolerance.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from fashion.errors import UserError, one_line_errors
from fashion.files import sha256, write_json
from fashion.precision import CPUINFO, choose, cpu_features

ROOT = Path(__file__).resolve().parents[1]
MACHINE = "reports/machine.json"
METRICS = "reports/metrics.json"
# How far an accuracy may be from the committed one on another machine: 0.01 is one point in a hundred.
TOLERANCE = 0.01
# What tells one processor from another in CPUINFO, on x86 and on Arm. The model name alone may be masked.
CPU_IDENTITY = ("model name", "cpu family", "model", "stepping", "cache size", "CPU implementer", "CPU part")
# Variables that change what computes, and how, and with that the bits.
SETTINGS = ("KERAS_BACKEND", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "TF_ENABLE_ONEDNN_OPTS", "ONEDNN_MAX_CPU_ISA")
LIBRARIES = ("tensorflow", "keras", "numpy", "matplotlib", "dvc")

Machine = dict[str, object]
Scores = dict[str, float]


def available_processors() -> int:
    """Return how many processors this process may use, which is how many threads TensorFlow takes."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def describe_machine() -> Machine:
    """Return what the bits of a result may depend on besides code, data and parameters."""
    cpu = {}
    if CPUINFO.exists():
        for line in CPUINFO.read_text().splitlines():
            name, _, value = (part.strip() for part in line.partition(":"))
            if name in CPU_IDENTITY:
                cpu[name] = value
    elif shutil.which("sysctl"):
        sysctl = ["sysctl", "-n", "machdep.cpu.brand_string"]
        cpu["model name"] = subprocess.run(sysctl, capture_output=True, text=True).stdout.strip()
    return {
        "cpu": ", ".join(f"{name}: {value}" for name, value in cpu.items()),
        "cpu_features": sorted(cpu_features()),
        "precision_auto": choose("auto"),
        "threads": available_processors(),
        "settings": " ".join(f"{name}={os.environ[name]}" for name in SETTINGS if name in os.environ) or "none",
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }


def git(*words: str, directory: Path = ROOT) -> str:
    """Run git and return what it printed.

    Raises:
        UserError: it failed.
    """
    done = subprocess.run(["git", "-C", str(directory), *words], capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"git {words[0]}: {done.stderr.strip()}")
    return done.stdout


def clean_commit() -> str:
    """Return the short name of the last commit, once nothing differs from it.

    Raises:
        UserError: there are uncommitted changes, or git failed.
    """
    commit = git("rev-parse", "--short", "HEAD").strip()
    if git("status", "--porcelain", "--untracked-files=no"):
        raise UserError(
            f"uncommitted changes: only a commit (HEAD is {commit}) can be reproduced or measured; commit or stash them"
        )
    return commit


def make_clone(path: Path) -> None:
    """Clone the last commit, to be run with the packages of this environment.

    Raises:
        UserError: git failed.
    """
    git("clone", "--quiet", "--no-hardlinks", str(ROOT), str(path))
    (path / ".venv").symlink_to(sys.prefix)
    for record in (path / "weights").glob("*.dvc"):  # what no stage makes; DVC compares it with its record
        if (ROOT / "weights" / record.stem).exists():
            shutil.copy(ROOT / "weights" / record.stem, path / "weights")


def repro_command(clone: Path) -> dict[str, Any]:
    """Return the arguments for `subprocess` that run a clone's whole pipeline, whatever a cache of DVC's may hold."""
    environment = {name: value for name, value in os.environ.items() if name != "DVC_ROOT"}
    return {"args": [clone / ".venv/bin/dvc", "repro", "--force"], "cwd": clone, "env": environment}


def reproduce(clone: Path) -> list[str]:
    """Run the pipeline of the last commit from nothing, in `clone`, and return the committed files that came out otherwise.

    dvc.lock is one of them: it holds the hashes of the data and the models, which are not in git.

    Raises:
        UserError: the pipeline failed.
    """
    make_clone(clone)
    if subprocess.run(**repro_command(clone)).returncode:
        raise UserError("the pipeline of the last commit does not run through; see above")
    return git("diff", "--name-only", directory=clone).split()


def accuracies(text: str) -> Scores:
    """Return the accuracy on train, validation and test from the text of a metrics file."""
    scores = json.loads(text)
    return {name: scores[name]["accuracy"] for name in ("train", "validation", "test")}


def recorded_machine() -> Machine | None:
    """Return the machine that reproduced the committed results to the byte, or None if that was not recorded for them."""
    try:
        record = json.loads(git("show", f"HEAD:{MACHINE}"))
        return record["machine"] if record["dvc.lock"] == sha256(ROOT / "dvc.lock") else None
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
            f"{MACHINE} is not of this commit, so nothing says that another machine may explain the difference: run `make verify` "
            "on the machine that made the results, and commit what it records"
        )
    if recorded == machine:
        raise UserError(f"this machine is the one of {MACHINE}, so the commit is not reproducible")
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


def main() -> None:
    """Reproduce and compare.

    Raises:
        UserError: the results are not reproduced.
    """
    commit = clean_commit()
    print(f"Reproducing commit {commit} from scratch", flush=True)
    machine, recorded = describe_machine(), recorded_machine()
    with tempfile.TemporaryDirectory() as directory:
        clone = Path(directory) / "clone"
        different = reproduce(clone)
        here = accuracies((clone / METRICS).read_text())
    if different:
        print("Not identical: " + ", ".join(different))
        for line in judge(here, accuracies(git("show", f"HEAD:{METRICS}")), machine, recorded):
            print(f"  {line}")
        print(f"Another machine: every accuracy is within {TOLERANCE} of the committed one.")
        return
    print(
        f"Identical: dvc.lock, with the hashes of data and models, and every file that the pipeline writes, of commit {commit}."
    )
    if recorded is None:
        record = {"dvc.lock": sha256(ROOT / "dvc.lock"), "machine": machine}
        write_json(ROOT / MACHINE, record)
        print(f"This machine is recorded as the one that did so -> {MACHINE}")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with one_line_errors():
        main()
