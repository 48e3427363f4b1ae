"""Every program can be imported, pages are those of their results, and a recipe runs where studies measure it."""

import runpy
from pathlib import Path

import pytest
from conftest import ROOT

import fashion.backend  # noqa: F401  (first, because a program imports Keras by itself)
from fashion import paths
from fashion.pipeline.files import read_json
from fashion.timing import Clone, training_seconds

# What trains when it is imported, and what ends without the extras.
OTHERS = {"studies/speed/baseline.py", "studies/tuning/tune.py"}
PROGRAMS = {path.relative_to(ROOT).as_posix() for folder in ("studies", "tools") for path in (ROOT / folder).rglob("*.py")}


@pytest.mark.parametrize("program", sorted(PROGRAMS - OTHERS))
def test_what_a_program_imports_and_names_at_its_top_is_there(program):
    assert runpy.run_path(str(ROOT / program))["__doc__"]


def committed(page: Path) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def test_the_committed_benchmark_is_that_of_its_results():
    study = runpy.run_path(str(ROOT / paths.SPEED_STUDY / "benchmark.py"))
    results = read_json(ROOT / paths.SPEED_STUDY / "results.json")
    assert study["page"](results) == committed(paths.SPEED_STUDY / "results.md")


def test_the_committed_page_of_portable_bits_is_that_of_its_table(monkeypatch):
    monkeypatch.chdir(ROOT)
    study = runpy.run_path(str(ROOT / paths.REPRODUCIBILITY_STUDY / "portable_bits.py"))
    assert study["page"](study["read"]()) == committed(study["PAGE"])


@pytest.mark.slow
def test_a_recipe_runs_in_a_clone_for_measurements(ran, tmp_path, monkeypatch):
    monkeypatch.chdir(ran.path)
    clone = Clone(tmp_path / "clone", Path("tests/params.yaml"))
    assert clone.use({"train": {"epochs": 1}}).member("model").train.epochs == 1
    finished = clone.repro("evaluate")
    assert "Running stage 'prepare'" in clone.preparation.printed and "Running stage 'prepare'" not in finished.printed
    assert 0 < training_seconds(finished.printed) < finished.wall
    assert list(read_json(clone.path / paths.METRICS)["test"])
