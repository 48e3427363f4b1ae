"""Run what `dvc repro` would run now on a Ray cluster: stages that do not depend on each other at the same time.

Each stage runs in a copy of this working tree on some node, with its inputs from the default DVC remote. DVC takes the results
over from its run cache: they and dvc.lock are those that `dvc repro` would have made alone.
"""

import argparse
import os

from fashion import dvc
from fashion.cluster.connection import connect
from fashion.cluster.run_cache import adopt, restore
from fashion.cluster.snapshot import node_settings
from fashion.cluster.tasks import THREADS, run_on_cluster
from fashion.cluster.work import find_work
from fashion.options import at_least
from fashion.pipeline.errors import UserError, one_line_errors
from fashion.pipeline.machine import available_processors


def main(targets: list[str], address: str | None, threads: int | None) -> None:
    """Bring the targets up to date.

    Raises:
        UserError: there is no remote or no cluster, a target is unknown, or a stage failed; the others' results are kept.
    """
    settings = node_settings()
    if threads:  # also of what runs here
        os.environ |= dict.fromkeys(THREADS, str(threads))
    threads = threads or available_processors()
    connect(address, threads)
    looked_up, tried = set(), set()
    while work := [each for each in find_work(targets) if each.address not in tried]:
        addresses = [each.address for each in work]
        if len(work) == 1:  # nothing to do beside it
            tried.update(addresses)
            dvc.run("repro", "--single-item", *addresses)
        elif not looked_up.issuperset(addresses):
            looked_up.update(addresses)
            restore(addresses)
        else:
            tried.update(addresses)
            if parents := sorted({parent for each in work for parent in each.parents}):
                dvc.run("push", "--quiet", *parents)
            failed = run_on_cluster(work, settings, threads)
            if done := [address for address in addresses if address not in failed]:
                adopt(done)
            if failed:
                raise UserError(f"failed: {'; '.join(f'{address} ({reason})' for address, reason in failed.items())}")
    dvc.run("repro", *targets)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", default=["dvc.yaml"], metavar="TARGET", help="as of `dvc repro` (dvc.yaml)")
    parser.add_argument("--address", help="of a Ray cluster, such as 10.0.0.1:6379 or auto; without it, one is started here")
    parser.add_argument(
        "--threads",
        type=at_least(1),
        help="threads and processors of each task; without it as many as this machine has, as of `dvc repro`. With fewer, "
        "several run on a node at the same time; the bits are then those of `TF_NUM_INTRAOP_THREADS=N "
        "TF_NUM_INTEROP_THREADS=N dvc repro`",
    )
    words = parser.parse_args()
    with one_line_errors():
        main(words.targets, words.address, words.threads)
