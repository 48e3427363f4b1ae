"""A directory in which the studies' programs run on a small recipe, and a way to run them there without a new process."""

import shutil
from pathlib import Path

from conftest import ROOT
from in_process import refused as refused
from in_process import run as run

ROWS = """recipe: recipes/baseline.yaml
rows:
  baseline: {title: baseline, seeds: 2, changes: {}}
  two:
    group: 5. Ensembles
    title: two networks
    seeds: 2
    changes: {ensemble: {model: {seed: 0}, second: {seed: 1}}}
"""


def make(directory: Path, raw: Path) -> None:
    """Write what the studies read: a small recipe as params.yaml and as each of recipes/, two rows, two folds, and the data."""
    (directory / "data").mkdir()
    (directory / "data/raw").symlink_to(raw)
    shutil.copytree(ROOT / "data/corrections", directory / "data/corrections")
    # TensorFlow builds the graph of this optimizer sooner.
    recipe = (ROOT / "tests/params.yaml").read_text().replace("optimizer: muon ", "optimizer: nesterov ")
    (directory / "recipes").mkdir()
    for name in ("params", "recipes/accurate", "recipes/baseline", "recipes/ensemble"):
        (directory / f"{name}.yaml").write_text(recipe)
    for study in ("improvements", "cross_validation"):
        (directory / "studies" / study).mkdir(parents=True)
    (directory / "studies/improvements/rows.yaml").write_text(ROWS)
    (directory / "studies/cross_validation/params.yaml").write_text("folds: [1, 2]\nseed: 0\n")
