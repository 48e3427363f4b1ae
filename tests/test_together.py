"""Several runs at once, and a crash before the lock is updated: what the user sees, and the bytes in the end."""

import os
import signal
import sys
import time

import pytest
from conftest import ROOT, Clone

sys.path.insert(0, str(ROOT / "studies" / "kill_drill"))

import drill


@pytest.fixture
def expected(ran: Clone) -> dict[str, bytes]:
    """What an undisturbed run gives."""
    return drill.results(ran.path)


def test_a_second_run_says_that_it_has_to_wait_and_disturbs_nothing(clone, raw, expected):
    clone.use_raw(raw)
    first = drill.start(clone.path)
    for line in first.stdout:
        if line.startswith("Running stage 'train"):
            break
    second = clone.run(".venv/bin/dvc", "repro")
    assert second.returncode != 0
    assert "is busy, it is being blocked by" in second.stderr and f"(PID {first.pid})" in second.stderr
    first.communicate()
    assert first.returncode == 0
    assert drill.results(clone.path) == expected


def test_a_crash_between_a_stages_end_and_the_locks_update(clone, raw, expected):
    clone.use_raw(raw)
    (clone.path / "reports/history/first.csv").unlink()
    process = drill.start(clone.path)
    # The history is the last file that training writes.
    while not (clone.path / "reports/history/first.csv").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert (clone.path / "models/first.keras").exists()
    drill.finish(clone.path)
    assert drill.results(clone.path) == expected


def test_a_run_while_the_queue_works(clone, raw, expected):
    """The queue's worker finds `dvc` on PATH, so the environment has to be activated, as the README says."""

    def activated(command: str) -> str:
        done = clone.run("sh", "-c", f". .venv/bin/activate && {command}")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    clone.use_raw(raw)
    clone.git("-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "--quiet", "-am", "Test")
    activated("dvc exp run --queue --name other-seed -S ensemble.first.seed=1")
    activated("dvc queue start")
    try:
        drill.finish(clone.path)
        deadline = time.monotonic() + 120
        while "Success" not in (status := activated("dvc queue status")):
            assert "Failed" not in status and time.monotonic() < deadline, status
            time.sleep(4)  # each look takes a second of a processor, which the queue needs
    finally:
        activated("dvc queue stop --kill")
    assert drill.results(clone.path) == expected
    clone.git("checkout", ".")
    activated("dvc exp apply other-seed")
    assert (clone.path / "reports/metrics.json").read_bytes() != expected["reports/metrics.json"]
    assert "first: {seed: 1}" in (clone.path / "params.yaml").read_text()
