"""What programs cost."""

import sys

import pytest

from fashion.pipeline.errors import UserError
from fashion.timing import execute, training_seconds


def test_a_program_is_measured_with_all_that_it_starts():
    work = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'data = bytes(1) * 210_000_000'])"
    finished = execute([sys.executable, "-c", f"print('trained in 1.5 s'); {work}; print('trained in 2.0 s')"])
    assert training_seconds(finished.printed) == 3.5
    assert finished.wall > 0 and finished.cpu > 0
    assert finished.memory > 200  # the system counts this process', too, which is large in these tests


def test_a_program_that_fails_is_named_with_what_it_said(tmp_path):
    with pytest.raises(UserError, match=r"(?s)raise SystemExit\('reason'\) failed:\nreason"):
        execute([sys.executable, "-c", "raise SystemExit('reason')"], tmp_path)
