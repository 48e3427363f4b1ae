"""Kill `dvc repro` at random moments, run it again, and compare every byte with an undisturbed run.

Each time: a fresh clone of the last commit without its reports, `dvc repro` in a process group of its own, `kill -9` of the whole
group after a random part of the time that the undisturbed run took, and a second `dvc repro`. It takes about a minute a kill.
"""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

import verify
from fashion.errors import UserError, one_line_errors
from fashion.options import at_least


def start(clone: Path) -> subprocess.Popen:
    """Start `dvc repro` as the leader of a new process group."""
    command = verify.repro_command(clone)
    command["args"].remove("--force")
    command["env"]["PYTHONUNBUFFERED"] = "1"
    return subprocess.Popen(**command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)


def finish(clone: Path) -> str:
    """Run `dvc repro` to its end and return what it printed.

    Raises:
        UserError: it failed.
    """
    process = start(clone)
    printed, _ = process.communicate()
    if process.returncode:
        raise UserError(f"dvc repro failed:\n{printed}")
    return printed


def make_bare(make_clone: Callable[[Path], None], clone: Path) -> None:
    """Make a clone in which every stage has to run: DVC would spare those whose outputs are in git already."""
    make_clone(clone)
    shutil.rmtree(clone / "reports/figures")
    (clone / verify.METRICS).unlink()


def results(clone: Path) -> dict[str, bytes]:
    """Return every output of the pipeline, by its path: data, models, reports and the lock."""
    paths = [clone / "dvc.lock", *(path for folder in ("data", "models", "reports") for path in (clone / folder).rglob("*"))]
    return {str(path.relative_to(clone)): path.read_bytes() for path in paths if path.is_file()}


def drill(kills: int, seed: int, make_clone: Callable[[Path], None]) -> tuple[int, int]:
    """Kill `kills` times, and print a line for each.

    Returns:
        How many runs ended with the bytes of the undisturbed run, and how many trainings went on after a finished epoch.
    """
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as directory:
        reference = Path(directory) / "reference"
        make_bare(make_clone, reference)
        started = time.monotonic()
        finish(reference)
        seconds = time.monotonic() - started
        expected = results(reference)
        print(f"undisturbed run: {seconds:.0f} s, {len(expected)} files", flush=True)
        same = resumed = 0
        for number in range(1, kills + 1):
            clone = Path(directory) / f"clone-{number}"
            make_bare(make_clone, clone)
            # One moment in each part of the run, so that a few kills cover all of it.
            moment = rng.uniform(number - 1, number) / kills * seconds
            process = start(clone)
            time.sleep(moment)
            os.killpg(process.pid, signal.SIGKILL)
            before, _ = process.communicate()
            after = finish(clone)
            equal = results(clone) == expected
            same += equal
            stage = (re.findall(r"Running stage '(.*)'", before) or ["start-up"])[-1]
            went_on = re.search(r"going on after epoch \d+", after)
            resumed += bool(went_on)
            print(
                f"kill {number:2}/{kills} after {moment:5.1f} s in {stage:12}"
                f" {'same bytes' if equal else 'DIFFERENT'}{f', {went_on[0]}' if went_on else ''}",
                flush=True,
            )
    print(f"{same} of {kills} ended with the bytes of the undisturbed run; {resumed} trainings went on after a finished epoch")
    return same, resumed


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=at_least(1), default=20, help="how often to kill (default 20)")
    parser.add_argument("--seed", type=at_least(0), default=0, help="determines the random moments (default 0)")
    arguments = parser.parse_args()
    with one_line_errors():
        commit = verify.git("rev-parse", "--short", "HEAD").strip()
        print(f"commit {commit}, {arguments.kills} kills, seed {arguments.seed}", flush=True)
        same, _ = drill(arguments.kills, arguments.seed, verify.make_clone)
    sys.exit(same != arguments.kills)
