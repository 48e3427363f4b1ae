"""A search for hyperparameters by several processes that share a PostgreSQL server, one of which is killed."""

import getpass
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from s3 import free_port

# .ci/run installs it and sets this, so that there its absence is a failure.
REQUIRED = "POSTGRESQL" in os.environ
BINARIES = max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)
pytestmark = pytest.mark.skipif(BINARIES is None and not REQUIRED, reason="PostgreSQL is not installed")
TRIALS = 4


@pytest.fixture
def storage() -> Iterator[str]:
    """A database on a server of its own; its address as Optuna takes it."""
    directory, port = tempfile.mkdtemp(), free_port()
    # The server refuses to run as root.
    user = "postgres" if getpass.getuser() == "root" else getpass.getuser()
    if user == "postgres":
        shutil.chown(directory, user, user)

    def run(program: str, *words: str) -> None:
        become = ["runuser", "-u", user, "--"] if user == "postgres" else []
        subprocess.run([*become, str(BINARIES / program), *words], check=True, cwd="/", stdout=subprocess.DEVNULL)

    try:
        run("initdb", "--auth=trust", "--no-sync", "-D", f"{directory}/data")
        options = f"-c listen_addresses=127.0.0.1 -p {port} -k {directory}"
        run("pg_ctl", "-w", "-D", f"{directory}/data", "-l", f"{directory}/log", "-o", options, "start")
        run("createdb", "-h", "127.0.0.1", "-p", str(port), "tuning")
        yield f"postgresql+psycopg://{user}@127.0.0.1:{port}/tuning"
        run("pg_ctl", "-w", "-D", f"{directory}/data", "-m", "fast", "stop")
    finally:
        shutil.rmtree(directory)


def test_processes_share_the_trials_and_the_trial_of_a_killed_one_runs_again(clone, raw, storage):
    import optuna
    import psycopg
    from optuna.trial import TrialState

    clone.use_raw(raw)
    clone.dvc("repro", "prepare")
    (clone.path / "studies/tuning/space.yaml").write_text("train.learning_rate: {low: 0.001, high: 0.1, log: true}\n")
    command = [".venv/bin/python", "studies/tuning/tune.py", "--trials", str(TRIALS), "--storage", storage]

    def start() -> subprocess.Popen:
        return subprocess.Popen(command, cwd=clone.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def all_trials() -> list[optuna.trial.FrozenTrial]:
        [summary] = optuna.get_all_study_summaries(storage)
        return optuna.load_study(study_name=summary.study_name, storage=storage).get_trials()

    server = storage.replace("+psycopg", "")
    victim = start()
    for line in victim.stdout:
        if line.startswith("trial 0:"):
            break
    # After the trial's first sign of life.
    with psycopg.connect(server, autocommit=True) as connection:
        while not connection.execute("SELECT count(*) FROM trial_heartbeats").fetchone()[0]:
            time.sleep(0.01)
    victim.kill()
    victim.wait()
    assert [trial.state for trial in all_trials()] == [TrialState.RUNNING]
    lost = all_trials()[0]

    # As if it had been silent for an hour.
    with psycopg.connect(server) as connection:
        connection.execute("UPDATE trial_heartbeats SET heartbeat = heartbeat - interval '1 hour'")
    workers = [start(), start()]
    said = [worker.communicate()[0] for worker in workers]
    assert all(worker.returncode == 0 for worker in workers), said
    trials = all_trials()
    assert trials[lost.number].state is TrialState.FAIL
    again = [trial for trial in trials if trial.system_attrs.get("failed_trial") == lost.number]
    assert len(again) == 1 and again[0].params == lost.params
    ended = [trial for trial in trials if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    values = [trial.params["train.learning_rate"] for trial in ended]
    assert len(set(values)) == len(values) >= TRIALS
    for trial in ended:
        assert sum(f"trial {trial.number}: " in words for words in said) == 1
