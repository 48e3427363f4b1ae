"""What does each ingredient of recipes/fast.yaml contribute? Train it with one taken out, in turn, and write benchmarks/ablation.md."""

import argparse
import os
import statistics
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from ruamel.yaml import YAML

import evaluate
import prepare
import verify
from fashion import metrics, training
from fashion.checkpoint import Checkpoint
from fashion.errors import one_line_errors
from fashion.files import atomic_write
from fashion.options import at_least
from fashion.params import TRAINING_IMAGES, Params, merge

RECIPE = Path("recipes/fast.yaml")
TABLE = Path("benchmarks/ablation.md")
WITHOUT = {
    "nothing: the whole recipe": {},
    "Muon: AdamW, learning rate 0.006": {"train": {"optimizer": "adamw", "learning_rate": 0.006}},
    "the whitened first layer: trained like the others": {"model": {"whiten": False}},
    "bfloat16: float32": {"train": {"precision": "float32"}},
    "batches of 192: 32": {"train": {"batch_size": 32, "learning_rate": 0.02}},
    "the falling learning rate: constant": {"train": {"schedule": "constant"}},
    "the warm-up": {"train": {"warmup": 0.0}},
    "weight decay": {"train": {"weight_decay": 0.0}},
    "label smoothing": {"train": {"label_smoothing": 0.0}},
    "standard pixels: 0 to 1": {"model": {"pixels": "unit"}},
    "mirrored images in training, though not in scoring": {"augment": {"flip": 0.0}},
    "flip averaging": {"evaluate": {"flip_averaging": False}},
}


def train(recipe: Params, seed: int) -> tuple[float, float]:
    """Train a recipe's first member with another seed.

    Returns:
        Its accuracy on the validation images, and the training's seconds.
    """
    data, held_out = prepare.split(prepare.read_raw("train", TRAINING_IMAGES), recipe.prepare)
    member = next(iter(recipe.ensemble.values())).model_copy(update={"seed": seed})
    checkpoint = Checkpoint("ablation", determined_by=time.time_ns())
    started = time.monotonic()
    try:
        with open(os.devnull, "w") as quiet, redirect_stdout(quiet):
            model, _ = training.fit(member, data, held_out, checkpoint)
    finally:
        checkpoint.remove()
    seconds = time.monotonic() - started
    probabilities = evaluate.predict([model], held_out.images, recipe.evaluate.flip_averaging)[0]
    return metrics.accuracy(held_out.labels, probabilities), seconds


def main(seeds: int) -> None:
    """Train each variant with each seed, and write the table.

    Raises:
        UserError: the data is missing or damaged, or there are uncommitted changes.
    """
    commit = verify.clean_commit()
    os.chdir(ROOT)
    tree = YAML(typ="safe").load(RECIPE)
    runs = {name: [] for name in WITHOUT}
    for seed in range(seeds):
        for name, changes in WITHOUT.items():
            runs[name].append(train(Params.model_validate(merge(tree, changes)), seed))
            print(f"seed {seed}, without {name}: {runs[name][-1][0]:.2%}, {runs[name][-1][1]:.1f} s", flush=True)
    whole = next(iter(runs.values()))
    lines = [
        f"# What each ingredient of `{RECIPE}` contributes",
        "",
        f"`python benchmarks/ablation.py`, commit {commit}, {seeds} seeds: mean and",
        "standard deviation of the accuracy on the validation images; median ratio of training times, taken seed by seed.",
        "",
        "| without | validation, % | difference | training time, ratio |",
        "| --- | --- | --- | --- |",
    ]
    for name, results in runs.items():
        accuracies = [100 * accuracy for accuracy, _ in results]
        difference = statistics.mean(accuracies) - statistics.mean(100 * accuracy for accuracy, _ in whole)
        ratio = statistics.median(seconds / base for (_, seconds), (_, base) in zip(results, whole))
        spread = f"{statistics.mean(accuracies):.2f} ± {statistics.stdev(accuracies):.2f}"
        lines.append(f"| {name} | {spread} | {difference:+.2f} | {ratio:.2f} |")
    with atomic_write(TABLE) as file:
        file.write(("\n".join(lines) + "\n").encode())
    print(f"-> {TABLE}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=at_least(2), default=3, help="how many seeds, at least 2 (default 3)")
    with one_line_errors():
        main(parser.parse_args().seeds)
