"""Two branches, each with an edit and its results, merged by git."""

import re

import pytest
from conftest import Clone


def keep(clone: Clone, message: str) -> None:
    """Run the pipeline, make the page, and commit what they wrote, as README.md says."""
    clone.dvc("repro")
    clone.dvc("repro", "--single-item", "reports/dvc.yaml:page")
    done = clone.run("python", "tools/tables.py")
    assert done.returncode == 0, done.stdout + done.stderr
    clone.commit(message)


@pytest.mark.slow
def test_two_branches_with_results_are_merged_by_running_what_differs(ran, tmp_path):
    clone = ran.copy(tmp_path / "clone")
    keep(clone, "Start")
    clone.git("branch", "other")
    clone.edit("which: first ", "which: wrong ")
    keep(clone, "Show the mistakes")
    clone.git("switch", "--quiet", "other")
    clone.dvc("checkout")
    clone.edit("tta: flip ", "tta: none ")
    keep(clone, "Without test-time augmentation")

    conflicts = re.findall("Merge conflict in (.*)", clone.run("git", "merge", "-").stdout)
    assert "dvc.lock" in conflicts and "params.yaml" not in conflicts
    keep(clone, "Both")

    assert clone.run("git", "show", "--no-patch", "--format=%p").stdout.count(" ") == 1
    text = (clone.path / "params.yaml").read_text()
    assert "which: wrong " in text and "tta: none " in text
    assert clone.dvc("status", "dvc.yaml", "reports/dvc.yaml:page").startswith("Data and pipelines are up to date")
    assert clone.run("git", "grep", "-l", "^<<<<<<< ").stdout == ""
