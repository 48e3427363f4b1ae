"""The cross-validation: its folds, its pipeline on a small recipe, and its table."""

import re
import shutil

import numpy as np
import pytest
import small_project
from conftest import ROOT

from fashion.pipeline.errors import ParameterError, UserError
from fashion.study_params import out_of_fold_probabilities, read_folds


@pytest.mark.slow
def test_the_folds_are_trained_once_and_summed_up(clone, raw):
    clone.use_raw(raw)
    clone.edit("epochs: 2 ", "epochs: 1 ")
    clone.edit("filters: [16, 32, 32]", "filters: [8, 16, 16]")
    clone.edit("folds: [1, 2, 3, 4, 5]", "folds: [1, 2]", "studies/cross_validation/params.yaml")
    first = clone.dvc("repro", "studies/cross_validation/dvc.yaml")
    # The folds, the table, and what the folds need of the pipeline.
    assert first.count("Running stage 'studies/cross_validation") == 3
    assert re.search(r"Of the 60,000 images, .*, [\d,]+ are right: [789]\d\.\d\d %, 95 % interval", first)
    for fold in ("1", "2"):
        with np.load(clone.path / f"studies/cross_validation/out_of_fold/{fold}.npz", allow_pickle=False) as predicted:
            probabilities = predicted["probabilities"]
        assert (probabilities.shape, probabilities.dtype) == ((30_000, 10), np.float16)
        np.testing.assert_allclose(probabilities.astype(float).sum(axis=1), 1, atol=5e-3)
    assert "Running stage" not in clone.dvc("repro", "studies/cross_validation/dvc.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("folds: [1]\nseed: 0\n", "folds: .* at least 2 items"),
        ("folds: [1, 3]\nseed: 0\n", r"folds are numbered 1, 2, 3 ..., not \[1, 3\]"),
        ("folds: [1, 2]\n", "seed: missing"),
    ],
)
def test_wrong_folds_are_refused(tmp_path, monkeypatch, text, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "studies/cross_validation").mkdir(parents=True)
    (tmp_path / "studies/cross_validation/params.yaml").write_text(text)
    with pytest.raises(ParameterError, match=f"studies/cross_validation/params.yaml: {message}"):
        read_folds()


def test_predictions_of_other_folds_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "studies/cross_validation/out_of_fold").mkdir(parents=True)
    (tmp_path / "studies/cross_validation/params.yaml").write_text("folds: [1, 2]\nseed: 0\n")
    labels = np.arange(40) % 10
    for fold in (1, 2):
        np.savez(f"studies/cross_validation/out_of_fold/{fold}.npz", probabilities=np.full((20, 10), fold / 10, np.float16))
    found = out_of_fold_probabilities(labels)
    assert (found.shape, found.dtype) == ((40, 10), np.float32)
    np.testing.assert_array_equal(np.round(found[:, 0] * 10), read_folds().assign(labels))
    np.savez("studies/cross_validation/out_of_fold/2.npz", probabilities=np.zeros((19, 10), np.float16))
    with pytest.raises(UserError, match=r"out_of_fold/2.npz: is of other folds; run `make cross_validation`"):
        out_of_fold_probabilities(labels)


def test_the_committed_table_is_of_the_committed_results(tmp_path):
    study = "studies/cross_validation"
    shutil.copytree(ROOT / study / "results", tmp_path / study / "results")
    shutil.copy(ROOT / study / "params.yaml", tmp_path / study)
    small_project.run(tmp_path, f"{study}/table.py")
    assert (tmp_path / study / "table.md").read_bytes() == (ROOT / study / "table.md").read_bytes()
