"""What programs cost: time and memory, of any program and of the pipeline in a clone."""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fashion import params, paths
from fashion.clones import clone_environment, make_clone
from fashion.params import Params
from fashion.pipeline.errors import UserError
from fashion.pipeline.files import write_json
from fashion.pipeline.yaml import read_yaml


class Finished(NamedTuple):
    """A program that ran to its end.

    Attributes:
        printed: what it printed.
        wall: seconds by the clock.
        cpu: seconds of processors, of it and of all that it started.
        memory: MB at the peak of the largest of these processes.
    """

    printed: str
    wall: float
    cpu: float
    memory: float


def execute(command: Sequence[str], directory: Path = Path(), environment: Mapping[str, str] | None = None) -> Finished:
    """Run a program to its end.

    Args:
        command: its name and its words.
        directory: where it runs.
        environment: its variables; None for those of this program.

    Raises:
        UserError: it failed.
    """
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
    return Finished(printed, wall, used.ru_utime + used.ru_stime, used.ru_maxrss * unit / 1e6)


def spread(values: Sequence[float], digits: int = 0) -> str:
    """Write the median of some values, and the lowest and the highest."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def list_machine(machine: Mapping[str, object]) -> str:
    """Return what `describe_machine` says as a list, Markdown."""
    return "\n".join(f"- {name}: {value}" for name, value in machine.items())


def training_seconds(printed: str) -> float:
    """Return the seconds that a program's trainings took, from what it printed."""
    return sum(float(seconds) for seconds in re.findall(r"trained in ([0-9.]+) s", printed))


class Clone:
    """A fresh clone of the last commit that runs a recipe, its data prepared.

    Args:
        path: where it is made.
        recipe: a file like params.yaml, relative to the top directory.

    Attributes:
        path: its top directory.
        recipe: the tree of the file's keys and values.
        preparation: how `dvc repro prepare` ran, from a local copy of the raw data if there is one.

    Raises:
        UserError: git or DVC failed, or the data set is your own.
        ParameterError: the recipe is wrong.
    """

    def __init__(self, path: Path, recipe: Path):
        if paths.RAW_CLASSES.exists():
            raise UserError(f"{paths.RAW}: a data set of your own; this is only for Fashion-MNIST")
        self.path = make_clone(path)
        self.recipe = read_yaml(self.path / recipe)
        if paths.RAW.is_dir():
            self.recipe["download"]["sources"].insert(0, f"file:{paths.RAW.resolve()}")
        self.use()
        self.preparation = self.repro("prepare")

    def use(self, overrides: dict[str, Any] | None = None) -> Params:
        """Write params.yaml: the recipe with `overrides`, a tree of keys and their other values. Return what it says.

        Raises:
            ParameterError: a key is unknown, or a value is out of range.
        """
        write_json(self.path / paths.PARAMS, params.merge(self.recipe, overrides or {}))  # JSON is YAML, too
        return params.load(self.path / paths.PARAMS)

    def run(self, *command: str, **environment: str) -> Finished:
        """Run a program here, with some other environment variables; see `execute`."""
        return execute(command, self.path, clone_environment(self.path) | environment)

    def repro(self, *words: str, **environment: str) -> Finished:
        """Run `dvc repro` here; see `execute`."""
        return self.run("dvc", "repro", *words, **environment)
