"""Errors that a user can cause, where no stage meets them in the tests."""

import os
import subprocess
import sys

import pytest

from fashion.backend import tf
from fashion.pipeline.errors import NO_MEMORY, one_line_errors

PROGRAM = """
from fashion.pipeline.errors import one_line_errors
with one_line_errors():
    while True:
        print("a line", flush=True)
"""


def test_a_program_whose_reader_has_seen_enough_ends_in_silence():
    command, buffered = [sys.executable, "-c", PROGRAM], os.environ | {"PYTHONUNBUFFERED": ""}
    with subprocess.Popen(command, env=buffered, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        assert program.stdout.readline() == b"a line\n"
        program.stdout.close()
        assert program.stderr.read() == b""
    assert program.returncode == 1


def test_too_little_memory_of_a_gpu_is_an_error_of_one_line(capfd):
    with pytest.raises(SystemExit) as end, one_line_errors():
        raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor with shape[9999,9999]\n\t [[node]]")
    assert (end.value.code, capfd.readouterr().err) == (1, f"error: {NO_MEMORY}\n")
