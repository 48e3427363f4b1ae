"""The table of the improvements study."""

import csv
import json
import shutil
from pathlib import Path

import in_process
import pytest
from conftest import ROOT

STUDY = "studies/improvements"
TABLE = f"{STUDY}/table.py"
# Accuracies of three seeds, in percent.
BASELINE, SHIFT = [91.0, 91.4, 91.2], [92.0, 92.2, 92.4]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A directory with the committed study."""
    shutil.copytree(ROOT / STUDY, tmp_path / STUDY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_committed_table_is_of_the_committed_results(project):
    in_process.run(project, TABLE)
    for suffix in ("csv", "md", "png"):
        assert Path(f"reports/improvements.{suffix}").read_bytes() == (ROOT / f"reports/improvements.{suffix}").read_bytes()


def test_each_row_has_its_std_and_its_difference_from_the_baseline(project):
    for row, accuracies in {"baseline": BASELINE, "shift": SHIFT}.items():
        seeds = {
            str(seed): {split: {"accuracy": value / 100} for split in ("validation", "test")}
            for seed, value in enumerate(accuracies)
        }
        Path(STUDY, f"results/{row}.json").write_text(json.dumps({"seeds": seeds}))
    in_process.run(project, TABLE)
    with open("reports/improvements.csv", newline="") as file:
        rows = {row["row"]: row for row in csv.DictReader(file)}
    baseline, shift = rows["baseline"], rows["shift"]
    assert next(iter(rows)) == "baseline" and list(baseline)[:4] == ["row", "improvement", "change", "seeds"]
    for split in ("validation", "test"):
        assert [float(baseline[f"{split}_{column}"]) for column in ("difference", "low", "high", "p")] == [0, 0, 0, 1]
        assert (float(shift[f"{split}_mean"]), float(shift[f"{split}_std"])) == pytest.approx((92.2, 0.2))
        # Equal stds: Student's t with four degrees of freedom, 2.776, times 0.2 * sqrt(2 / 3).
        found = [float(shift[f"{split}_{column}"]) for column in ("difference", "low", "high")]
        assert found == pytest.approx([1.0, 1 - 0.4534, 1 + 0.4534], abs=1e-4)
    (line,) = [line for line in Path("reports/improvements.md").read_text().splitlines() if "shifts by at most" in line]
    assert [cell.strip() for cell in line.split("|")[3:7]] == ["92.20 ± 0.20 %"] * 2 + ["+1.00 (+0.55 to +1.45)"] * 2
    assert line.split("|")[7].strip() == "better"
    assert 0 < float(shift["validation_p"]) < 0.05
    assert all(float(row["validation_p"]) <= float(row["validation_p_holm"]) <= 1 for row in rows.values())


def test_a_study_of_the_first_row_alone_is_refused_and_nothing_is_written(project, capfd):
    Path(STUDY, "rows.yaml").write_text(
        "recipe: recipes/baseline.yaml\nrows:\n  baseline: {title: baseline, seeds: 16, changes: {}}\n"
    )
    with pytest.raises(SystemExit) as end:
        in_process.run(project, TABLE)
    assert end.value.code == 2 and "has no row but the first" in capfd.readouterr().err
    assert not Path("reports").exists()


@pytest.mark.parametrize("file", ["results/shift.json", "costs.json"])
def test_a_row_that_is_not_measured_is_named(project, capfd, file):
    path = Path(STUDY, file)
    if file == "costs.json":
        costs = json.loads(path.read_text())
        del costs["shift"]
        path.write_text(json.dumps(costs))
    else:
        path.unlink()
    code, message = in_process.refused(project, capfd, TABLE)
    assert code == 1
    assert message.startswith(f"error: {STUDY}/{file}: ") and "shift" in message and message.endswith("`make improvements`\n")
