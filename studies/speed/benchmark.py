"""Measure our recipes beside the plain Keras script that the project started from, one after the other, in turn.

Each recipe runs through `dvc repro` in a fresh clone of the last commit; the script runs as it is. Wall-clock and processor
time are those of `dvc` and the stages train, evaluate and plot, memory is the peak of the largest of these processes, and
training time is what the program itself reports. Ratios are taken within a round, because a machine's speed drifts, and their
median is given. Recipes that take too long are trained for one epoch and for three, and the time of all epochs is estimated
from that.
"""

import argparse
import json
import re
import statistics
import sys
import tempfile
from pathlib import Path

from fashion import paths
from fashion.clones import clean_commit
from fashion.options import at_least
from fashion.pipeline import tables
from fashion.pipeline.errors import one_line_errors
from fashion.pipeline.files import read_json, write_json, write_text
from fashion.pipeline.machine import describe_machine
from fashion.reporting.plain_script import SCRIPT, SPEED
from fashion.timing import Clone, Finished, execute, list_machine, spread, training_seconds

MEASURED = ("recipes/fast.yaml", "params.yaml", "recipes/balanced.yaml")
ESTIMATED = ("recipes/accurate.yaml", "recipes/ensemble.yaml")
# One recipe, with more and more of one thing: changes of the recipe, by how many times the work.
SCALED = "recipes/fast.yaml"
SCALES = {
    "epochs": {number: {"train": {"epochs": number}} for number in (1, 2, 4, 8)},
    "images": {number: {"prepare": {"images": number}} for number in (15_000, 30_000, 60_000)},
    "members": {
        number: {"ensemble": {name: {"seed": 0} for name in ("model", "second", "third", "fourth")[:number]}}
        for number in (1, 2, 4)
    },
}


def costs(finished: Finished, accuracy: float) -> dict[str, float]:
    """Return what a run is judged by: seconds, megabytes, and the accuracy on the test images."""
    printed, wall, cpu, memory = finished
    return {"training": training_seconds(printed), "wall": wall, "cpu": cpu, "memory": memory, "accuracy": accuracy}


def run_script(*words: str) -> dict[str, float]:
    """Run the plain Keras script, with some words behind its name."""
    finished = execute([sys.executable, SCRIPT, *words])
    return costs(finished, accuracy=float(re.search(r"test accuracy ([0-9.]+)", finished.printed)[1]))


def run_recipe(clone: Clone, seed: int) -> dict[str, float]:
    """Train a recipe's members with other seeds, score them and draw the figures."""
    members = clone.use().ensemble
    clone.use({"ensemble": {name: {"seed": seed * len(members) + place} for place, name in enumerate(members)}})
    finished = clone.repro("--force", "--single-item", *(f"train@{name}" for name in members), "evaluate", "plot")
    return costs(finished, accuracy=read_json(clone.path / paths.METRICS)["test"]["accuracy"])


def run_work(*recipe: str) -> dict:
    """Return what studies/speed/work.py says of a recipe or, without one, of the machine."""
    return json.loads(execute([sys.executable, str(paths.SPEED_STUDY / "work.py"), *recipe]).printed)


def estimate_training(clone: Clone, known: dict[str, dict[str, float]]) -> dict:
    """Estimate the training time of a recipe, the sum of its members'.

    Args:
        clone: where the recipe's data is prepared.
        known: the members that were estimated in this round, by what their time depends on; this adds its own.

    Returns:
        "seconds", and of each of "members" what `estimate_member` says.
    """
    recipe = clone.use()
    members = []
    for name, member in recipe.ensemble.items():
        key = recipe.prepare.model_dump_json() + member.model_dump_json(exclude={"seed"})
        if key not in known:
            known[key] = estimate_member(clone, name, member.train.epochs)
        members.append(known[key])
    return {"seconds": sum(member["seconds"] for member in members), "members": members}


def estimate_member(clone: Clone, name: str, epochs: int) -> dict[str, float]:
    """Estimate the seconds of a member's training from those of one epoch and of three, and return all of these numbers."""
    seconds = {}
    for number in (1, 3):
        clone.use({"ensemble": {name: {"train": {"epochs": number}}}})
        seconds[number] = training_seconds(clone.repro("--force", "--single-item", f"train@{name}").printed)
    epoch = (seconds[3] - seconds[1]) / 2
    total = seconds[1] + (epochs - 1) * epoch
    return {"seconds": total, "epochs": epochs, "seconds_of_1_epoch": seconds[1], "seconds_of_3_epochs": seconds[3]}


