"""The notebook docs/tour.ipynb: its cells run in a clone with the small recipe; what it shows is of the committed results."""

import base64
import json

import nbformat
import pytest
from nbclient import NotebookClient

TOUR = "docs/tour.ipynb"


def shown(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """What each cell shows, by the cell's name: its text, or its picture as base64."""
    return {
        cell.id: "".join(output.get("text") or output["data"].get("image/png", "") for output in cell.outputs)
        for cell in notebook.cells
        if cell.cell_type == "code"
    }


def picture(path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


@pytest.fixture(scope="module")
def toured(tmp_path_factory, ran):
    """A clone in which the notebook has run, and what its cells showed."""
    clone = ran.copy(tmp_path_factory.mktemp("toured") / "clone")
    notebook = nbformat.read(clone.path / TOUR, as_version=4)
    place = {"metadata": {"path": str((clone.path / TOUR).parent)}}
    NotebookClient(notebook, timeout=300, coalesce_streams=True, resources=place).execute()
    return clone, shown(notebook)


def test_every_cell_of_the_tour_runs(toured, ran):
    clone, cells = toured
    assert "Running stage" not in cells["repro"]
    assert cells["metrics"] == (ran.path / "reports/metrics.json").read_text()
    assert "| params.yaml | model.dropout" in cells["edit"]
    assert "Running stage 'train@model'" in cells["repro-again"] and "Running stage 'prepare'" not in cells["repro-again"]
    assert "test.accuracy" in cells["metrics-diff"] and "Is there a difference?" in cells["verdict"]
    assert "is cached - skipping run" in cells["undo"] and "Running stage 'train" not in cells["undo"]
    assert " taken for " in cells["pairs"]
    # It leaves everything as it was, but for its branch.
    for name in ("params.yaml", "dvc.lock", "models/model.keras", "reports/predictions.csv"):
        assert (clone.path / name).read_bytes() == (ran.path / name).read_bytes()


def test_the_committed_outputs_are_of_the_committed_results(root):
    notebook = nbformat.read(root / TOUR, as_version=4)
    nbformat.validate(notebook)
    cells, remedy = shown(notebook), "run `python tools/tour.py`"
    assert json.loads(cells["metrics"]) == json.loads((root / "reports/metrics.json").read_text()), remedy
    for cell, name in (("curves-figure", "learning_curves"), ("mistakes-figure", "mistakes")):
        assert cells[cell].replace("\n", "") == picture(root / f"reports/figures/{name}.png"), remedy
    assert "Running stage 'train@model'" in cells["repro"] and "Is there a difference?" in cells["verdict"]
    assert str(root) not in (root / TOUR).read_text()
