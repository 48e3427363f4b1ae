"""The studies of rows, improvements and ablation: their rows, their costs, and what their pipeline runs again."""

import json
import shutil
from pathlib import Path

import pytest
import small_project
from conftest import ROOT

from fashion import paths
from fashion.params import load
from fashion.pipeline.errors import ParameterError
from fashion.study_params import read_row, read_rows

STUDIES = (paths.IMPROVEMENTS_STUDY, paths.ABLATION_STUDY)
ROWS = paths.IMPROVEMENTS_STUDY / "rows.yaml"


@pytest.fixture
def in_root(monkeypatch):
    monkeypatch.chdir(ROOT)


@pytest.mark.parametrize("study", STUDIES)
def test_every_row_but_the_first_changes_the_recipe(study, in_root):
    rows = read_rows(study)
    for name in rows.rows:
        assert (read_row(study, name) == load(Path(rows.recipe))) == (name == rows.first)


@pytest.mark.parametrize("study", STUDIES)
def test_every_row_is_measured(study, in_root):
    rows = read_rows(study).rows
    results = {path.stem: json.loads(path.read_text())["seeds"] for path in (study / "results").iterdir()}
    assert results.keys() == rows.keys()
    assert all(list(results[name]) == [str(number) for number in range(row.seeds)] for name, row in rows.items())


@pytest.mark.parametrize("study", STUDIES)
def test_every_row_is_timed(study, in_root):
    assert list(json.loads((study / "costs.json").read_text())) == list(read_rows(study).rows)


def test_every_improvement_is_one_of_the_ten(in_root):
    rows = read_rows(paths.IMPROVEMENTS_STUDY).rows
    baseline, *others = rows.values()
    assert not baseline.group and all(row.group for row in others)


BASELINE = "  baseline: {title: baseline, seeds: 3, changes: {}}\n"
FIRST = f"recipe: recipes/baseline.yaml\nrows:\n{BASELINE}"
WRONG = {
    "no YAML": ("[", "not valid YAML"),
    "no mapping": ("- 1", "should be a valid dictionary"),
    "unknown key": ("row: 1\n" + FIRST, "row: unknown key"),
    "unknown key of a row": (
        f"{FIRST}  x: {{group: a, titel: b, seeds: 3, changes: {{}}}}",
        "rows.x.title: missing; rows.x.titel: unknown",
    ),
    "row twice": (f"{FIRST}{BASELINE}", "duplicate key 'baseline'"),
    "one seed": (FIRST.replace("3", "1"), "rows.baseline.seeds: should be greater than or equal to 2"),
    "no seeds": (FIRST.replace("seeds: 3, ", ""), "rows.baseline.seeds: missing"),
    "long title": (
        f"{FIRST}  x: {{group: a, title: {'b' * 46}, seeds: 3, changes: {{}}}}",
        "rows.x.title: .* at most 45 characters",
    ),
    "no title": (f"{FIRST}  x: {{group: a, title: '', seeds: 3, changes: {{}}}}", "rows.x.title: .* at least 1 character"),
    "name like a path": (f"{FIRST}  ../x: {{group: a, title: b, seeds: 3, changes: {{}}}}", "rows.../x.*: .*pattern"),
    "no recipe": (FIRST.partition("\n")[2], "recipe: missing"),
    "no file of that name": (f"recipe: recipes/x.yaml\nrows:\n{BASELINE.replace('baseline:', 'x:')}", "x: recipes/x.yaml"),
    "no rows": ("recipe: params.yaml\nrows: {}\n", "rows: the first has to be the recipe as it is, with changes: {}"),
    "first one changed": (FIRST.replace("{}", "{train: {epochs: 1}}"), "rows: the first has to be the recipe as it is"),
    "wrong recipe": (
        f"{FIRST}  x: {{group: a, title: b, seeds: 3, changes: {{train: {{epochs: 0}}}}}}",
        "rows.yaml: x: recipes/baseline.yaml: train.epochs: should be greater than or equal to 1",
    ),
    "unknown key of the recipe": (
        f"{FIRST}  x: {{group: a, title: b, seeds: 3, changes: {{train: {{epohcs: 1}}}}}}",
        "rows.yaml: x: recipes/baseline.yaml: train.epohcs: unknown key",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_rows_are_refused(name, tmp_path, monkeypatch):
    text, message = WRONG[name]
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / paths.RECIPES, paths.RECIPES)
    ROWS.parent.mkdir(parents=True)
    ROWS.write_text(text)
    with pytest.raises(ParameterError, match=message) as error:
        read_row(paths.IMPROVEMENTS_STUDY, "x")
    assert str(error.value).startswith(f"{ROWS}: ") and "\n" not in str(error.value)


def test_costs_are_timed_row_by_row_and_count_all_parameters(tmp_path, raw, monkeypatch, capfd):
    """Interrupted in the second row, and run again: the first row is not timed again."""
    from fashion.training import pruning

    small_project.make(tmp_path, raw)
    program, costs = ("studies/cost.py", "improvements"), tmp_path / "studies/improvements/costs.json"
    epoch_sizes, prepared = pruning.epoch_sizes, 0

    def at_most(members: int):
        """Stop before another member is prepared."""

        def counted(*arguments):
            nonlocal prepared
            if prepared == members:
                raise KeyboardInterrupt
            prepared += 1
            return epoch_sizes(*arguments)

        return counted

    # The baseline that all are compared with, and the baseline's own row.
    monkeypatch.setattr(pruning, "epoch_sizes", at_most(2))
    assert small_project.refused(tmp_path, capfd, *program)[0] == 130
    assert list(json.loads(costs.read_text())) == ["baseline"]
    # The baseline that all are compared with, and the two members of the second row.
    prepared = 0
    monkeypatch.setattr(pruning, "epoch_sizes", at_most(3))
    small_project.run(tmp_path, *program)
    assert prepared == 3

    found = json.loads(costs.read_text())
    assert list(found) == ["baseline", "two"]
    assert found["two"]["parameters"] == 2 * found["baseline"]["parameters"] == 2 * 33_194
    assert all(cost["ratio"] > 0 for cost in found.values())


@pytest.mark.slow
def test_a_row_runs_again_when_its_changes_do_and_a_new_row_runs_alone(clone, raw):
    clone.use_raw(raw)
    shutil.copy(clone.path / "params.yaml", clone.path / paths.BASELINE)
    rows = clone.path / ROWS
    text = small_project.ROWS.partition("  two:")[0]
    shift = "  shift: {group: 1. Data augmentation, title: shifts, seeds: 2, changes: {augment: {shift: 1}}}\n"

    def repro() -> str:
        return clone.dvc("repro", "studies/improvements/dvc.yaml:row")

    rows.write_text(text)
    assert "row@baseline" in repro()
    rows.write_text(text + shift)
    done = repro()
    assert "Running stage 'studies/improvements/dvc.yaml:row@shift'" in done and done.count("Running stage") == 1
    rows.write_text(text + shift.replace("title: shifts", "title: by one pixel"))
    assert "Running stage" not in repro()
    rows.write_text(text + shift.replace("shift: 1", "shift: 2"))
    done = repro()
    assert "Running stage 'studies/improvements/dvc.yaml:row@shift'" in done and done.count("Running stage") == 1
