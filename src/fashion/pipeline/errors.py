"""Errors that a user can cause. Each ends in one line that names the thing and the remedy, never in a traceback.

Whatever reads or writes a file may also raise OSError. Docstrings do not repeat that; `one_line_errors` catches it.
"""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# Where the files lie that `dvc repro` makes, all but those of the studies.
MADE_BY_PIPELINE = (
    *("data/raw", "data/prepared", "models", "reports/classes", "reports/figures", "reports/history", "reports/metrics"),
    *("reports/out_of_distribution", "reports/predictions", "reports/reliability"),
)
NOT_DETERMINISTIC = (
    "this GPU has no deterministic kernel for an operation of the network; set CUDA_VISIBLE_DEVICES=-1 to use the processor, "
    "or choose model.backbone.fine_tune: false or another model.backbone.name"
)
NO_MEMORY = "not enough memory: close other programs, or lower train.batch_size, the model's filters or prepare.images"


class UserError(Exception):
    """Something outside the code is wrong: a file, the network, the disk. The program ends with exit code 1."""

    exit_code = 1


class DivergedError(UserError):
    """The training's loss is no longer a finite number."""


class ParameterError(UserError):
    """params.yaml, or a word on the command line, is wrong. The program ends with exit code 2."""

    exit_code = 2


@contextmanager
def one_line_errors() -> Iterator[None]:
    """End the program with one line on standard error for each exception that a user can cause.

    Raises:
        SystemExit: with the error's exit code; 1 for the operating system's errors, 130 for Ctrl-C as in the shell.
    """
    sys.stdout.reconfigure(errors="backslashreplace")  # of what the terminal's encoding does not have
    try:
        yield
    except UserError as error:
        message, exit_code = str(error), error.exit_code
    except BrokenPipeError:  # who reads the output has seen enough, as `head`
        sys.stdout = None  # or Python would try to flush it
        raise SystemExit(1) from None
    except OSError as error:
        message, exit_code = describe(error), 1
    except MemoryError:
        message, exit_code = NO_MEMORY, 1
    except KeyboardInterrupt:
        message, exit_code = "interrupted; run it again to resume", 130
    except Exception as error:
        # TensorFlow's own, named without importing it.
        name = type(error).__name__
        if name == "ResourceExhaustedError":
            message, exit_code = NO_MEMORY, 1
        elif name == "UnimplementedError" and "determinis" in str(error).lower():
            message, exit_code = NOT_DETERMINISTIC, 1
        else:
            raise
    else:
        return
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(exit_code)


def describe(error: OSError) -> str:
    """Say which file the operating system complains of, why, and what helps."""
    what = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
    if error.errno in NO_SPACE:
        return f"{what}: nothing was half-written; free some space and run it again"
    if not isinstance(error, FileNotFoundError):
        return what
    if not Path("params.yaml").exists():
        return f"{what}; run this in the project's top directory"
    if str(error.filename).startswith(MADE_BY_PIPELINE):
        return f"{what}; `dvc repro` makes what is missing"
    if str(error.filename).startswith(("data/", "recipes/", "reports/", "studies/")):
        return f"{what}; `git checkout {error.filename}` restores what is in git"
    return what
