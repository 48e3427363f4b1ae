"""How a stage runs: with checked parameters, under the code it started with, and ending in one line when something fails."""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from fashion import params, paths
from fashion.pipeline import code
from fashion.pipeline.errors import UserError, one_line_errors


def run(
    main: Callable[..., Callable[[], None] | None], description: str, reads: Callable[..., Sequence[Any]], **arguments: str
) -> None:
    """Run a stage's `main` as a program.

    DVC records the code and the parameters as they are when a stage *ends*. So when either was edited while the stage ran,
    the stage fails rather than let its outputs be recorded as those of other code.

    Args:
        main: called with the parameters that `reads` returns, and with the words on the command line by name. What it returns,
            if anything, is called when the result is known to count: a training forgets its checkpoint only then.
        description: what `--help` says.
        reads: takes the checked parameters and the words on the command line, and returns the parameters that the stage uses.
        arguments: name and help text of each word on the command line.

    Raises:
        SystemExit: the stage failed, or `--help` was asked for; see `one_line_errors` for the exit codes.
    """
    parser = argparse.ArgumentParser(description=description)
    for name, help_text in arguments.items():
        parser.add_argument(name, help=help_text)
    words = vars(parser.parse_args())
    with one_line_errors():
        paths.refuse_links()
        used = reads(params.load(), **words)
        finish = main(*used, **words)
        if edited := code.edited():
            names = ", ".join(path.name for path in edited)
            raise UserError(f"{names}: edited while this stage ran, so its result belongs to no code; run `dvc repro` again")
        if reads(params.load(), **words) != used:
            raise UserError(f"{paths.PARAMS}: edited while this stage ran; run `dvc repro` again")
        if finish:
            finish()
