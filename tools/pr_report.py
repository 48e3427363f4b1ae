"""What do the commits of a pull request change? A report as Markdown: parameters, scores, the verdict of compare, the figures.

python tools/pr_report.py main         what HEAD has changed since it left main
python tools/pr_report.py main BRANCH  what BRANCH has

It shows the results as they are committed and runs nothing again; `make test` holds them to the code.
"""

import argparse
import subprocess
import sys

from fashion import dvc, paths
from fashion.clones import folder, git
from fashion.pipeline import tables
from fashion.pipeline.errors import UserError, one_line_errors

# The lines of a Markdown table that has no rows.
HEADING_LINES = 2


def commit_of(name: str) -> str:
    """Return the full name of a commit.

    Raises:
        UserError: there is no such commit here.
    """
    try:
        return git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}").strip()
    except UserError:
        raise UserError(f"{name}: no commit, branch or tag here; `git fetch origin {name}` may get it") from None


def common_commit(base: str, head: str) -> str:
    """Return the full name of the commit at which `head` left `base`.

    Raises:
        UserError: there is none here, as in a shallow clone, or no such commit.
    """
    commits = commit_of(base), commit_of(head)
    try:
        return git("merge-base", *commits).strip()
    except UserError:
        raise UserError(f"{base} and {head} have no commit in common here; try `git fetch --unshallow`") from None


def changed_files(old: str, new: str, path: str) -> list[str]:
    """Return the names of the files under `path`, relative to the top directory, that differ between two commits."""
    return git("diff", "--name-only", "--no-renames", "--relative", "-z", old, new, "--", path).split("\0")[:-1]


def table(old: str, new: str, kind: str, path: str) -> str:
    """Return what DVC says of the change of metrics or params as a Markdown table; "" if nothing changed.

    Raises:
        UserError: DVC cannot read them.
    """
    lines = dvc.ask(kind, "diff", "--md", "--targets", path, "--", old, new).strip().splitlines()
    return "\n".join(lines) if len(lines) > HEADING_LINES else ""


def verdict(old: str, new: str) -> str:
    """Return what `tools/compare.py` says, be it its error."""
    command = [sys.executable, "tools/compare.py", old, new]
    done = subprocess.run(command, capture_output=True, text=True, env=dvc.environment())
    return (done.stdout or done.stderr).strip()


def figures(old: str, new: str, pictures: str | None) -> str:
    """Return the figures that changed, before and after: as pictures if their address is known, else as names."""
    changed = changed_files(old, new, str(paths.FIGURES))
    if not changed or pictures is None:
        return "\n".join(f"- `{path}`" for path in changed) or "No figure changed."

    def cell(commit: str, path: str) -> str:
        if not git("ls-tree", commit, path):
            return "none"
        return f"![{path} in {commit[:7]}]({pictures.rstrip('/')}/{commit}/{folder() / path})"

    return tables.markdown([[cell(old, path), cell(new, path)] for path in changed], ("before", "after"))


def report(base: str, head: str, pictures: str | None) -> str:
    """Return the report.

    Args:
        base: the commit or branch into which `head` is to be merged; `head` is compared with the commit at which it left it.
        head: the commit or branch that is proposed.
        pictures: the address under which COMMIT/PATH is a file of a commit; None if there is none.

    Raises:
        UserError: a commit is not there, this is not the top directory, or DVC cannot read its parameters or metrics.
    """
    if not paths.PARAMS.exists():
        raise UserError(f"{paths.PARAMS}: not found; run this in the project's top directory")
    old, new = common_commit(base, head), commit_of(head)
    was, now = (git("rev-parse", "--short", commit).strip() for commit in (old, new))
    params, metrics = table(was, now, "params", str(paths.PARAMS)), table(was, now, "metrics", str(paths.METRICS))
    stale = params and not changed_files(old, new, str(paths.LOCK))
    warning = f"**{paths.PARAMS} changed, but {paths.LOCK} did not: run `dvc repro`, and commit what it writes.**"
    parts = [
        f"## What `{now}` changes of `{was}`",
        *([warning] if stale else []),
        "### Parameters",
        params or "No parameter changed.",
        "### Scores",
        metrics or "No score changed.",
        "### Is it better?",
        f"```\n{verdict(was, now)}\n```",
        "### Figures",
        figures(old, new, pictures),
    ]
    return "\n\n".join(parts)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("base", help="the commit or branch that the pull request is to be merged into")
    parser.add_argument("head", nargs="?", default="HEAD", help="the commit or branch that is proposed (default HEAD)")
    parser.add_argument(
        "--pictures", metavar="URL", help="where URL/COMMIT/PATH shows a file of a commit (default: figures are only named)"
    )
    arguments = parser.parse_args()
    with one_line_errors():
        print(report(arguments.base, arguments.head, arguments.pictures))
