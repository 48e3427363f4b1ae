"""Run what `dvc repro` would run now on a Ray cluster: stages that do not depend on each other at the same time.

Each stage runs in a copy of this working tree on some node. Its inputs come from the default DVC remote, and its results go
there. A plain `dvc repro` then takes them from the run cache: results and dvc.lock are those that it would have made alone.
"""

import argparse
import hashlib
import io
import os
import signal
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import networkx
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.repo.reproduce import plan_repro
from dvc.stage import PipelineStage
from dvc.stage.serialize import to_single_stage_lockfile

import verify
from fashion.errors import UserError, one_line_errors
from fashion.files import atomic_write
from fashion.options import at_least

DVC = str(Path(sys.prefix) / "bin" / "dvc")
# Of Ray's object store, for a cluster that is started here: the working tree has to fit in.
OBJECT_STORE_BYTES = 300_000_000
# How often a stage is started again whose worker or node died.
RETRIES = 3
# What says how many threads TensorFlow takes.
THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
# Seconds between two looks at what the tasks say.
GLANCE = 0.5


@dataclass
class Work:
    """A stage that can run now.

    Attributes:
        address: as DVC takes it, such as `train@first` or `studies/seeds/dvc.yaml:table`.
        parents: the stages whose results it reads, likewise.
        kept_in_git: those of its results that are in git rather than in DVC's cache.
        unrecorded: whether DVC, when it runs it, leaves the results out of its run cache: one of them is in git, and is neither
            a metric nor a plot. `dvc commit` does record them.
        known: whether DVC has its results here, and need not run it.
    """

    address: str
    parents: list[str]
    kept_in_git: list[str]
    unrecorded: bool
    known: bool


@dataclass
class Outcome:
    """How a stage ended on its node: the files it keeps in git by their path, or what it said when it failed."""

    files: dict[str, bytes] = field(default_factory=dict)
    error: str = ""


class Board:
    """Collects what the tasks say, from all nodes (a Ray actor)."""

    def __init__(self):
        self.lines: list[tuple[str, str]] = []

    def say(self, address: str, line: str) -> None:
        """Take a line."""
        self.lines.append((address, line))

    def take(self) -> list[tuple[str, str]]:
        """Return the lines since the last call, each with its stage."""
        lines, self.lines = self.lines, []
        return lines


def default_remote() -> tuple[str, dict[str, Any]]:
    """Return the default DVC remote: its name and its settings, those of .dvc/config.local included.

    Raises:
        UserError: there is none, or DVC's settings are damaged.
    """
    try:
        with Repo() as repo:
            name, remotes = repo.config["core"].get("remote"), repo.config["remote"]
    except DvcException as error:
        raise UserError(" ".join(str(error).split())) from None
    if name not in remotes:
        raise UserError(
            "no default DVC remote, over which the nodes could share data: `dvc remote add --default NAME ADDRESS` "
            "(on one machine a directory will do)"
        )
    return name, dict(remotes[name])


def is_known(stage: PipelineStage) -> bool:
    """Return whether DVC has the results of a stage for the inputs that it has now, so that it need not run."""
    cache = stage.repo.stage_cache
    if stage.changed_stage() or stage.changed_deps():
        # As DVC looks before a real run; before a dry one it looks for the inputs of the last time instead.
        stage.save_deps()
        entry = cache._load(stage)
    else:
        entry = to_single_stage_lockfile(stage)
    return bool(entry) and cache._create_stage(entry, wdir=stage.wdir).outs_cached()


def find_work(targets: list[str]) -> list[Work]:
    """Return the stages that `dvc repro` would run now and whose inputs are there, in DVC's order.

    Args:
        targets: stages or dvc.yaml files; with those that they depend on.

    Raises:
        UserError: DVC does not know a target.
    """
    try:
        with Repo() as repo, repo.lock:
            graph = repo.index.graph
            plan = plan_repro(graph, [stage for target in targets for stage in repo.stage.collect(target)])
            changed = {stage for stage in plan if stage.changed()}
            return [
                Work(
                    stage.addressing,
                    [parent.addressing for parent in graph.successors(stage)],
                    [os.path.relpath(out.fs_path) for out in stage.outs if not out.use_cache],
                    any(not (out.use_cache or out.is_metric or out.is_plot) for out in stage.outs),
                    is_known(stage),
                )
                for stage in plan
                # In this graph an edge leads from a stage to one that it depends on.
                if stage in changed and not changed & networkx.descendants(graph, stage)
            ]
    except DvcException as error:
        raise UserError(str(error)) from None


