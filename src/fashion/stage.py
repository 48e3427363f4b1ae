"""How a stage runs: with checked parameters, under the code it started with, and ending in one line when something fails."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from fashion import params
from fashion.errors import UserError, one_line_errors
from fashion.files import sha256

SOURCE_ROOT = Path(__file__).resolve().parents[1]


def project_sources() -> dict[Path, str]:
    """Return the SHA-256 of each file of this project that has been imported, by path."""
    files = {Path(module.__file__).resolve() for module in list(sys.modules.values()) if getattr(module, "__file__", None)}
    return {file: sha256(file) for file in sorted(files) if file.is_relative_to(SOURCE_ROOT)}


def run(main: Callable[..., None], description: str, reads: Callable[..., Sequence[Any]], **arguments: str) -> None:
    """Run a stage's `main` as a program.

    DVC records the code and the parameters as they are when a stage *ends*. So when either was edited while the stage ran,
    the stage fails rather than let its outputs be recorded as those of other code.

    Args:
        main: called with the parameters that `reads` returns, and with the words on the command line by name.
        description: what `--help` says.
        reads: takes the checked parameters and the words on the command line, and returns the parameters that the stage uses.
        arguments: name and help text of each word on the command line.
    """
    parser = argparse.ArgumentParser(description=description)
    for name, help_text in arguments.items():
        parser.add_argument(name, help=help_text)
    words = vars(parser.parse_args())
    with one_line_errors():
        sources = project_sources()
        used = reads(params.load(), **words)
        main(*used, **words)
        edited = [path for path, digest in project_sources().items() if sources.get(path) != digest]
        if edited:
            names = ", ".join(str(path.relative_to(SOURCE_ROOT.parent)) for path in edited)
            raise UserError(f"{names}: edited while this stage ran, so its result belongs to no code; run `dvc repro` again")
        if reads(params.load(), **words) != used:
            raise UserError(f"{params.PARAMS_FILE}: edited while this stage ran; run `dvc repro` again")
