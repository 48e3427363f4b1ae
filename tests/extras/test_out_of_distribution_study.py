"""The study of what is told from garments, with few pictures."""

import runpy

import pytest
from conftest import ROOT

from fashion import paths

STUDY = ROOT / "studies/out_of_distribution"


@pytest.fixture
def functions(ran, monkeypatch, tmp_path):
    """What a script of the study defines, by name, where the pipeline has run; it writes to another directory."""
    monkeypatch.chdir(ran.path)
    monkeypatch.setattr(paths, "OUT_OF_DISTRIBUTION_STUDY", tmp_path)
    return lambda script: runpy.run_path(str(STUDY / script), run_name="read")


def test_each_kind_is_counted_and_shown(functions, tmp_path):
    defined = functions("caught.py")
    defined["main"].__globals__.update(PICTURES=20, BANK=500)
    defined["main"](paths.model_of("model"))
    rows = [line.split("|")[1:-1] for line in (tmp_path / "table.md").read_text().splitlines()]
    table = {kind.strip(): [cell.strip() for cell in cells] for kind, *cells in rows}
    committed = [line.split("|")[1].strip() for line in (STUDY / "table.md").read_text().splitlines()]
    assert list(table) == list(dict.fromkeys(committed))
    assert table["noise"][0] == "20" and float(table["noise"][-1]) == 100
    assert float(table["garments: test images"][-1]) < 15
    assert (tmp_path / "kinds.png").read_bytes().startswith(b"\x89PNG")


def test_test_images_of_each_class_are_explained(functions, ran, tmp_path, monkeypatch):
    from fashion import params

    read = params.load()
    defined = functions("explain.py")
    defined["main"].__globals__.update(OF_EACH=1)
    defined["main"](list(read.ensemble), read.evaluate)
    assert (tmp_path / "explanations.png").read_bytes().startswith(b"\x89PNG")
