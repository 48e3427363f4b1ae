"""Measure our recipes beside the plain Keras script that the project started from, one after the other, in turn.

Each recipe runs through `dvc repro` in a fresh clone of the last commit; the script runs as it is. Wall-clock and processor time are
those of `dvc` and all its stages from `train` on, memory is the peak of the largest of these processes, and training time is what the
program itself reports. Ratios are taken within a round, because a machine's speed drifts, and their median is given.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

import verify
from fashion.errors import UserError, one_line_errors
from fashion.files import atomic_write, write_json
from fashion.options import at_least

HERE = Path("benchmarks")
SEED_SCRIPT = "benchmarks/seed_script.py"
RECIPES = ("recipes/fast.yaml", "params.yaml", "recipes/balanced.yaml")
# One recipe, with more and more of one thing: an edit of the recipe, and how many times the work.
SCALED = "recipes/fast.yaml"
SCALES = {
    "epochs": {number: [(r"(?m)^  epochs: \d+", f"  epochs: {number}")] for number in (1, 2, 4, 8)},
    "images": {number: [(r"(?m)^  images: \d+", f"  images: {number}")] for number in (15_000, 30_000, 60_000)},
    "members": {
        number: [
            (
                r"  first: \{seed: \d+\}",
                "\n".join(f"  {name}: {{seed: 0}}" for name in ("first", "second", "third", "fourth")[:number]),
            )
        ]
        for number in (1, 2, 4)
    },
}


@dataclass
class Run:
    """One process: seconds, megabytes, and the part of the test images that it got right."""

    training: float
    wall: float
    cpu: float
    memory: float
    accuracy: float


def execute(command: list[str], directory: Path) -> tuple[str, float, float, float]:
    """Run a program to its end.

    Returns:
        What it printed; wall-clock and processor seconds, of it and all it started; and the peak memory (MB) of the largest process.

    Raises:
        UserError: it failed.
    """
    environment = {name: value for name, value in os.environ.items() if name != "DVC_ROOT"}
    with tempfile.TemporaryFile("w+") as output:
        started = time.monotonic()
        process = subprocess.Popen(command, cwd=directory, env=environment, stdout=output, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        printed = output.read()
    if process.returncode:
        raise UserError(f"{' '.join(command)} failed:\n{printed}")
    unit = 1 if sys.platform == "darwin" else 1024  # bytes in which the system counts the peak
    return printed, wall, used.ru_utime + used.ru_stime, used.ru_maxrss * unit / 1e6


class Clone:
    """A fresh clone of the last commit that runs a recipe, its data prepared."""

    def __init__(self, path: Path, recipe: str):
        verify.make_clone(path)
        self.path, self.text = path, (path / recipe).read_text()
        raw = ROOT / "data" / "raw"
        if raw.is_dir():
            self.text = re.sub(r"(?m)^  sources:.*$", rf"\g<0>\n    - file:{raw}", self.text)
        self.edit()
        self.preparation = self.repro("prepare")[1]

    def edit(self, *changes: tuple[str, str]) -> None:
        """Write params.yaml: the recipe with lines changed, each as a pattern and its replacement.

        Raises:
            UserError: a pattern does not fit exactly once.
        """
        text = self.text
        for pattern, replacement in changes:
            text, count = re.subn(pattern, replacement, text)
            if count != 1:
                raise UserError(f"{pattern!r} fits {count} times")
        (self.path / "params.yaml").write_text(text)

    def repro(self, *words: str) -> tuple[str, float, float, float]:
        """Run `dvc repro` here; see `execute`."""
        return execute([str(self.path / ".venv/bin/dvc"), "repro", *words], self.path)


def training_seconds(printed: str) -> float:
    """Return the seconds that a program's trainings took, as it reports."""
    return sum(float(seconds) for seconds in re.findall(r"trained in ([0-9.]+) s", printed))


def run_seed_script(seed: int) -> Run:
    """Run the plain Keras script."""
    printed, *costs = execute([sys.executable, SEED_SCRIPT, str(seed)], ROOT)
    return Run(training_seconds(printed), *costs, accuracy=float(re.search(r"test accuracy ([0-9.]+)", printed)[1]))


def run_recipe(clone: Clone, seed: int) -> Run:
    """Run a recipe with one seed, from `train` to `plot`."""
    clone.edit((r"first: \{seed: \d+\}", f"first: {{seed: {seed}}}"))
    printed, *costs = clone.repro("--force", "--downstream", "train@first")
    scores = json.loads((clone.path / verify.METRICS).read_text())
    return Run(training_seconds(printed), *costs, accuracy=scores["test"]["accuracy"])


def measure_stages(clone: Clone, number: int) -> dict[str, float]:
    """Return the seconds of `dvc repro` when nothing changed, or only what one stage depends on.

    Args:
        clone: where everything has run.
        number: another one in each round, so that the run cache knows nothing of the change.
    """
    clone.edit()
    clone.repro()
    seconds = {"nothing changed": clone.repro()[1]}
    clone.edit((r"predictions: \d+", f"predictions: {number + 30}"))
    seconds["only what `plot` needs"] = clone.repro()[1]
    clone.edit((r"calibration_bins: \d+", f"calibration_bins: {number + 30}"))
    seconds["only what `evaluate` needs"] = clone.repro("evaluate")[1]
    return seconds


