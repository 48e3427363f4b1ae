"""tools/compare.py: two commits of the history, and names that stand for none."""

import runpy
import subprocess
import sys

import pytest
from conftest import ROOT


@pytest.fixture
def run(monkeypatch):
    """A function that runs the program in the project's directory."""
    monkeypatch.chdir(ROOT)

    def run(*words: str) -> None:
        monkeypatch.setattr(sys, "argv", ["compare.py", *words])
        runpy.run_path("tools/compare.py", run_name="__main__")

    return run


def git(*words: str) -> str:
    return subprocess.run(["git", "-C", str(ROOT), *words], check=True, capture_output=True, text=True).stdout.split()[0]


def test_two_commits_of_the_history(run, capfd):
    baseline = git("log", "--format=%h", "--grep=^Results of recipes/seed.yaml", "-1")
    run(baseline, "HEAD")
    said = capfd.readouterr().out
    assert f"{baseline}  9,105 of 10,000 test images right: 91.05%" in said
    assert "Yes: on these images, HEAD is better" in said


def test_a_commit_without_predictions_and_a_name_of_none_are_refused_in_one_line(run, capfd):
    first = git("rev-list", "--max-parents=0", "HEAD")
    for name, message in ((first, "has no reports/predictions.csv"), ("nonsense", "no commit, branch or experiment")):
        with pytest.raises(SystemExit) as end:
            run(name)
        said = capfd.readouterr().err
        assert end.value.code == 1 and said.startswith(f"error: {name}: {message}") and said.count("\n") == 1


def test_two_recipes_are_compared_by_their_seeds(run, capfd):
    run("--seeds", "baseline", "params")
    assert "Is there a difference? By the validation images, yes, params is better." in capfd.readouterr().out
    with pytest.raises(SystemExit) as end:
        run("--seeds", "baseline", "nonsense")
    assert (end.value.code, capfd.readouterr().err.count("\n")) == (1, 1)