def measure_stages(clone: Clone, number: int) -> dict[str, float]:
    """Return the seconds of `dvc repro` when nothing changed, or only what one stage depends on.

    Args:
        clone: where everything has run.
        number: another one in each round, so that the run cache knows nothing of the change.
    """
    clone.use()
    clone.repro()
    seconds = {"nothing changed": clone.repro().wall}
    clone.use({"plot": {"predictions": number + 30}})
    seconds["only what `plot` needs"] = clone.repro().wall
    clone.use({"evaluate": {"calibration_bins": number + 30}})
    seconds["only what `evaluate` needs"] = clone.repro("evaluate").wall
    return seconds


def list_seconds(clone: Clone) -> dict[str, float]:
    """Return where the seconds of a `dvc repro` that trains, scores and draws go.

    Each stage runs by itself, too; what the whole takes beyond their sum is DVC's.
    """
    whole = clone.repro("--force", "--single-item", "train@model", "evaluate", "plot").wall
    train = clone.run("python", "src/train.py", "model")
    evaluate, plot = (clone.run("python", f"src/{stage}.py").wall for stage in ("evaluate", "plot"))
    start = clone.run("python", "-c", "import fashion.backend").wall
    training = training_seconds(train.printed)
    return {
        "`train`: Python and TensorFlow start": start,
        "`train`: the training, with building its graph": training,
        "`train`: reading, whitening, writing": train.wall - start - training,
        "`evaluate`: Python and TensorFlow start": start,
        "`evaluate`: reading, scoring all images, writing": evaluate - start,
        "`plot`": plot,
        "DVC: start, hashes, copies": whole - train.wall - evaluate - plot,
    }


def measure_scaling(clone: Clone) -> dict[str, dict[str, float]]:
    """Return the training seconds of one recipe by epochs, images and members."""
    seconds: dict[str, dict[str, float]] = {}
    for name, changes in SCALES.items():
        seconds[name] = {}
        for size, change in changes.items():
            clone.use(change)
            seconds[name][str(size)] = training_seconds(clone.repro("--force", "train").printed)
            print(f"{name} {size}: {seconds[name][str(size)]:.1f} s", flush=True)
    return seconds


def measure(rounds: int) -> dict:
    """Measure everything.

    Raises:
        UserError: a program failed, or the tree has changes that no clone would have.
    """
    results = {
        "commit": clean_commit(),
        "machine": describe_machine(),
        "peak": run_work(),
        "work": {recipe: run_work(recipe) for recipe in (str(paths.BASELINE), *MEASURED, *ESTIMATED)},
        "runs": {name: [] for name in (SCRIPT, *MEASURED)},
        "script_without_xla": [],
        "estimated_training": {recipe: [] for recipe in ESTIMATED},
        "seconds": [],
        "stages": [],
    }
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        results["scaling"] = measure_scaling(Clone(directory / "scaled", Path(SCALED)))
        clones = {recipe: Clone(directory / Path(recipe).stem, Path(recipe)) for recipe in (*MEASURED, *ESTIMATED)}
        for number in range(rounds):
            for name, runs in results["runs"].items():
                runs.append(run_script() if name == SCRIPT else run_recipe(clones[name], seed=number))
                print(f"round {number + 1}/{rounds} {name}: {runs[-1]}", flush=True)
            results["script_without_xla"].append(run_script("--no-xla"))
            print(f"round {number + 1}/{rounds} {SCRIPT} --no-xla: {results['script_without_xla'][-1]}", flush=True)
            known: dict[str, dict[str, float]] = {}
            for name, estimates in results["estimated_training"].items():
                estimates.append(estimate_training(clones[name], known))
                print(f"round {number + 1}/{rounds} {name}: {estimates[-1]}", flush=True)
            clones[SCALED].use()
            results["seconds"].append(list_seconds(clones[SCALED]))
            print(f"round {number + 1}/{rounds} {results['seconds'][-1]}", flush=True)
            preparation = Clone(directory / f"prepared-{number}", paths.PARAMS).preparation.wall
            stages = {"everything before `train`, from a local copy": preparation}
            results["stages"].append(measure_stages(clones["params.yaml"], number) | stages)
            print(f"round {number + 1}/{rounds} {results['stages'][-1]}", flush=True)
    return results


def inverse(ratio: float) -> str:
    """Write a ratio also as a fraction of 1."""
    return f"{ratio:.3f} (1/{1 / ratio:.1f})"


