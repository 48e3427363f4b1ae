"""Measure how long src/scale_out.py takes for some members on one and on two workers, fit a model to it, and extrapolate.

A worker is one processor of this machine and one thread, and runs one training at a time; the DVC remote is a directory. Everything
is run in turn, several times. -> benchmarks/scale_out.md
"""

import argparse
import os
import re
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from benchmark import Clone, execute

import verify
from fashion.errors import one_line_errors
from fashion.files import atomic_write
from fashion.options import at_least

HERE = Path("benchmarks")
RECIPE = "recipes/fast.yaml"
MEASURED = ((2, 1), (4, 1), (2, 2), (4, 2))
EXTRAPOLATED = ((8, 4), (100, 10), (100, 100), (1000, 10), (1000, 100), (1000, 1000))
ONE_PROCESSOR = ["taskset", "--cpu-list", "0"]


def prepare(clone: Clone, members: int) -> None:
    """Set the clone back to where no member is trained."""
    lines = "\n".join(f"  member_{number}: {{seed: {number}}}" for number in range(members))
    clone.edit((r"  first: \{seed: \d+\}", lines))
    for name in ("models", ".dvc/cache/runs", "reports/history", "remote"):
        shutil.rmtree(clone.path / name, ignore_errors=True)
    (clone.path / "remote").mkdir()
    verify.git("checkout", "--quiet", "dvc.lock", directory=clone.path)
    clone.repro("prepare")


def measure(clone: Clone, members: int, workers: int) -> tuple[float, float]:
    """Return the seconds of src/scale_out.py, from no member trained to all, and those in which it took the results over.

    Args:
        clone: where the data is prepared.
        members: how many.
        workers: 1 or 2 processors; 0 for a plain `dvc repro` on one.
    """
    prepare(clone, members)
    python = str(clone.path / ".venv/bin/python")
    command = {
        0: [*ONE_PROCESSOR, str(clone.path / ".venv/bin/dvc"), "repro", "train"],
        1: [*ONE_PROCESSOR, python, "src/scale_out.py", "train"],
        2: [python, "src/scale_out.py", "--threads", "1", "train"],
    }[workers]
    printed, seconds, *_ = execute(command, clone.path)
    return seconds, sum(float(found) for found in re.findall(r"took over the results of \d+ stages in ([\d.]+) s", printed))


def fit(rounds: dict[tuple[int, int], list[tuple[float, float]]]) -> np.ndarray:
    """Fit start + work * members / workers + bookkeeping * members to the medians.

    Bookkeeping is measured, as what taking over one more member costs; the other two follow by least squares.

    Args:
        rounds: what `measure` gave, by members and workers.

    Returns:
        float64, shape (3,): start, work, bookkeeping.
    """
    sizes = np.array(list(rounds), float)
    totals, taken = (np.array([statistics.median(run[part] for run in runs) for runs in rounds.values()]) for part in (0, 1))
    bookkeeping = max(0.0, float(np.polyfit(sizes[:, 0], taken, 1)[0]))
    work, start = np.polyfit(sizes[:, 0] / sizes[:, 1], totals - bookkeeping * sizes[:, 0], 1)
    return np.array([start, work, bookkeeping])


def table(serial: list[float], rounds: dict[tuple[int, int], list[tuple[float, float]]], megabytes: float) -> list[str]:
    """Put the results into words and tables, Markdown.

    Args:
        serial: seconds of plain `dvc repro`, by round.
        rounds: what `measure` gave, by members and workers.
        megabytes: what a worker fetches for one member.
    """
    start, work, bookkeeping = parts = fit(rounds)
    base = statistics.median(serial)

    def predict(members: int, workers: int) -> float:
        return float(parts @ (1, -(-members // workers), members))

    lines = [
        "| members | workers | s | ratio | the model's s |",
        "| --- | --- | --- | --- | --- |",
        f"| 4 | plain `dvc repro` | {base:.0f} ({min(serial):.0f} to {max(serial):.0f}) | 1 | |",
    ]
    for (members, workers), runs in rounds.items():
        values = [seconds for seconds, _ in runs]
        median = statistics.median(values)
        lines.append(
            f"| {members} | {workers} | {median:.0f} ({min(values):.0f} to {max(values):.0f}) "
            f"| {f'{median / base:.2f}' if members == 4 else ''} | {predict(members, workers):.0f} |"
        )
    lines += [
        "",
        "## A model, not a measurement",
        "",
        f"Fitted to the medians: {start:.1f} s once (Ray, DVC, the copy of the tree) and {work:.1f} s of work a member, divided among the",
        f"workers. Measured: {bookkeeping:.2f} s of bookkeeping a member, by the one process that takes the results over; so more than",
        f"about {work / max(bookkeeping, 0.01):.0f} workers wait for it. What this says of more, as long as the remote keeps up:",
        "",
        "| members | workers | model | speed-up over one worker | the remote has to deliver |",
        "| --- | --- | --- | --- | --- |",
    ]
    for members, workers in EXTRAPOLATED:
        seconds = predict(members, workers)
        lines.append(
            f"| {members:,} | {workers:,} | {seconds / 60:,.1f} min | {predict(members, 1) / seconds:.1f} "
            f"| {members * megabytes / 1000:,.1f} GB, {members * megabytes / seconds:,.0f} MB/s |"
        )
    return lines


def main(count: int) -> None:
    """Measure, and write the table.

    Raises:
        UserError: a program failed, or the tree has changes that no clone would have.
    """
    commit = verify.clean_commit()
    os.chdir(ROOT)
    serial: list[float] = []
    rounds: dict[tuple[int, int], list[tuple[float, float]]] = {size: [] for size in MEASURED}
    with tempfile.TemporaryDirectory() as directory:
        clone = Clone(Path(directory) / "clone", RECIPE)
        execute(
            [str(clone.path / ".venv/bin/dvc"), "remote", "add", "--default", "here", str(clone.path / "remote")], clone.path
        )
        for number in range(count):
            serial.append(measure(clone, 4, 0)[0])
            print(f"round {number + 1}/{count}, dvc repro: {serial[-1]:.1f} s", flush=True)
            for size, runs in rounds.items():
                runs.append(measure(clone, *size))
                print(f"round {number + 1}/{count}, members {size[0]}, workers {size[1]}: {runs[-1][0]:.1f} s", flush=True)
        megabytes = sum((clone.path / f"data/prepared/{name}.npz").stat().st_size for name in ("train", "validation")) / 1e6
    page = [
        "# Members on workers",
        "",
        f"`python benchmarks/scale_out.py`, commit {commit}: `src/scale_out.py train` for the members of `{RECIPE}`, from prepared",
        "data to all of them trained, and the results taken over. A worker is one processor of this machine and one thread, the DVC",
        f"remote a directory. Median of {count} rounds (lowest to highest), all in turn; the ratio is to plain `dvc repro` of four",
        "members on one processor.",
        "",
        *table(serial, rounds, megabytes),
        "",
        "## The machine",
        "",
        *(f"- {name}: {value}" for name, value in verify.describe_machine().items()),
        "",
    ]
    with atomic_write(HERE / "scale_out.md") as file:
        file.write("\n".join(page).encode())
    print(f"-> {HERE / 'scale_out.md'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=at_least(1), default=3, help="how often each is run (default 3)")
    with one_line_errors():
        main(parser.parse_args().rounds)
