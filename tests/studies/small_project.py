"""A directory in which the studies' programs run on a small recipe, and a way to run them there without a new process."""

import os
import runpy
import shutil
import sys
from pathlib import Path

import pytest
from conftest import ROOT

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


def run(directory: Path, program: str, *words: str) -> None:
    """Run one of the project's programs in a directory.

    Raises:
        SystemExit: it ended with an error.
    """
    script = str(ROOT / program)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(directory)
        patch.setattr(sys, "argv", [script, *words])
        runpy.run_path(script, run_name="__main__")


def refused(directory: Path, capfd: pytest.CaptureFixture, program: str, *words: str) -> tuple[int, str]:
    """Run a program that is to fail, and return its exit code and its one line of standard error."""
    capfd.readouterr()
    with pytest.raises(SystemExit) as end:
        run(directory, program, *words)
    message = capfd.readouterr().err
    assert message.count(os.linesep) == 1, message
    return end.value.code, message