def snapshot() -> bytes:
    """Return the working tree as a tar archive: what git tracks or would, uncommitted changes included.

    Raises:
        UserError: git failed.
    """
    with tempfile.TemporaryDirectory() as directory:
        # An index of our own, so that the user's stays as it is.
        environment = os.environ | {"GIT_INDEX_FILE": f"{directory}/index"}

        def git(*words: str) -> bytes:
            done = subprocess.run(["git", *words], env=environment, capture_output=True)
            if done.returncode:
                raise UserError(f"git {words[0]}: {done.stderr.decode().strip()}")
            return done.stdout

        git("read-tree", "HEAD")
        git("add", "--all")
        return git("archive", "--format=tar", git("write-tree").decode().strip())


def run_stage(
    tree: bytes, work: Work, remote: tuple[str, dict[str, Any]], environment: dict[str, str], say: Callable[[str], None]
) -> Outcome:
    """Run one stage in a copy of the working tree, on the node where this is called.

    Args:
        tree: the tar archive.
        work: the stage.
        remote: name and settings of the DVC remote.
        environment: variables of the stage's process.
        say: takes each line that the stage prints.
    """
    # Ray may have its workers ignore the end of child processes; then a failure would look like a success.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    dvc = os.path.join(sys.prefix, "bin", "dvc")
    inherited = {name: value for name, value in os.environ.items() if name not in ("DVC_ROOT", "OMP_NUM_THREADS")}
    with tempfile.TemporaryDirectory(prefix="stage-") as directory:

        def run(*command: str) -> str:
            """Run a program in the copy, and return its last words if it failed, otherwise nothing."""
            process = subprocess.Popen(
                command,
                cwd=directory,
                env=inherited | environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            last = ""
            for line in filter(None, map(str.strip, process.stdout)):
                say(line)
                last = line if line.startswith(("error:", "ERROR:")) and not last.startswith("error:") else last
            return (last or f"{command[0]} ended with {process.returncode}") if process.wait() else ""

        with tarfile.open(fileobj=io.BytesIO(tree)) as archive:
            # Python before 3.10.12 and 3.11.4 has no filters. The archive is our own.
            archive.extraction_filter = getattr(tarfile, "data_filter", None)
            archive.extractall(directory)
        os.symlink(sys.prefix, os.path.join(directory, ".venv"))
        subprocess.run(["git", "init", "--quiet", directory], check=True)
        with Repo(directory) as repo, repo.config.edit("local") as local:
            # With autostage, DVC does not tell each task what to add to git.
            local["core"] = {"remote": remote[0], "autostage": True}
            local["remote"] = {remote[0]: remote[1]}
        # Data that no stage makes: DVC would fetch what does not exist, but not what is missing in a directory that does.
        tracked = [parent for parent in work.parents if parent.endswith(".dvc")]
        error = run(dvc, "pull", "--quiet", *tracked) if tracked else ""
        # Without the run cache, of which each task would have to fetch all.
        error = error or run(dvc, "repro", "--single-item", "--pull", "--no-run-cache", work.address)
        if work.unrecorded:
            error = error or run(dvc, "commit", "--quiet", "--force", work.address)
        error = error or run(dvc, "push", "--quiet", "--run-cache", work.address)
        if error:
            return Outcome(error=error)
        return Outcome({name: Path(directory, name).read_bytes() for name in work.kept_in_git})


def dvc(*words: str) -> None:
    """Run DVC here.

    Raises:
        UserError: it failed, and said why.
    """
    if subprocess.run([DVC, *words]).returncode:
        raise UserError(f"`dvc {' '.join(words[:2])}` failed; the reason is above")


def adopt(work: list[Work], outcomes: list[Outcome]) -> None:
    """Take the results of stages that ran elsewhere over into this directory, by DVC's run cache.

    Raises:
        UserError: DVC failed.
    """
    with Repo() as repo:
        # The remote has the results that DVC caches; where a stage keeps one in git, only the run cache here may have it.
        for outcome in outcomes:
            for content in outcome.files.values():
                path = Path(repo.cache.local.oid_to_path(hashlib.md5(content).hexdigest()))
                if not path.exists():
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with atomic_write(path) as file:
                        file.write(content)
    started = time.monotonic()
    dvc("repro", "--single-item", "--pull", *(each.address for each in work))
    print(f"took over the results of {len(work)} stages in {time.monotonic() - started:.1f} s", flush=True)


class View:
    """Shows all tasks at once: a table on a terminal, otherwise a line for whatever a task says.

    Args:
        work: the stages.
    """

    def __init__(self, work: list[Work]):
        from rich.live import Live

        self.started = time.monotonic()
        self.rows = {each.address: "waits for a free node" for each in work}
        self.live = Live(get_renderable=self.table, refresh_per_second=2) if sys.stdout.isatty() else None

    def __enter__(self) -> "View":
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *_) -> None:
        if self.live:
            self.live.stop()

    def show(self, address: str, line: str) -> None:
        """Show a stage's latest line."""
        self.rows[address] = line
        if not self.live:
            print(f"{time.monotonic() - self.started:6.0f} s  {address}: {line}", flush=True)

    def table(self):
        """Return what is on the terminal: each stage, and the last that it said."""
        from rich.table import Table

        table = Table("stage", f"after {time.monotonic() - self.started:.0f} s", box=None)
        for row in self.rows.items():
            table.add_row(*row)
        return table


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
        UserError: Ray is not installed, the cluster does not answer, or none of its nodes has so many processors.
    """
    # Ray's own messages are of no use to a user of ours. A killed worker's training is to end with it.
    os.environ |= {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "RAY_kill_child_processes_on_worker_exit_with_raylet_subreaper": "true",
    }
    if address and address != "auto":
        knock(address)
    try:
        import ray
    except ImportError:
        raise UserError("ray: not installed; run `make extras`") from None
    here = (
        {} if address else {"num_cpus": max(verify.available_processors(), threads), "object_store_memory": OBJECT_STORE_BYTES}
    )
    try:
        ray.init(
            address or "local", include_dashboard=None if address else False, log_to_driver=False, logging_level="ERROR", **here
        )
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise UserError(f"{address or 'Ray'}: {' '.join(str(error).split())[:200]}") from None
    largest = max(node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"])
    if largest < threads:
        raise UserError(
            f"no node has {threads} processors for a task of {threads} threads; the largest has {largest:.0f}: lower --threads"
        )


def run_on_cluster(work: list[Work], remote: tuple[str, dict[str, Any]], threads: int) -> list[Outcome]:
    """Run stages as Ray tasks, and return how each ended."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    board = ray.remote(Board).options(num_cpus=0, scheduling_strategy=here).remote()
    # What changes the bits is on each node as it is here.
    settings = dict.fromkeys(THREADS, str(threads)) | {name: os.environ[name] for name in verify.SETTINGS if name in os.environ}

    @ray.remote(num_cpus=threads, max_retries=RETRIES)
    def task(tree: bytes, each: Work) -> Outcome:
        node = ray.util.get_node_ip_address()
        board.say.remote(each.address, f"starts on {node}")
        outcome = run_stage(tree, each, remote, settings, lambda line: board.say.remote(each.address, line))
        # Waited for, so that the last word is on the board before the task counts as done.
        ray.get(board.say.remote(each.address, outcome.error or f"done on {node}"))
        return outcome

    tree = ray.put(snapshot())
    pending = tasks = [task.remote(tree, each) for each in work]
    with View(work) as view:
        while pending:
            _, pending = ray.wait(pending, num_returns=len(pending), timeout=GLANCE)
            for said in ray.get(board.take.remote()):
                view.show(*said)
    outcomes = []
    for each, reference in zip(work, tasks):
        try:
            outcomes.append(ray.get(reference))
        except ray.exceptions.RayTaskError as error:
            outcomes.append(Outcome(error=str(error.cause)))
        except ray.exceptions.RayError as error:
            outcomes.append(Outcome(error=f"{type(error).__name__}, after {RETRIES} more tries"))
    return outcomes


