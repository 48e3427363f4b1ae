"""An S3 server on this machine, for the tests of what is shared over one."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

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
    clone.dvc("remote", "modify", "shared", "endpointurl", address)
