"""What programs cost."""

import json
import subprocess
import sys

import pytest

from fashion.pipeline.errors import UserError
from fashion.timing import Finished, execute, training_seconds

# The system counts a program's start, too, as a copy of the one that starts it. So a small program measures, not these tests.
MEASURE = """
import json, sys
from fashion.timing import execute
print(json.dumps(execute([sys.executable, "-c", sys.argv[1]])))
"""
WORK = """
import time
data = bytes(1) * 500_000_000
while time.process_time() < 0.5:
    pass
"""


def test_a_program_is_measured_with_all_that_it_starts():
    starts = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {WORK!r}], check=True)"
    program = f"print('trained in 1.5 s'); {starts}; print('trained in 2.0 s')"
    done = subprocess.run([sys.executable, "-c", MEASURE, program], check=True, capture_output=True, text=True)
    finished = Finished(*json.loads(done.stdout))
    assert training_seconds(finished.printed) == 3.5
    assert finished.memory > 450 and finished.cpu >= 0.5 and finished.wall > 0


def test_a_program_that_fails_is_named_with_what_it_said(tmp_path):
    with pytest.raises(UserError, match=r"(?s)raise SystemExit\('reason'\) failed:\nreason"):
        execute([sys.executable, "-c", "raise SystemExit('reason')"], tmp_path)
