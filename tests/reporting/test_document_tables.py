"""The sentences of the documents that are made of results."""

import csv

import pytest
from conftest import ROOT

from fashion import paths
from fashion.pipeline import tables
from fashion.reporting import document_tables


@pytest.mark.parametrize(("counts", "said"), [([8], "8"), ([8, 8], "8"), ([16, 8], "8 or 16"), ([16, 8, 10, 8], "8, 10 or 16")])
def test_the_numbers_of_seeds_are_named_once(counts, said):
    assert document_tables.numbers_of_seeds({"test": [90.0] * count} for count in counts) == said


def test_verdicts_that_no_change_has_are_left_out(tmp_path, monkeypatch):
    with (ROOT / paths.IMPROVEMENTS).open(newline="") as file:
        rows = list(csv.DictReader(file))
    kept = [rows[0], *(row for row in rows[1:] if float(row["validation_low"]) > 0)]
    assert 1 < len(kept) < len(rows)
    monkeypatch.chdir(tmp_path)
    paths.IMPROVEMENTS.parent.mkdir()
    tables.write(paths.IMPROVEMENTS, kept)
    said = document_tables.verdicts()
    assert "**Better**" in said and "Worse" not in said and "told apart**" not in said
    assert all(row["change"] in said.replace("\n", " ") for row in kept[1:])
