"""Run one stage on a node.

Ray carries this module there. It imports nothing of the project, of which a node may have no clone.
"""

import io
import os
import signal
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

# Set by whoever started the node or by Ray, for other programs than ours.
FOREIGN = ("DVC_ROOT", "OMP_NUM_THREADS")


def files_under(directory: Path) -> set[Path]:
    """Return all files in a directory, which may be missing."""
    return {path for path in directory.rglob("*") if path.is_file()}


def unpack(tree: bytes, settings: str, directory: Path) -> None:
    """Make a directory a copy of the working tree that runs with the packages of this node.

    Args:
        tree: the tar archive of `snapshot.snapshot`.
        settings: those of `snapshot.node_settings`.
        directory: an empty one.
    """
    with tarfile.open(fileobj=io.BytesIO(tree)) as archive:
        # Python before 3.10.12 and 3.11.4 has no filters. The archive is our own.
        archive.extraction_filter = getattr(tarfile, "data_filter", None)
        archive.extractall(directory)
    (directory / ".dvc/config.local").write_text(settings)
    (directory / ".venv").symlink_to(sys.prefix)


def execute(command: list[str], directory: Path, environment: dict[str, str], say: Callable[[str], None]) -> None:
    """Run a program.

    Args:
        command: its words.
        directory: where it runs.
        environment: its variables.
        say: takes each line that it prints.

    Raises:
        RuntimeError: it failed; the message is its last error, that of a stage rather than what DVC says of it.
    """
    last = ""
    with subprocess.Popen(
        command, cwd=directory, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in filter(None, map(str.strip, process.stdout)):
            say(line)
            last = line if line.startswith(("error:", "ERROR:")) and not last.startswith("error:") else last
    if process.returncode:
        raise RuntimeError(last or f"{' '.join(command[:2])} ended with {process.returncode}")


def run_stage(
    address: str, parents: list[str], tree: bytes, settings: str, environment: dict[str, str], say: Callable[[str], None]
) -> dict[str, bytes]:
    """Run one stage in a copy of the working tree, on the node where this is called.

    Args:
        address: of the stage.
        parents: the stages and .dvc files whose outputs it reads.
        tree: the tar archive of `snapshot.snapshot`.
        settings: those of `snapshot.node_settings`.
        environment: variables of the stage's process.
        say: takes each line that the stage prints.

    Returns:
        What DVC has in its cache of this run: its outputs, those that are in git included, and the run cache's record of them;
        by the path in the cache.

    Raises:
        RuntimeError: the stage failed, or its data was not available.
    """
    # Ray may ignore the end of child processes, of which a failure would look like a success.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with tempfile.TemporaryDirectory(prefix="stage-") as name:
        directory = Path(name)
        unpack(tree, settings, directory)
        binaries, cache = directory / ".venv/bin", directory / ".dvc/cache"
        inherited = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        path = os.pathsep.join([str(binaries), inherited.get("PATH", os.defpath)])

        def dvc(*words: str) -> None:
            execute([str(binaries / "dvc"), *words], directory, inherited | environment | {"PATH": path}, say)

        if parents:
            dvc("pull", "--quiet", *parents)
        inputs = files_under(cache)
        dvc("repro", "--single-item", address)
        if not (cache / "runs").exists():
            # DVC does not record a run by itself if one of the outputs is in git, and is neither a metric nor a plot.
            dvc("commit", "--quiet", "--force", address)
        return {str(path.relative_to(cache)): path.read_bytes() for path in sorted(files_under(cache) - inputs)}
