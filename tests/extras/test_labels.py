"""The audits of the labels, run on the committed predictions."""

import runpy
import shutil
import sys

import pytest
from conftest import ROOT


@pytest.fixture
def project(tmp_path, raw, monkeypatch):
    """A directory with what the audit reads, and the audit as the program to be run."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/raw").symlink_to(raw)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "studies/cross_validation", tmp_path / "studies/cross_validation")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["audit.py"])
    return tmp_path


def test_the_committed_list_of_suspects_is_of_the_committed_predictions(project, capfd):
    runpy.run_path(str(ROOT / "studies/labels/audit.py"), run_name="__main__")
    for name in ("audit.csv", "audit.md", "gallery.png"):
        assert (project / "studies/labels" / name).read_bytes() == (ROOT / "studies/labels" / name).read_bytes()
    assert (ROOT / "studies/labels/audit.md").read_text() in capfd.readouterr().out


def test_the_committed_page_on_test_labels_is_of_the_committed_predictions(project):
    for name in ("reports/predictions.csv", "studies/seeds/probabilities/accurate.npz"):
        (project / name).parent.mkdir(parents=True)
        shutil.copy(ROOT / name, project / name)
    runpy.run_path(str(ROOT / "studies/seeds/test_labels.py"), run_name="__main__")
    assert (project / "studies/seeds/test_labels.md").read_text() == (ROOT / "studies/seeds/test_labels.md").read_text()


def test_without_cleanlab_it_says_what_to_install(project, monkeypatch, capfd):
    monkeypatch.setitem(sys.modules, "cleanlab.filter", None)
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(ROOT / "studies/labels/audit.py"), run_name="__main__")
    assert (end.value.code, capfd.readouterr().err) == (1, "error: cleanlab: not installed; run `make extras`\n")
