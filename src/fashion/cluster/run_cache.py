"""DVC's run cache here. By it DVC takes over what a stage wrote elsewhere, or before, as if it had just run here."""

import subprocess
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from fashion import dvc
from fashion.pipeline.files import write_bytes


def restore(addresses: Iterable[str]) -> None:
    """Restore the outputs of those stages that DVC has run before on the inputs that they have now.

    Of the other stages it deletes the outdated outputs, as it does whenever it begins to run a stage.
    """
    # DVC runs a stage's command by $SHELL. With one that always fails, nothing but what need not run succeeds.
    subprocess.run(
        [dvc.PROGRAM, "repro", "--quiet", "--single-item", "--keep-going", *addresses],
        env=dvc.environment() | {"SHELL": "false"},
        capture_output=True,
    )


def store(files: Mapping[str, bytes]) -> None:
    """Add files to DVC's cache: each by its path there, as `node.run_stage` returns them.

    Raises:
        UserError: DVC failed.
    """
    cache = Path(dvc.ask("cache", "dir").strip())
    for name, content in files.items():
        if not (cache / name).exists():  # a name there is the hash of its content
            write_bytes(cache / name, content)


def adopt(addresses: list[str]) -> None:
    """Let DVC take over the results of stages that are in the cache.

    Raises:
        UserError: DVC failed.
    """
    started = time.monotonic()
    dvc.run("repro", "--single-item", *addresses)
    print(f"took over the results of {len(addresses)} stages in {time.monotonic() - started:.1f} s", flush=True)