def measure_scaling(directory: Path) -> dict[str, dict[str, float]]:
    """Return the training seconds of one recipe by epochs, images and members."""
    clone = Clone(directory / "scaled", SCALED)
    seconds = {}
    for name, edits in SCALES.items():
        seconds[name] = {}
        for size, changes in edits.items():
            clone.edit(*changes)
            # The model files of an edit before are no members of this one.
            for path in (clone.path / "models").glob("*.keras"):
                path.unlink()
            clone.repro("--force", "prepare")
            seconds[name][str(size)] = training_seconds(clone.repro("--force", "train")[0])
            print(f"{name} {size}: {seconds[name][str(size)]:.1f} s", flush=True)
    return seconds


def table(results: dict) -> str:
    """Put the results into words and tables, Markdown."""
    seed_script, *recipes = results["runs"]
    machine = "\n".join(f"- {name}: {value}" for name, value in results["machine"].items())
    peak = results["peak"]
    lines = [
        "# Beside the plain Keras script",
        "",
        f"`make benchmark`, commit {results['commit']}: {len(results['runs'][seed_script])} rounds, each with another seed. Median",
        "(lowest to highest). A ratio compares with the script's run of the same round; below 1 is less.",
        "",
        "| what | test accuracy, % | training, s | ratio | whole process, s | ratio | processor, s | peak memory of a process, MB |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, runs in results["runs"].items():
        base = results["runs"][seed_script]
        spread = {
            key: [run[key] * (100 if key == "accuracy" else 1) for run in runs]
            for key in ("accuracy", "training", "wall", "cpu", "memory")
        }
        shown = {
            key: f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"
            for (key, values), digits in zip(spread.items(), (2, 1, 1, 1, 0))
        }
        ratio = {
            key: statistics.median(run[key] / other[key] for run, other in zip(runs, base)) for key in ("training", "wall")
        }
        cells = [shown["accuracy"], shown["training"], f"{ratio['training']:.3f} (1/{1 / ratio['training']:.1f})"]
        cells += [shown["wall"], f"{ratio['wall']:.3f}", shown["cpu"], shown["memory"]]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    lines += ["", "## `dvc repro` when little changed", "", "| what changed | s |", "| --- | --- |"]
    for name in results["stages"][0]:
        lines.append(f"| {name} | {statistics.median(stage[name] for stage in results['stages']):.1f} |")
    lines += ["", f"## Training time of `{SCALED}`, s", "", "| by | | | | |", "| --- | --- | --- | --- | --- |"]
    for name, seconds in results["scaling"].items():
        cells = [f"{int(size):,}: {value:.1f}" for size, value in seconds.items()]
        lines.append(f"| {name} | {' | '.join(cells + [''] * (4 - len(cells)))} |")
    lines += [
        "",
        "## The floor",
        "",
        f"A product of 2048 x 2048 matrices ran at {peak['float32']:.0f} GFLOP/s in float32 and {peak['bfloat16']:.0f} in bfloat16.",
        "A training needs these floating-point operations (those of the convolutions and dense layers, forward and backward), and",
        "reached this part of the peak in the precision that it chose:",
        "",
        "| recipe | MFLOP a step | GFLOP/s | part of the peak |",
        "| --- | --- | --- | --- |",
    ]
    for name in recipes:
        work = results["work"][name]
        speed = work["flops"] / statistics.median(run["training"] for run in results["runs"][name]) / 1e9
        lines.append(
            f"| `{name}` | {work['flops'] / work['steps'] / 1e6:,.0f} | {speed:.0f} | {speed / peak[work['precision']]:.0%}"
            f" of {work['precision']} |"
        )
    return "\n".join([*lines, "", "## The machine", "", machine, ""])


def main(rounds: int) -> None:
    """Measure, and write benchmarks/results.json and results.md.

    Raises:
        UserError: a program failed, or the tree has changes that no clone would have.
    """
    os.chdir(ROOT)
    results = {
        "commit": verify.clean_commit(),
        "machine": verify.describe_machine(),
        "runs": {SEED_SCRIPT: [], **{recipe: [] for recipe in RECIPES}},
        "stages": [],
        "work": {},
    }
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        clones = {recipe: Clone(directory / Path(recipe).stem, recipe) for recipe in RECIPES}
        work = [sys.executable, str(ROOT / HERE / "work.py")]
        results["peak"] = json.loads(execute(work, ROOT)[0])
        for recipe in RECIPES:
            results["work"][recipe] = json.loads(execute([*work, recipe], ROOT)[0])
        results["scaling"] = measure_scaling(directory)
        for number in range(rounds):
            for name, runs in results["runs"].items():
                run = run_seed_script(number) if name == SEED_SCRIPT else run_recipe(clones[name], number)
                runs.append(asdict(run))
                print(f"round {number + 1}/{rounds} {name}: {run}", flush=True)
            preparation = Clone(directory / f"prepared-{number}", "params.yaml").preparation
            stages = {"everything before `train`, from a local copy": preparation}
            results["stages"].append(measure_stages(clones["params.yaml"], number) | stages)
            print(results["stages"][-1], flush=True)
    write_json(HERE / "results.json", results)
    with atomic_write(HERE / "results.md") as file:
        file.write(table(results).encode())
    print(f"-> {HERE / 'results.md'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rounds", type=at_least(1), default=3, help="how often each is run, with another seed each time (default 3)"
    )
    with one_line_errors():
        main(parser.parse_args().rounds)
