"""studies/labels/correct.py: from the list of suspicious labels to a table of corrections that the split takes."""

import csv
from pathlib import Path

import pytest
import small_project
from conftest import ROOT

from fashion import params
from fashion.data import release
from fashion.data.split import split

CORRECT = "studies/labels/correct.py"


@pytest.fixture
def project(tmp_path, raw, monkeypatch):
    small_project.make(tmp_path, raw)
    (tmp_path / "studies/labels").mkdir()
    (tmp_path / "studies/labels/audit.csv").write_bytes((ROOT / "studies/labels/audit.csv").read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("words", "left_out"), [((), 100), (("--relabel",), 0)])
def test_the_most_suspicious_labels_are_left_out_or_replaced(project, capfd, words, left_out):
    small_project.run(project, CORRECT, "100", *words)
    assert "`git add data/corrections/suspects.csv`: a queued experiment gets only what git knows" in capfd.readouterr().out
    with open("data/corrections/suspects.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    with open("studies/labels/audit.csv", newline="") as file:
        suspects = list(csv.DictReader(file))[:100]
    assert {row["index"] for row in rows} == {suspect["index"] for suspect in suspects}
    assert [int(row["index"]) for row in rows] == sorted(int(row["index"]) for row in rows)
    assert sum(row["becomes"] == "" for row in rows) == left_out
    assert all(row["label"] != row["becomes"] for row in rows)

    text = Path("params.yaml").read_text().replace("images: 1000 ", "images: 60000 ")
    Path("params.yaml").write_text(text.replace("none.csv", "suspects.csv"))
    prepare = params.load().prepare
    full = release.read_training_set()
    train, validation = split(full, prepare)
    unchanged, same = split(full, prepare.model_copy(update={"corrections": "data/corrections/none.csv"}))
    # About nine in ten of the suspects are training images; the validation images stay as they are.
    assert (validation.labels == same.labels).all()
    if left_out:
        assert 80 <= len(unchanged) - len(train) <= 100
    else:
        assert 80 <= (unchanged.labels != train.labels).sum() <= 100


@pytest.mark.parametrize("count", ["0", "99999"])
def test_a_number_that_there_is_not_is_refused(project, capfd, count):
    code, message = small_project.refused(project, capfd, CORRECT, count)
    suspects = len(Path("studies/labels/audit.csv").read_text().splitlines()) - 1
    assert code == 2
    assert message == f"error: {count} is not from 1 to {suspects}, the number of suspects in studies/labels/audit.csv\n"
    assert not Path("data/corrections/suspects.csv").exists()


def test_a_damaged_audit_is_refused(project, capfd):
    Path("studies/labels/audit.csv").write_text("index,label,more_likely\nx,Bag,Coat\n")
    code, message = small_project.refused(project, capfd, CORRECT, "1")
    assert (code, message.partition("; ")[0]) == (
        1,
        "error: studies/labels/audit.csv: damaged table (an index is no whole number)",
    )
