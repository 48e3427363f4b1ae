"""The project's programs, run in a directory without a new process."""

import os
import runpy
import sys
from pathlib import Path

import pytest
from conftest import ROOT


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
