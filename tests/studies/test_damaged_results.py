"""Results that are valid JSON or arrays of the wrong shape: one line that names the file, and no page is rewritten."""

import shutil
from pathlib import Path

import in_process
import numpy as np
import pytest
from conftest import ROOT

from fashion.data.facts import CLASSES
from fashion.pipeline.errors import UserError
from fashion.pipeline.files import read_arrays

WRONG = ["{}", "[]", "null", "3", '{"seeds": 3}', '{"seeds": {}}', '{"seeds": {"0": {}}}', '{"seeds": {"0": {"test": "x"}}}']
READERS = {
    "studies/seeds/table.py": "studies/seeds/results/fast.json",
    "studies/cross_validation/table.py": "studies/cross_validation/results/2.json",
    "tools/tables.py": "studies/speed/results.json",
}


@pytest.fixture
def project(tmp_path, monkeypatch):
    for name in ("README.md", "params.yaml", "docs", "studies", "reports"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("content", WRONG)
@pytest.mark.parametrize("program", READERS)
def test_wrong_results_are_named(program, content, project, capfd):
    path = project / READERS[program]
    path.write_text(content)
    before = {file: file.read_bytes() for file in project.rglob("*.md")}
    message = f"error: {READERS[program]}: damaged; `git checkout {READERS[program]}` restores it\n"
    assert in_process.refused(project, capfd, program) == (1, message)
    assert {file: file.read_bytes() for file in project.rglob("*.md")} == before


def test_a_missing_result_says_how_to_get_it_back(project, capfd):
    (project / "studies/seeds/results/fast.json").unlink()
    said = "fast.json: No such file or directory; `git checkout studies/seeds/results/fast.json` restores what is in git\n"
    assert in_process.refused(project, capfd, "studies/seeds/table.py")[1].endswith(said)


def test_a_word_in_place_of_a_number_is_named(project, capfd):
    path = Path("reports/improvements.csv")
    heading, baseline, row, *rows = path.read_text().splitlines()
    path.write_text("\n".join([heading, baseline, row.rpartition(",")[0] + ",word", *rows]))
    code, message = in_process.refused(project, capfd, "tools/tables.py")
    assert code == 1 and message.startswith("error: reports/improvements.csv: damaged table (could not convert string")


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_text("text"),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-50]),
        lambda path: np.savez(path, other=np.zeros(3)),
        lambda path: np.savez(path, probabilities=np.zeros((5, 3))),
        lambda path: np.savez(path, probabilities=np.full((5, CLASSES), np.nan)),
        lambda path: np.savez(path, probabilities=np.array([{}], object)),
    ],
)
def test_damaged_arrays_are_named(damage, tmp_path):
    path = tmp_path / "kept.npz"
    np.savez(path, probabilities=np.full((5, CLASSES), 0.1))
    assert read_arrays(path, probabilities=(-1, CLASSES))["probabilities"].shape == (5, CLASSES)
    damage(path)
    with pytest.raises(UserError, match=r"kept\.npz: damaged"):
        read_arrays(path, probabilities=(-1, CLASSES))


def test_suspects_of_no_class_are_refused(project, capfd):
    Path("studies/labels/audit.csv").write_text("index,label,more_likely,probability_of_label\n3,Bag,Hat,0.1\n")
    _, message = in_process.refused(project, capfd, "studies/labels/correct.py", "1")
    assert "audit.csv: damaged table ('Hat' is no class)" in message
    assert not Path("data/corrections/suspects.csv").exists()
