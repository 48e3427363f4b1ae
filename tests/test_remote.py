"""A shared DVC remote: a real S3 server on this machine, one clone that pushes and one that pulls."""

import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Clone

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests", "AWS_DEFAULT_REGION": "us-east-1"}
BUCKET = "team"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def s3_server(log: Path) -> Iterator[tuple[str, subprocess.Popen]]:
    """Run an S3 server with one bucket, until the end of the block or until it is killed."""
    import boto3
    from botocore.exceptions import EndpointConnectionError

    port = free_port()
    with log.open("w") as file:
        server = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stdout=file, stderr=subprocess.STDOUT
        )
    address = f"http://127.0.0.1:{port}"
    client = boto3.client(
        "s3", endpoint_url=address, aws_access_key_id="tests", aws_secret_access_key="tests", region_name="us-east-1"
    )
    try:
        for _ in range(100):
            try:
                client.create_bucket(Bucket=BUCKET)
                break
            except EndpointConnectionError:
                time.sleep(0.2)
        yield address, server
    finally:
        server.kill()
        server.wait()


def share(clone: Clone, address: str, bucket: str = BUCKET) -> None:
    """What the README says, and where this S3 is."""
    clone.dvc("remote", "add", "--force", "--default", "shared", f"s3://{bucket}/fashion")
    clone.dvc("remote", "modify", "--local", "shared", "endpointurl", address)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, raw) -> Clone:
    """A clone whose pipeline has run, with the results committed."""
    clone = Clone(tmp_path_factory.mktemp("remote") / "first")
    clone.use_raw(raw)
    clone.dvc("repro")
    clone.git("add", "--all")
    clone.git("-c", "user.name=Tests", "-c", "user.email=tests@localhost", "commit", "--quiet", "--message", "Results")
    return clone


def test_what_one_pushes_another_pulls_and_nothing_runs_again(trained, tmp_path):
    with s3_server(tmp_path / "log") as (address, _):
        share(trained, address)
        pushed = trained.run(".venv/bin/dvc", "push", "--run-cache", **CREDENTIALS)
        assert pushed.returncode == 0, pushed.stderr
        assert "files pushed" in pushed.stdout

        second = Clone(tmp_path / "second", small=False, source=trained.path)
        share(second, address)
        pulled = second.run(".venv/bin/dvc", "pull", "--run-cache", **CREDENTIALS)
        assert pulled.returncode == 0, pulled.stderr
        again = second.run(".venv/bin/dvc", "repro", **CREDENTIALS)
        assert again.returncode == 0 and "Running stage" not in again.stdout, again.stdout
        for name in ("models/first.keras", "data/prepared/train.npz", "reports/metrics.json"):
            assert (second.path / name).read_bytes() == (trained.path / name).read_bytes()


def test_a_commits_model_can_be_had_without_training(trained, tmp_path):
    with s3_server(tmp_path / "log") as (address, _):
        share(trained, address)
        assert trained.run(".venv/bin/dvc", "push", **CREDENTIALS).returncode == 0
        second = Clone(tmp_path / "second", small=False, source=trained.path)
        share(second, address)
        got = second.run(
            *(".venv/bin/dvc", "get", "--rev", "HEAD", ".", "models/first.keras", "--out", "got.keras"), **CREDENTIALS
        )
        assert got.returncode == 0, got.stderr
        expected = (trained.path / "models/first.keras").read_bytes()
        assert (second.path / "got.keras").read_bytes() == expected
        program = "import dvc.api; open('read.keras', 'wb').write(dvc.api.read('models/first.keras', mode='rb'))"
        clean = Clone(tmp_path / "third", small=False, source=trained.path)
        share(clean, address)
        read = clean.run(".venv/bin/python", "-c", program, **CREDENTIALS)
        assert read.returncode == 0, read.stderr
        assert (clean.path / "read.keras").read_bytes() == expected


def refused(clone: Clone, **environment: str) -> str:
    """Push without success, and return what was said; the working directory and the cache stay whole."""
    done = clone.run(".venv/bin/dvc", "push", **{**CREDENTIALS, **environment})
    assert done.returncode != 0
    assert "Traceback" not in done.stdout + done.stderr
    assert not json.loads(clone.dvc("status", "--json", "dvc.yaml"))
    return done.stderr


def test_a_missing_bucket_is_named(trained, tmp_path):
    with s3_server(tmp_path / "log") as (address, _):
        share(trained, address, bucket="other")
        assert "bucket" in refused(trained).lower()


def test_without_credentials_it_says_so(trained, tmp_path):
    with s3_server(tmp_path / "log") as (address, _):
        share(trained, address)
        nothing = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}
        assert "credentials" in refused(trained, HOME=str(tmp_path), **nothing).lower()


def test_a_server_that_dies_during_a_push_loses_nothing(trained, tmp_path):
    with s3_server(tmp_path / "log") as (address, server):
        share(trained, address)
        push = subprocess.Popen(
            [str(trained.path / ".venv/bin/dvc"), "push"],
            cwd=trained.path,
            env={**CREDENTIALS, "PATH": "/usr/bin:/bin", "AWS_MAX_ATTEMPTS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while "PUT" not in (tmp_path / "log").read_text() and push.poll() is None:
            time.sleep(0.02)
        server.kill()
        _, said = push.communicate(timeout=300)
        assert push.returncode != 0 and "Traceback" not in said, said
    assert not json.loads(trained.dvc("status", "--json", "dvc.yaml"))
    with s3_server(tmp_path / "log") as (address, _):
        share(trained, address)
        again = trained.run(".venv/bin/dvc", "push", **CREDENTIALS)
        assert again.returncode == 0 and "files pushed" in again.stdout