def main(targets: list[str], address: str | None, threads: int | None) -> None:
    """Bring the targets up to date.

    Raises:
        UserError: there is no remote or no cluster, a target is unknown, or a stage failed; the others' results are kept.
        OSError: a file cannot be read or written.
    """
    remote = default_remote()
    if threads:
        os.environ |= dict.fromkeys(THREADS, str(threads))  # also of what runs here
    threads = threads or verify.available_processors()
    connect(address, threads)
    tried: set[str] = set()
    while work := [each for each in find_work(targets) if each.address not in tried]:
        # What need not run, and a stage that has nothing beside it, is done here.
        here = [each for each in work if each.known] or (work if len(work) == 1 else [])
        tried.update(each.address for each in here or work)
        if here:
            dvc("repro", "--single-item", *(each.address for each in here))
            continue
        if parents := sorted({parent for each in work for parent in each.parents}):
            dvc("push", "--quiet", *parents)
        outcomes = run_on_cluster(work, remote, threads)
        if done := [each for each, outcome in zip(work, outcomes) if not outcome.error]:
            adopt(done, [outcome for outcome in outcomes if not outcome.error])
        if failed := [f"{each.address} ({outcome.error})" for each, outcome in zip(work, outcomes) if outcome.error]:
            raise UserError(f"failed: {'; '.join(failed)}")
    dvc("repro", *targets)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", default=["dvc.yaml"], metavar="TARGET", help="as of `dvc repro` (dvc.yaml)")
    parser.add_argument("--address", help="of a Ray cluster, such as 10.0.0.1:6379 or auto; without it, one is started here")
    parser.add_argument(
        "--threads",
        type=at_least(1),
        help="threads and processors of each task; without it as many as this machine has, as of `dvc repro`. With fewer, several "
        "run on a node at once; the bits are then those of `TF_NUM_INTRAOP_THREADS=N TF_NUM_INTEROP_THREADS=N dvc repro`",
    )
    words = parser.parse_args()
    with one_line_errors():
        main(words.targets, words.address, words.threads)
