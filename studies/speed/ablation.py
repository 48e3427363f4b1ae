"""What does each ingredient of recipes/fast.yaml contribute? Train it without one, in turn. -> studies/speed/ablation.md"""

import argparse
import os
import statistics
import time
from contextlib import redirect_stdout

from fashion import params, paths
from fashion.clones import clean_commit
from fashion.data.release import read_training_set
from fashion.data.split import split
from fashion.options import at_least
from fashion.params import Params
from fashion.pipeline import tables
from fashion.pipeline.errors import one_line_errors
from fashion.pipeline.files import write_text
from fashion.scoring.metrics import accuracy
from fashion.scoring.prediction import predict
from fashion.training.checkpoint import Checkpoint
from fashion.training.fit import fit

RECIPE = paths.RECIPES / "fast.yaml"
TABLE = paths.SPEED_STUDY / "ablation.md"
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
    "standard scaling: 0 to 1": {"model": {"scaling": "unit"}},
    "flips in training, though not in scoring": {"augment": {"flip": 0.0}},
    "flips in scoring (TTA)": {"evaluate": {"tta": "none"}},
}

# Of each variant, by seed: the accuracy on the validation images, and the training's seconds.
Runs = dict[str, list[tuple[float, float]]]


def train(recipe: Params, seed: int) -> tuple[float, float]:
    """Train a recipe's first member with another seed.

    Returns:
        Its accuracy on the validation images, and the training's seconds.

    Raises:
        UserError: the data is missing or damaged.
    """
    data, held_out = split(read_training_set(), recipe.prepare)
    member = next(iter(recipe.ensemble.values())).model_copy(update={"seed": seed})
    checkpoint = Checkpoint("ablation", determined_by=time.time_ns())
    started = time.monotonic()
    try:
        with open(os.devnull, "w") as quiet, redirect_stdout(quiet):
            model, _ = fit(member, data, held_out, checkpoint)
    finally:
        checkpoint.remove()
    seconds = time.monotonic() - started
    return accuracy(held_out.labels, predict([model], held_out.images, recipe.evaluate.tta)[0]), seconds


def page(runs: Runs, commit: str, seeds: int) -> str:
    """Put the results into a table, Markdown."""
    whole = next(iter(runs.values()))
    rows = []
    for name, results in runs.items():
        accuracies = [100 * accuracy for accuracy, _ in results]
        difference = statistics.mean(accuracies) - statistics.mean(100 * accuracy for accuracy, _ in whole)
        rows.append(
            {
                "without": name,
                "validation, %": f"{statistics.mean(accuracies):.2f} ± {statistics.stdev(accuracies):.2f}",
                "difference": f"{difference:+.2f}",
                "training time, ratio": f"{statistics.median(own / base for (_, own), (_, base) in zip(results, whole)):.2f}",
            }
        )
    return f"""# What each ingredient of `{RECIPE}` contributes

`python {paths.SPEED_STUDY}/ablation.py`, commit {commit}, {seeds} seeds: mean and std of the accuracy on the validation
images; median ratio of training times, taken seed by seed.

{tables.markdown(rows)}
"""


def main(seeds: int) -> None:
    """Train each variant with each seed, and write the table.

    Raises:
        UserError: the data is missing or damaged, or there are uncommitted changes.
    """
    commit = clean_commit()
    recipes = {name: params.load(RECIPE, changes) for name, changes in WITHOUT.items()}
    runs: Runs = {name: [] for name in recipes}
    for seed in range(seeds):
        for name, recipe in recipes.items():
            runs[name].append(train(recipe, seed))
            print(f"seed {seed}, without {name}: {runs[name][-1][0]:.2%}, {runs[name][-1][1]:.1f} s", flush=True)
    write_text(TABLE, page(runs, commit, seeds))
    print(f"-> {TABLE}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=at_least(2), default=3, help="how many seeds, at least 2 (default 3)")
    with one_line_errors():
        main(parser.parse_args().seeds)
