"""A shared DVC remote: a real S3 server on this machine, one clone that pushes and one that pulls."""

import json
import subprocess
import time
from collections.abc import Iterator

import pytest
from conftest import Clone
from s3 import BUCKET, CREDENTIALS, s3_server, share


@pytest.fixture(scope="module")
def shared(tmp_path_factory, trained) -> Iterator[Clone]:
    """A copy of the clone whose pipeline has run: results and remote are committed, data and models pushed."""
    directory = tmp_path_factory.mktemp("remote")
    copy = trained.copy(directory / "first")
    with s3_server(directory / "log") as (address, _):
        share(copy, address)
        copy.commit("Results")
        pushed = copy.run(".venv/bin/dvc", "push", "--run-cache", **CREDENTIALS)
        assert pushed.returncode == 0 and "files pushed" in pushed.stdout, pushed.stderr
        yield copy


@pytest.fixture
def second(shared, tmp_path) -> Clone:
    """A colleague's fresh clone of the same commit."""
    return Clone(tmp_path / "second", small=False, source=shared.path)


def test_what_one_pushes_another_pulls_and_nothing_runs_again(shared, second):
    pulled = second.run(".venv/bin/dvc", "pull", "--run-cache", **CREDENTIALS)
    assert pulled.returncode == 0, pulled.stderr
    again = second.run(".venv/bin/dvc", "repro", **CREDENTIALS)
    assert again.returncode == 0 and "Running stage" not in again.stdout, again.stdout
    for name in ("models/model.keras", "data/prepared/train.npz", "reports/metrics.json"):
        assert (second.path / name).read_bytes() == (shared.path / name).read_bytes()


def test_a_commits_model_can_be_had_without_training(shared, second, tmp_path):
    expected = (shared.path / "models/model.keras").read_bytes()
    here = tmp_path / "elsewhere.keras"
    words = ("get", str(second.path), "models/model.keras", "--rev", "HEAD", "--out", str(here))
    got = second.run(".venv/bin/dvc", *words, **CREDENTIALS)
    assert got.returncode == 0, got.stderr
    assert here.read_bytes() == expected

    program = "import dvc.api; open('read.keras', 'wb').write(dvc.api.read('models/model.keras', mode='rb'))"
    read = second.run(".venv/bin/python", "-c", program, **CREDENTIALS)
    assert read.returncode == 0, read.stderr
    assert (second.path / "read.keras").read_bytes() == expected


def refused(clone: Clone, url: str, **environment: str) -> str:
    """Push to an address without success, and return what was said; the working directory and the cache stay whole."""
    clone.dvc("remote", "modify", "--local", "shared", "url", url)
    done = clone.run(".venv/bin/dvc", "push", "dvc.yaml", **{**CREDENTIALS, **environment})
    clone.dvc("remote", "modify", "--local", "--unset", "shared", "url")
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr
    assert not json.loads(clone.dvc("status", "--json", "dvc.yaml"))
    return done.stderr


def test_a_missing_bucket_is_named(shared):
    assert "bucket" in refused(shared, "s3://other/fashion").lower()


def test_without_credentials_it_says_so(shared, tmp_path):
    nothing = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}
    said = refused(shared, f"s3://{BUCKET}/another", HOME=str(tmp_path), **nothing)
    assert "credentials" in said.lower()


def test_a_server_that_dies_during_a_push_loses_nothing(shared, tmp_path):
    with s3_server(tmp_path / "log") as (address, server):
        shared.dvc("remote", "modify", "--local", "shared", "endpointurl", address)
        push = subprocess.Popen(
            [str(shared.path / ".venv/bin/dvc"), "push", "dvc.yaml"],
            cwd=shared.path,
            env={**CREDENTIALS, "PATH": "/usr/bin:/bin", "AWS_MAX_ATTEMPTS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while "PUT /team/" not in (tmp_path / "log").read_text() and push.poll() is None:
            time.sleep(0.02)
        server.kill()
        _, said = push.communicate(timeout=300)
        assert push.returncode != 0 and "Traceback" not in said, said
    assert not json.loads(shared.dvc("status", "--json", "dvc.yaml"))
    with s3_server(tmp_path / "log") as (address, _):
        shared.dvc("remote", "modify", "--local", "shared", "endpointurl", address)
        again = shared.run(".venv/bin/dvc", "push", "dvc.yaml", **CREDENTIALS)
    shared.dvc("remote", "modify", "--local", "--unset", "shared", "endpointurl")
    assert again.returncode == 0 and "files pushed" in again.stdout
