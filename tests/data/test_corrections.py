"""Corrections of the training images' labels: the table, and what the pipeline makes of it."""

from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from fashion import params, paths
from fashion.data import corrections, idx, release
from fashion.data.facts import CLASS_NAMES
from fashion.data.images import Images
from fashion.data.split import split
from fashion.pipeline.errors import UserError

HEAD = "index,label,becomes\n"
LABELS = np.array([0, 1, 2, 6, 9], np.uint8)

WRONG = {
    "empty": ("", "its columns are missing, not index, label, becomes"),
    "other columns": ("index,label\n0,Coat\n", "its columns are index, label, not"),
    "too few values": (HEAD + "0,T-shirt/top\n", "line 2 has 2 values, not 3"),
    "no number": (HEAD + "zero,T-shirt/top,\n", "line 2: index 'zero' is no whole number from 0 to 4"),
    "beyond the end": (HEAD + "5,T-shirt/top,\n", "line 2: index '5' is no whole number from 0 to 4"),
    "negative": (HEAD + "-1,T-shirt/top,\n", "line 2: index '-1'"),
    "twice": (HEAD + "0,T-shirt/top,\n0,T-shirt/top,Shirt\n", "line 3: index 0 for the second time"),
    "another image": (HEAD + "3,Coat,\n", "line 2: the label of image 3 is 'Shirt', not 'Coat'"),
    "no class": (HEAD + "3,Shirt,Blouse\n", "line 2: 'Blouse' is no class; there are T-shirt/top"),
    "not text": (b"\xff\xfe", "codec can't decode"),
    "open quote": (HEAD + '"3,Shirt', "unexpected end of data"),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_images_are_left_out_and_relabelled(encoding, tmp_path):
    (tmp_path / "some.csv").write_text(HEAD + "1,Trouser,\n3,Shirt,T-shirt/top\n", encoding=encoding)
    found = corrections.read(tmp_path / "some.csv", LABELS)
    assert found.kept.tolist() == [True, False, True, True, True]
    assert found.labels.tolist() == [0, 1, 2, 0, 9]


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_table_ends_in_one_line(name, tmp_path):
    content, message = WRONG[name]
    path = tmp_path / "wrong.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=message) as error:
        corrections.read(path, LABELS)
    assert str(error.value).startswith(f"{path}: ") and "\n" not in str(error.value)


@pytest.mark.parametrize("table", sorted((ROOT / paths.CORRECTIONS).glob("*.csv")), ids=lambda path: path.name)
def test_the_committed_tables_fit_the_release(table, raw, monkeypatch):
    monkeypatch.setattr(paths, "RAW", raw)
    monkeypatch.setattr(paths, "RAW_CLASSES", raw / "classes.txt")
    full = release.read_training_set()
    found = corrections.read(table, full.labels)
    assert found.kept.mean() > 0.9
    assert np.mean(found.labels == full.labels) > 0.9


def test_validation_images_stay_as_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    full = Images(np.zeros((100, 28, 28), np.uint8), np.repeat(np.arange(10), 10).astype(np.uint8))
    full.images[:, 0, 0] = np.arange(100)
    table = HEAD + "".join(f"{index},T-shirt/top,\n" for index in range(9)) + "9,T-shirt/top,Bag\n"
    Path("some.csv").write_text(table)
    recipe = params.load(ROOT / "tests/params.yaml").prepare
    train, validation = split(full, recipe.model_copy(update={"images": 100, "seed": 3, "corrections": "some.csv"}))
    assert sorted(np.bincount(validation.labels, minlength=10)) == [1] * 10
    held_out = int(validation.images[validation.labels == 0][0, 0, 0])
    left = {int(image[0, 0]) for image in train.images}
    assert left == (set(range(9, 100)) - {int(image[0, 0]) for image in validation.images})
    assert held_out == 7 and validation.labels[0] == 0
    assert train.labels[train.images[:, 0, 0] == 9] == 8


def test_the_pipeline_applies_them(ran, raw, tmp_path):
    clone = ran.copy(tmp_path / "clone")
    before = (clone.path / "data/prepared/train.npz").read_bytes()
    labels = idx.read(raw / "train-labels-idx1-ubyte", dimensions=1)
    rows = "".join(f"{index},{CLASS_NAMES[labels[index]]},\n" for index in range(30_000))
    (clone.path / "data/corrections/half.csv").write_text(HEAD + rows)
    clone.edit("corrections: data/corrections/none.csv", "corrections: data/corrections/half.csv")
    said = clone.dvc("repro", "prepare")
    assert "Running stage 'prepare'" in said and "Running stage 'download'" not in said
    count = int(said.partition(" training")[0].rsplit(maxsplit=1)[-1])
    assert 350 < count < 550
    assert (clone.path / "data/prepared/train.npz").read_bytes() != before

    (clone.path / "data/corrections/half.csv").write_text(HEAD)
    assert "900 training" in clone.dvc("repro", "prepare")
    assert (clone.path / "data/prepared/train.npz").read_bytes() == before
