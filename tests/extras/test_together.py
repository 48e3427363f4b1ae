"""Several runs at once, and a crash before the lock is updated: what the user sees, and the bytes in the end."""

import os
import signal
import time

import pytest
from conftest import Clone

from fashion.clones import finish_repro, outputs, start_repro


@pytest.fixture
def expected(ran: Clone) -> dict[str, bytes]:
    """What an undisturbed run gives."""
    return outputs(ran.path)


def test_a_second_run_says_that_it_has_to_wait_and_disturbs_nothing(clone, raw, expected):
    clone.use_raw(raw)
    first = start_repro(clone.path)
    for line in first.stdout:
        if line.startswith("Running stage 'train"):
            break
    second = clone.run(".venv/bin/dvc", "repro")
    assert second.returncode != 0
    assert "is busy, it is being blocked by" in second.stderr and f"(PID {first.pid})" in second.stderr
    first.communicate()
    assert first.returncode == 0
    assert outputs(clone.path) == expected


def test_a_crash_between_a_stages_end_and_the_locks_update(clone, raw, expected):
    clone.use_raw(raw)
    process = start_repro(clone.path)
    # The network is the last file that training writes.
    while not (clone.path / "models/model.keras").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    finish_repro(clone.path)
    assert outputs(clone.path) == expected


def test_a_run_while_the_queue_works(clone, raw, expected):
    clone.use_raw(raw)
    clone.commit("Test")
    clone.dvc("exp", "run", "--queue", "--name", "other-seed", "-S", "ensemble.model.seed=1")
    clone.dvc("queue", "start")
    try:
        finish_repro(clone.path)
        deadline = time.monotonic() + 120
        while "Success" not in (status := clone.dvc("queue", "status")):
            assert "Failed" not in status and time.monotonic() < deadline, status
            time.sleep(4)  # each look takes a second of a processor, which the queue needs
    finally:
        clone.dvc("queue", "stop", "--kill")
    assert outputs(clone.path) == expected
    listed = clone.run("make", "--old-file=setup", "experiments")
    assert listed.returncode == 0 and "other-seed" in listed.stdout and "ensemble.model.seed" in listed.stdout, listed
    clone.git("checkout", ".")
    clone.dvc("exp", "apply", "other-seed")
    assert (clone.path / "reports/metrics.json").read_bytes() != expected["reports/metrics.json"]
    assert "model: {seed: 1}" in (clone.path / "params.yaml").read_text()
