"""Stages as tasks of a Ray cluster."""

import os

from fashion.cluster import node
from fashion.cluster.run_cache import store
from fashion.cluster.snapshot import snapshot
from fashion.cluster.view import View
from fashion.cluster.work import Work
from fashion.pipeline.machine import SETTINGS, THREADS

# How often a stage is started again whose worker or node died.
RETRIES = 3
# Seconds between two looks at what the tasks say.
GLANCE = 0.5


def run_on_cluster(work: list[Work], settings: str, threads: int) -> dict[str, str]:
    """Run stages at the same time, and put the results of each that succeeds into DVC's cache here as soon as it ends.

    Args:
        work: the stages. Their inputs are in the default remote.
        settings: those of `snapshot.node_settings`.
        threads: of each.

    Returns:
        Why stages failed, by their address.

    Raises:
        UserError: git or DVC failed here.
    """
    import ray
    from ray.util.queue import Queue
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    ray.cloudpickle.register_pickle_by_value(node)
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    lines = Queue(actor_options={"num_cpus": 0, "scheduling_strategy": here})
    # What changes the bits is on each node as it is here.
    environment = dict.fromkeys(THREADS, str(threads)) | {name: os.environ[name] for name in SETTINGS if name in os.environ}
    run_stage = node.run_stage

    @ray.remote(num_cpus=threads, max_retries=RETRIES)
    def task(tree: bytes, address: str, parents: list[str]) -> dict[str, bytes]:
        def say(line: str) -> None:
            lines.put((address, line))

        say(f"starts on {ray.util.get_node_ip_address()}")
        try:
            results = run_stage(address, parents, tree, settings, environment, say)
        except Exception as error:  # not every exception can travel
            raise RuntimeError(str(error)) from None
        say(f"done on {ray.util.get_node_ip_address()}")
        return results

    tree = ray.put(snapshot())
    running = {task.remote(tree, each.address, each.parents): each.address for each in work}
    failed = {}
    with View(running.values()) as view:
        while running:
            ended, _ = ray.wait(list(running), timeout=GLANCE)
            for said in lines.get_nowait_batch(lines.qsize()):
                view.show(*said)
            for reference in ended:
                address = running.pop(reference)
                try:
                    store(ray.get(reference))
                except ray.exceptions.RayTaskError as error:
                    failed[address] = str(error.cause)
                except ray.exceptions.RayError as error:
                    failed[address] = f"{type(error).__name__}, after {RETRIES} more tries"
                if address in failed:
                    view.show(address, failed[address])
    lines.shutdown()
    return failed
