"""What travels to a node with a stage: the working tree, and where the data is."""

import os
import subprocess
import tempfile
from collections import defaultdict

from fashion import dvc
from fashion.pipeline.errors import UserError


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


def node_settings() -> str:
    """Return the text of a node's .dvc/config.local: the remotes as they are known here, and a cache of its own.

    Raises:
        UserError: there is no default remote, or DVC's settings are damaged.
    """
    # All levels, .dvc/config.local included, the stronger after the weaker; addresses that are paths come absolute.
    settings = dict(line.split("=", 1) for line in dvc.ask("config", "--list").splitlines() if "=" in line)
    remotes = defaultdict(dict)
    for key, value in settings.items():
        if key.startswith("remote."):
            name, option = key.removeprefix("remote.").rsplit(".", 1)
            remotes[name][option] = value
    if (default := settings.get("core.remote")) not in remotes:
        raise UserError(
            "no default DVC remote, over which the nodes could get their data: `dvc remote add --default NAME ADDRESS` "
            "(on one machine a directory will do)"
        )
    # The copy on the node is no git repository.
    lines = ["[cache]", "dir = cache", "[core]", "no_scm = true", f"remote = {default}"]
    for name, options in remotes.items():
        lines += [f"['remote \"{name}\"']", *(f"{option} = '''{value}'''" for option, value in options.items())]
    return "\n".join([*lines, ""])
