"""What an interrupted training needs to resume after its last finished epoch."""

import hashlib
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fashion import paths
from fashion.pipeline.files import atomic_write


class Checkpoint:
    """The state of one training that has not ended, in a file of its own.

    Args:
        member: the member's name.
        determined_by: everything that determines the training's result, such as parameters, code, data and libraries. A
            state that belongs to anything else has another file name, and is never read.
    """

    def __init__(self, member: str, determined_by: Any):
        digest = hashlib.sha256(json.dumps(determined_by, sort_keys=True).encode()).hexdigest()
        self.path = project_directory() / paths.RESUME / f"{member}@{digest[:16]}.npz"

    def save(self, variables: Sequence[Any], history: list[dict]) -> None:
        """Keep the values of Keras variables and the history, in the place of the last epoch's.

        Raises:
            OSError: the file cannot be written; the last epoch's stays.
        """
        values = {f"variable_{number}": variable.numpy() for number, variable in enumerate(variables)}
        # A name of this process alone until it is whole: two experiments that run at the same time may train the same network.
        mine = self.path.with_name(f"{self.path.stem}-{os.getpid()}.npz")
        with atomic_write(mine) as file:
            np.savez(file, history=json.dumps(history), **values)
        mine.replace(self.path)

    def restore(self, variables: Sequence[Any]) -> list[dict]:
        """Assign the values kept to Keras variables, and return the history.

        If the file is missing or damaged, change nothing and return [].

        Raises:
            MemoryError: there is not enough memory.
        """
        try:
            with np.load(io.BytesIO(self.path.read_bytes()), allow_pickle=False) as kept:
                history = json.loads(str(kept["history"]))
                values = [kept[f"variable_{number}"] for number in range(len(variables))]
        except MemoryError:
            raise
        except Exception:  # missing, or damaged: the readers of both formats raise whatever the damage leads to
            return []
        for variable, value in zip(variables, values):
            variable.assign(value)
        return history

    def remove(self) -> None:
        """Forget this training."""
        self.path.unlink(missing_ok=True)


def project_directory() -> Path:
    """Return the project's top directory, to keep there what outlives a run.

    That is the current directory, except in an experiment of DVC's `--temp` or queue. Such a one runs in a copy,
    `PROJECT/.dvc/tmp/exps/…`, which DVC deletes. DVC_ROOT does not tell: another pipeline may have set it that runs this one.
    """
    for parent in Path.cwd().parents:
        if parent.parts[-3:] == (".dvc", "tmp", "exps") and (parent.parents[2] / "src/fashion").is_dir():
            return parent.parents[2]
    return Path()
