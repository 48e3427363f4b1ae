"""Kill `dvc repro` at random moments, run it again, and compare every byte with an undisturbed run.

Each time: a fresh clone of the last commit, `dvc repro` in a process group of its own, `kill -9` of the whole group after a
random part of the time that the undisturbed run took, and a second `dvc repro`. The pipeline is the real one, with fewer
images so that twenty kills take minutes.
"""

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SMALLER = {"  images: 60000 ": "  images: 6000 "}


def clone_project(path: Path, raw: str | None) -> None:
    """Clone the last commit, with fewer images, and with the raw data from a local directory if one is given."""
    subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(path)], check=True)
    (path / ".venv").symlink_to(sys.prefix)
    text = (path / "params.yaml").read_text()
    changes = SMALLER | ({"  sources: ": f"  sources: [file:{raw}] #"} if raw else {})
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    if raw:
        text = re.sub(r"(?m)^    - .*\n", "", text)
    (path / "params.yaml").write_text(text)


def start(clone: Path) -> subprocess.Popen:
    """Start `dvc repro` as the leader of a new process group."""
    environment = {key: value for key, value in os.environ.items() if key != "DVC_ROOT"} | {"PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        [clone / ".venv/bin/dvc", "repro"],
        cwd=clone,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def results(clone: Path) -> dict[str, bytes]:
    """Return every output of the pipeline that counts, by its path."""
    paths = [clone / "dvc.lock", *(clone / "models").rglob("*"), *(clone / "data").rglob("*"), *(clone / "reports").rglob("*")]
    return {str(path.relative_to(clone)): path.read_bytes() for path in paths if path.is_file()}


def drill(kills: int, seed: int, raw: str | None) -> int:
    """Kill `kills` times, print a line for each, and return how many ended with the bytes of the undisturbed run."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as directory:
        reference = Path(directory) / "reference"
        clone_project(reference, raw)
        started = time.monotonic()
        printed, _ = start(reference).communicate()
        seconds = time.monotonic() - started
        assert (reference / "reports/figures/predictions.png").exists(), printed
        expected = results(reference)
        print(f"undisturbed run: {seconds:.0f} s, {len(expected)} files", flush=True)
        good = 0
        for number in range(1, kills + 1):
            clone = Path(directory) / f"clone-{number}"
            clone_project(clone, raw)
            moment = rng.uniform(0, seconds)
            process = start(clone)
            time.sleep(moment)
            os.killpg(process.pid, signal.SIGKILL)
            before, _ = process.communicate()
            after, _ = start(clone).communicate()
            same = results(clone) == expected
            good += same
            stage = (re.findall(r"Running stage '(.*)'", before) or ["start-up"])[-1]
            epochs = len(re.findall(r"^epoch", before, flags=re.MULTILINE))
            resumed = re.search(r"going on after epoch (\d+)", after)
            print(
                f"kill {number:2}/{kills} after {moment:5.1f} s in {stage}"
                + (f", {epochs} epochs printed" if stage.startswith("train") else "")
                + (f", went on after epoch {resumed[1]}" if resumed else "")
                + (": same bytes" if same else f": DIFFERENT\n{after}"),
                flush=True,
            )
    print(f"{good} of {kills} ended with the bytes of the undisturbed run")
    return good


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20, help="how often to kill (default 20)")
    parser.add_argument("--seed", type=int, default=0, help="determines the random moments (default 0)")
    parser.add_argument("--raw", help="a directory with the raw data, to spare the mirrors (default: download each time)")
    arguments = parser.parse_args()
    sys.exit(drill(arguments.kills, arguments.seed, arguments.raw) != arguments.kills)
