"""tools/pr_report.py: on branches of a clone with the results of two recipes, as a pull request has them."""

import json
import re

import pytest
from conftest import Clone


@pytest.fixture(scope="module")
def proposed(tmp_path_factory, ran) -> Clone:
    """A clone with the project's results on the branch `base`, and on its branch those of the tests' small recipe."""
    clone = Clone(tmp_path_factory.mktemp("proposed") / "clone", small=False, source=ran.path)
    clone.git("branch", "base")
    clone.commit("Results of the small recipe")
    return clone


def report(clone: Clone, *words: str) -> str:
    done = clone.run(".venv/bin/python", "tools/pr_report.py", *words)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout


def test_parameters_scores_verdict_and_figures_of_a_branch(proposed):
    said = report(proposed, "base", "--pictures", "https://example.org/raw")
    base, head = (proposed.run("git", "rev-parse", name).stdout.strip() for name in ("base", "HEAD"))
    assert said.startswith(f"## What `{head[:7]}` changes of `{base[:7]}`\n")
    accuracy = json.loads((proposed.path / "reports/metrics.json").read_text())["test"]["accuracy"]
    rows = {cells[1]: cells[2:4] for line in said.splitlines() if len(cells := line.replace(" ", "").split("|")[1:]) >= 4}
    assert rows["prepare.images"] == ["60000", "1000"]
    assert float(rows["test.accuracy"][1]) == pytest.approx(accuracy, abs=1e-5)
    assert f"Yes: on these images, {base[:7]} is better" in said
    figure = "reports/figures/mistakes.png"
    before, after = (f"![{figure} in {name[:7]}](https://example.org/raw/{name}/{figure})" for name in (base, head))
    assert [before, after] in [[cell.strip() for cell in line.split("|")[1:-1]] for line in said.splitlines()]
    assert "dvc repro" not in said


def test_a_branch_without_changes_says_so_whatever_the_base_got_meanwhile(proposed, tmp_path):
    clone = Clone(tmp_path / "clone", small=False, source=proposed.path)
    clone.git("branch", "topic", "HEAD~1")
    said = report(clone, "HEAD", "topic")
    for line in ("No parameter changed.", "No score changed.", "Fixed      0 images", "No figure changed."):
        assert line in said


def test_results_that_are_missing_or_of_other_parameters_are_called_so(proposed, tmp_path):
    clone = Clone(tmp_path / "clone", small=False, source=proposed.path)
    clone.edit("dropout: 0.0", "dropout: 0.2")
    clone.git("rm", "--quiet", "reports/predictions.csv", "reports/figures/mistakes.png")
    clone.commit("Another dropout, not run")
    said = report(clone, "HEAD~1", "--pictures", "https://example.org/raw")
    assert "**params.yaml changed, but dvc.lock did not: run `dvc repro`, and commit what it writes.**" in said
    assert "No score changed." in said and "has no reports/predictions.csv" in said
    assert re.search(r"mistakes\.png\) *\| none", said)


def test_a_base_that_is_not_there_is_named_in_one_line(proposed, tmp_path):
    shallow = tmp_path / "shallow"
    proposed.git("clone", "--quiet", "--depth", "1", f"file://{proposed.path}", str(shallow))
    clone = Clone(tmp_path / "clone", small=False, source=shallow)
    base = proposed.run("git", "rev-parse", "base").stdout.strip()
    clone.git("fetch", "--quiet", "--depth", "1", f"file://{proposed.path}", base)
    for name, message in ((base, "have no commit in common here"), ("nonsense", "no commit, branch or tag here")):
        done = clone.run(".venv/bin/python", "tools/pr_report.py", name)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"error: {name}") and message in done.stderr and done.stderr.count("\n") == 1
