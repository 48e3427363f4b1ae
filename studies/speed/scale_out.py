"""Measure how long tools/scale_out.py takes for some members on one and on two workers, fit a model to it, and extrapolate.

A worker is one processor of this machine and one thread, and runs one training at a time; the DVC remote is a directory.
Everything is run in turn, several times. -> studies/speed/scale_out.md
"""

import argparse
import re
import shutil
import statistics
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fashion import paths
from fashion.clones import clean_commit, git
from fashion.options import at_least
from fashion.pipeline import tables
from fashion.pipeline.errors import one_line_errors
from fashion.pipeline.files import write_text
from fashion.pipeline.machine import describe_machine
from fashion.timing import Clone, list_machine, spread

RECIPE = paths.RECIPES / "fast.yaml"
PAGE = paths.SPEED_STUDY / "scale_out.md"
MEASURED = ((2, 1), (4, 1), (2, 2), (4, 2))
EXTRAPOLATED = ((8, 4), (100, 10), (100, 100), (1000, 10), (1000, 100), (1000, 1000))
ONE_PROCESSOR, TWO_PROCESSORS = (("taskset", "--cpu-list", numbers) for numbers in ("0", "0,1"))
SCALE_OUT = ("python", "tools/scale_out.py")


class Run(NamedTuple):
    """The seconds of a run, from no member trained to all, and those of them in which it took the results over."""

    total: float
    taking_over: float


# The runs of all rounds, by members and workers.
Runs = dict[tuple[int, int], list[Run]]


class Model(NamedTuple):
    """A model of the seconds that members take on workers: start + work * members / workers + bookkeeping * members."""

    start: float
    work: float
    bookkeeping: float

    def predict(self, members: int, workers: int) -> float:
        """Return the seconds; a worker trains one member after the other."""
        return self.start + self.work * -(-members // workers) + self.bookkeeping * members


def prepare(clone: Clone, members: int) -> None:
    """Set the clone back to where no member is trained."""
    names = ["model", *(f"member_{number}" for number in range(1, members))]
    clone.use({"ensemble": {name: {"seed": seed} for seed, name in enumerate(names)}})
    for name in (paths.MODELS, ".dvc/cache/runs", paths.HISTORY, "remote"):
        shutil.rmtree(clone.path / name, ignore_errors=True)
    (clone.path / "remote").mkdir()
    git("checkout", "--quiet", str(paths.LOCK), directory=clone.path)
    clone.repro("prepare")


def measure(clone: Clone, members: int, workers: int) -> Run:
    """Bring members up to date.

    Args:
        clone: where the data is prepared.
        members: how many.
        workers: 1 or 2 processors; 0 for a plain `dvc repro` on one.
    """
    prepare(clone, members)
    command = {
        0: [*ONE_PROCESSOR, "dvc", "repro", "train"],
        1: [*ONE_PROCESSOR, *SCALE_OUT, "train"],
        2: [*TWO_PROCESSORS, *SCALE_OUT, "--threads", "1", "train"],
    }[workers]
    printed, seconds, *_ = clone.run(*command)
    taking_over = re.findall(r"took over the results of \d+ stages in ([\d.]+) s", printed)
    return Run(seconds, sum(float(found) for found in taking_over))


def fit(runs: Runs) -> Model:
    """Fit the model to the medians.

    Bookkeeping is measured, as what taking over one more member costs; the other two follow by least squares.
    """
    sizes = np.array(list(runs), float)
    totals, taken = np.array([np.median(each, axis=0) for each in runs.values()]).T
    bookkeeping = max(0.0, float(np.polyfit(sizes[:, 0], taken, 1)[0]))
    work, start = np.polyfit(sizes[:, 0] / sizes[:, 1], totals - bookkeeping * sizes[:, 0], 1)
    return Model(float(start), float(work), bookkeeping)


def measured_table(serial: list[float], runs: Runs, model: Model) -> str:
    """Return the table of what was measured.

    Args:
        serial: seconds of plain `dvc repro` with four members, by round.
        runs: those of tools/scale_out.py.
        model: what was fitted to them.
    """
    base = statistics.median(serial)
    rows = [["4", "plain `dvc repro`", spread(serial), "1", ""]]
    for (members, workers), each in runs.items():
        totals = [run.total for run in each]
        ratio = f"{statistics.median(totals) / base:.2f}" if members == 4 else ""
        rows.append([str(members), str(workers), spread(totals), ratio, f"{model.predict(members, workers):.0f}"])
    return tables.markdown(rows, ["members", "workers", "s", "ratio", "the model's s"])


def extrapolated_table(model: Model, megabytes: float) -> str:
    """Return the table of what the model says of more.

    Args:
        model: what was fitted.
        megabytes: what a worker fetches for one member.
    """
    rows = []
    for members, workers in EXTRAPOLATED:
        seconds = model.predict(members, workers)
        rows.append(
            [
                f"{members:,}",
                f"{workers:,}",
                f"{seconds / 60:,.1f} min",
                f"{model.predict(members, 1) / seconds:.1f}",
                f"{members * megabytes / 1000:,.1f} GB, {members * megabytes / seconds:,.0f} MB/s",
            ]
        )
    return tables.markdown(rows, ["members", "workers", "model", "speed-up over one worker", "the remote has to deliver"])


def page(commit: str, serial: list[float], runs: Runs, megabytes: float) -> str:
    """Put the results into words and tables, Markdown; arguments as of the tables."""
    model = fit(runs)
    machine = list_machine(describe_machine())
    return f"""# Members on workers

`python {paths.SPEED_STUDY}/scale_out.py`, commit {commit}: `tools/scale_out.py train` for the members of `{RECIPE}`,
from prepared data to all of them trained, and the results taken over. A worker is one processor of this machine and one thread,
the DVC remote a directory. Median of {len(serial)} rounds (lowest to highest), all in turn; the ratio is to plain `dvc repro`
of four members on one processor.

{measured_table(serial, runs, model)}

## A model, not a measurement

Fitted to the medians: {model.start:.1f} s once (Ray, DVC, the copy of the tree) and {model.work:.1f} s of work a member,
divided among the workers. Measured: {model.bookkeeping:.2f} s of bookkeeping a member, by the one process that takes the
results over; so more than about {model.work / max(model.bookkeeping, 0.01):.0f} workers wait for it. What this says of more, as
long as the remote keeps up:

{extrapolated_table(model, megabytes)}

## The machine

{machine}
"""


def main(rounds: int) -> None:
    """Measure, and write the page.

    Raises:
        UserError: a program failed, or the tree has changes that no clone would have.
    """
    commit = clean_commit()
    serial: list[float] = []
    runs: Runs = {size: [] for size in MEASURED}
    with tempfile.TemporaryDirectory() as directory:
        clone = Clone(Path(directory) / "clone", RECIPE)
        clone.run("dvc", "remote", "add", "--default", "here", str(clone.path / "remote"))
        for number in range(1, rounds + 1):
            serial.append(measure(clone, 4, 0).total)
            print(f"round {number}/{rounds}, dvc repro: {serial[-1]:.1f} s", flush=True)
            for (members, workers), each in runs.items():
                each.append(measure(clone, members, workers))
                print(f"round {number}/{rounds}, members {members}, workers {workers}: {each[-1].total:.1f} s", flush=True)
        megabytes = sum((clone.path / split).stat().st_size for split in (paths.TRAIN, paths.VALIDATION)) / 1e6
    write_text(PAGE, page(commit, serial, runs, megabytes))
    print(f"-> {PAGE}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=at_least(1), default=3, help="how often each is run (default 3)")
    with one_line_errors():
        main(parser.parse_args().rounds)
