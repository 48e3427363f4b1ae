"""The pipeline, killed at random moments."""

import json
import os
import random
import re
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from fashion import paths
from fashion.clones import finish_repro, outputs, start_repro


class Killed(NamedTuple):
    """What became of a run that was killed, and of the run after it.

    Attributes:
        seconds: how long it ran.
        stage: the one that it was in, or "start-up".
        resumed_epoch: the finished epoch after which the next run resumed the training; 0 if it did not.
        lock_removed: whether DVC's lock had to be removed first, as `remove_cut_off_lock` does.
        same: whether the outputs have the bytes of an undisturbed run in the end.
    """

    seconds: float
    stage: str
    resumed_epoch: int
    lock_removed: bool
    same: bool


def remove_cut_off_lock(clone: Path) -> bool:
    """Remove DVC's list of who reads and writes what, if a kill cut it off, and return whether it did.

    DVC writes the file in place, and of one that is cut off it says that its "JSON structure is corrupted".
    """
    lock = clone / ".dvc/tmp/rwlock"
    try:
        json.loads(lock.read_bytes())
    except FileNotFoundError:
        return False
    except json.JSONDecodeError:
        lock.unlink()
        return True
    return False


def kill_and_run_again(clone: Path, seconds: float, expected: dict[str, bytes]) -> Killed:
    """Start `dvc repro` in a clone, kill it and all it started after some seconds, and run it again.

    Args:
        clone: where nothing has run.
        seconds: fewer than the run takes.
        expected: the outputs of an undisturbed run.

    Raises:
        UserError: the second run failed.
    """
    process = start_repro(clone)
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGKILL)
    before, _ = process.communicate()
    lock_removed = remove_cut_off_lock(clone)
    after = finish_repro(clone)
    stage = (re.findall(r"Running stage '(.*)'", before) or ["start-up"])[-1]
    resumed = re.search(r"resuming after epoch (\d+)", after)
    return Killed(seconds, stage, int(resumed[1]) if resumed else 0, lock_removed, outputs(clone) == expected)


def drill(kills: int, seed: int, make_clone: Callable[[Path], Path]) -> Iterator[Killed]:
    """Kill runs of the pipeline at random moments, each in a clone of its own, and compare what they end with.

    Args:
        kills: how often. There is one in each of as many equal periods of the run, so that a few cover all of it.
        seed: which moments.
        make_clone: makes a clone in a directory, and returns the project's directory in it.

    Raises:
        UserError: a run failed that was not killed.
    """

    def make_bare(path: Path) -> Path:
        clone = make_clone(path)
        # Every stage has to run: DVC would spare those whose outputs are in git already.
        shutil.rmtree(clone / paths.FIGURES)
        (clone / paths.METRICS).unlink()
        return clone

    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as directory:
        undisturbed = make_bare(Path(directory) / "undisturbed")
        started = time.monotonic()
        finish_repro(undisturbed)
        seconds, expected = time.monotonic() - started, outputs(undisturbed)
        print(f"undisturbed run: {seconds:.0f} s, {len(expected)} files", flush=True)
        for number in range(kills):
            moment = rng.uniform(number, number + 1) / kills * seconds
            yield kill_and_run_again(make_bare(Path(directory) / f"killed-{number}"), moment, expected)
