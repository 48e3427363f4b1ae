"""Reproduce the last commit from scratch in a temporary clone, and compare every byte with what is committed.

On the machine that recorded the results (reports/machine.json) a single other byte is an error. On another one arithmetic
may round differently: there, what differs is listed, and the accuracies have to be within the tolerance.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from fashion.errors import UserError, one_line_errors
from fashion.files import atomic_write, sha256

ROOT = Path(__file__).resolve().parents[1]
MACHINE = "reports/machine.json"
METRICS = "reports/metrics.json"
# How far an accuracy may be from the committed one on another machine: 0.01 is one point in a hundred.
TOLERANCE = 0.01
# Instructions that decide which kernels compute the sums of products, and so in which order and precision.
CPU_FEATURES = {"avx", "avx2", "fma", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16"}
LIBRARIES = ("tensorflow", "keras", "numpy", "matplotlib", "dvc")


def describe_machine() -> dict[str, object]:
    """Return what the bits of a result may depend on besides code, data and parameters."""
    cpu, flags = platform.processor(), set()
    if Path("/proc/cpuinfo").exists():
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            name, _, value = (part.strip() for part in line.partition(":"))
            cpu = value if name == "model name" else cpu
            flags |= set(value.split()) if name == "flags" else set()
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "cpu": cpu,
        "cpu_features": sorted(flags & CPU_FEATURES),
        "threads": threads,
        "precision": "float32",
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


def reproduce(clone: Path) -> list[str]:
    """Clone the last commit, run its pipeline from nothing, and return the committed files that came out otherwise.

    dvc.lock is one of them: it holds the hashes of the data and the models, which are not in git.

    Raises:
        UserError: the pipeline failed.
    """
    git("clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone))
    (clone / ".venv").symlink_to(sys.prefix)
    environment = {key: value for key, value in os.environ.items() if key != "DVC_ROOT"}
    if subprocess.run([clone / ".venv/bin/dvc", "repro"], cwd=clone, env=environment).returncode:
        raise UserError("the pipeline of the last commit does not run through; see above")
    return git("diff", "--name-only", directory=clone).split()


def accuracies(text: str) -> dict[str, float]:
    """Return the accuracy on train, validation and test from the text of a metrics file."""
    return {name: values["accuracy"] for name, values in json.loads(text).items()}


def recorded_machine() -> dict[str, object] | None:
    """Return the machine that reproduced the committed results to the byte, or None if that was not recorded for them."""
    try:
        record = json.loads(git("show", f"HEAD:{MACHINE}"))
    except UserError:
        return None
    return record["machine"] if record["dvc.lock"] == sha256(ROOT / "dvc.lock") else None


def main() -> None:
    """Reproduce and compare.

    Raises:
        UserError: the results are not reproduced.
    """
    commit = git("rev-parse", "--short", "HEAD").strip()
    if git("status", "--porcelain", "--untracked-files=no"):
        raise UserError(f"uncommitted changes: only a commit (HEAD is {commit}) can be reproduced; commit or stash them")
    print(f"Reproducing commit {commit} from scratch", flush=True)
    machine = describe_machine()
    with tempfile.TemporaryDirectory() as directory:
        clone = Path(directory) / "clone"
        different = reproduce(clone)
        here = accuracies((clone / METRICS).read_text())
    if not different:
        print(f"Identical: dvc.lock, with the hashes of data and models, and every file in reports/ of commit {commit}.")
        if recorded_machine() is None:
            record = {"dvc.lock": sha256(ROOT / "dvc.lock"), "machine": machine}
            with atomic_write(ROOT / MACHINE) as file:
                file.write((json.dumps(record, indent=2) + "\n").encode())
            print(f"This machine is recorded as the one that did so -> {MACHINE}")
        return

    recorded = recorded_machine()
    print("Not identical: " + ", ".join(different))
    if recorded == machine:
        raise UserError(f"this machine is the one of {MACHINE}, so commit {commit} is not reproducible")
    for name in machine:
        there = recorded[name] if recorded else "not recorded"
        if machine[name] != there:
            print(f"  {name}: {machine[name]} here, {there} there")
    committed = accuracies(git("show", f"HEAD:{METRICS}"))
    for name, value in committed.items():
        print(f"  {name} accuracy: {here[name]:.4f} here, {value:.4f} committed")
    if any(abs(here[name] - value) > TOLERANCE for name, value in committed.items()):
        raise UserError(f"an accuracy is more than {TOLERANCE} from the committed one")
    print(f"Another machine: every accuracy is within {TOLERANCE} of the committed one.")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with one_line_errors():
        main()