def runs_table(results: dict) -> str:
    """Return the table of what each recipe costs, beside the script."""
    base = results["runs"][SCRIPT]
    rows = []
    for name, runs in results["runs"].items():
        column = {key: [run[key] for run in runs] for key in runs[0]}
        ratio = {
            key: statistics.median(run[key] / other[key] for run, other in zip(runs, base)) for key in ("training", "wall")
        }
        rows.append(
            {
                "what": f"`{name}`",
                "test accuracy, %": spread([100 * accuracy for accuracy in column["accuracy"]], 2),
                "training, s": spread(column["training"], 1),
                "training ratio": inverse(ratio["training"]),
                "whole process, s": spread(column["wall"], 1),
                "whole ratio": f"{ratio['wall']:.3f}",
                "processor, s": spread(column["cpu"], 1),
                "peak memory of a process, MB": spread(column["memory"], 0),
            }
        )
    return tables.markdown(rows)


def estimates_table(results: dict) -> str:
    """Return the table of the training times that are estimated."""
    base = [run["training"] for run in results["runs"][SCRIPT]]
    rows = []
    for name, estimates in results["estimated_training"].items():
        seconds = [estimate["seconds"] for estimate in estimates]
        rows.append(
            {
                "what": f"`{name}`",
                "networks": len(estimates[0]["members"]),
                "training, s": spread(seconds, 0),
                "training ratio": f"{statistics.median(value / other for value, other in zip(seconds, base)):.1f}",
            }
        )
    return tables.markdown(rows)


def xla(results: dict) -> str:
    """Say what XLA does to the time of the plain script's training."""
    without, base = results["script_without_xla"], results["runs"][SCRIPT]
    ratio = statistics.median(run["training"] / other["training"] for run, other in zip(without, base))
    seconds = spread([run["training"] for run in without], 1)
    return (
        f"Keras compiles the plain script's step with XLA; our training, deterministic, does without. "
        f"Without XLA (`--no-xla`) the script trains in {seconds} s, {ratio:.2f} times as long."
    )


def medians_table(rounds: list[dict[str, float]], heading: str) -> str:
    """Return a table of seconds, the medians of the rounds."""
    return tables.markdown(
        [{heading: name, "s": f"{statistics.median(seconds[name] for seconds in rounds):.1f}"} for name in rounds[0]]
    )


def scaling_table(results: dict) -> str:
    """Return the table of one recipe's training time by the size of the work."""
    rows = [
        {"by": name, "how many": f"{int(size):,}", "training, s": f"{value:.1f}"}
        for name, seconds in results["scaling"].items()
        for size, value in seconds.items()
    ]
    return tables.markdown(rows)


def peak_table(results: dict) -> str:
    """Return the table of how near to the peak a recipe's training comes."""
    rows = []
    for name in MEASURED:
        work = results["work"][name]
        speed = work["flops"] / statistics.median(run["training"] for run in results["runs"][name]) / 1e9
        rows.append(
            {
                "recipe": f"`{name}`",
                "MFLOP a step": f"{work['flops'] / work['steps'] / 1e6:,.0f}",
                "GFLOP/s": f"{speed:.0f}",
                "fraction of the peak": f"{speed / results['peak'][work['precision']]:.0%} of {work['precision']}",
            }
        )
    return tables.markdown(rows)


def page(results: dict) -> str:
    """Put the results into words and tables, Markdown."""
    peak = results["peak"]
    return f"""# Beside the plain Keras script

`make benchmark`, commit {results["commit"]}: {len(results["runs"][SCRIPT])} rounds, our recipes with another seed in each.
Median (lowest to highest). A ratio compares with the script's run of the same round; below 1 is less.

{runs_table(results)}

{xla(results)}

These were not trained to their end. A network of each kind was trained for one epoch and for three; the rest is estimated:

{estimates_table(results)}

## Where the seconds of a `dvc repro` of `{SCALED}` go

{medians_table(results["seconds"], "what")}

## `dvc repro` when little changed

{medians_table(results["stages"], "what changed")}

## Training time of `{SCALED}`

{scaling_table(results)}

## The peak

A product of 2048 x 2048 matrices ran at {peak["float32"]:.0f} GFLOP/s in float32 and {peak["bfloat16"]:.0f} in bfloat16.
A training needs these floating-point operations (those of the convolutions and dense layers, forward and backward), and
reached this fraction of the peak in the precision that it chose:

{peak_table(results)}

## The machine

{list_machine(results["machine"])}
"""


def main(rounds: int) -> None:
    """Measure, and write studies/speed/results.json and results.md.

    Raises:
        UserError: a program failed, or the tree has changes that no clone would have.
    """
    results = measure(rounds)
    write_json(SPEED, results)
    write_text(paths.SPEED_STUDY / "results.md", page(results))
    print(f"-> {paths.SPEED_STUDY / 'results.md'}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rounds",
        type=at_least(1),
        default=3,
        help="how often each is run, our recipes with another seed each time (default 3)",
    )
    with one_line_errors():
        main(parser.parse_args().rounds)
