"""The connection to a Ray cluster."""

import os
import signal
import socket

from fashion.pipeline.errors import UserError
from fashion.pipeline.machine import available_processors

# Ray's own messages are of no use to a user of ours. A killed worker's training is to end with it.
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_kill_child_processes_on_worker_exit_with_raylet_subreaper": "true",
}
# Of the object store of a cluster that is started here: the working tree has to fit in, and the outputs of a stage.
OBJECT_STORE_BYTES = 300_000_000


def knock(address: str) -> None:
    """Make sure that somebody answers at HOST:PORT; Ray itself would try for minutes.

    Raises:
        UserError: nobody does.
    """
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, ValueError) as error:
        raise UserError(f"{address}: no Ray cluster answers there ({error}); `ray start --head` says its address") from None


def connect(address: str | None, threads: int) -> None:
    """Connect to a Ray cluster, or start one on this machine.

    Args:
        address: of the cluster; None for one on this machine, with as many tasks at a time as have processors.
        threads: of each task.

    Raises:
        UserError: Ray is not installed, the cluster does not answer, or none of its nodes has that many processors.
    """
    os.environ |= SETTINGS
    if address and address != "auto":
        knock(address)
    try:
        import ray
    except ImportError:
        raise UserError("ray: not installed; run `make extras`") from None
    options = {"log_to_driver": False, "logging_level": "ERROR"}
    if not address:
        processors = max(available_processors(), threads)
        options |= {"num_cpus": processors, "object_store_memory": OBJECT_STORE_BYTES, "include_dashboard": False}
    try:
        ray.init(address or "local", **options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise UserError(f"{address or 'Ray'}: {' '.join(str(error).split())[:200]}") from None
    # With these settings Ray ignores the end of child processes, of which a failure would look like a success.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    largest = max(node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"])
    if largest < threads:
        raise UserError(
            f"no node has {threads} processors for a task of {threads} threads; the largest has {largest:.0f}: lower --threads"
        )
