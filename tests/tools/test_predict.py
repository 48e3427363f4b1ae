"""tools/predict.py: pictures of one's own, good and bad, for people and for programs."""

import csv
import functools
import io
import json
import os
import sys
from pathlib import Path

import in_process
import numpy as np
import pytest
from PIL import Image
from small_training import official

from fashion import paths
from fashion.data import release
from fashion.data.facts import CLASS_NAMES
from fashion.scoring.prediction_table import read_predictions


@pytest.fixture(scope="module")
def test_set(raw):
    return official(raw, release.read_test_set)


@pytest.fixture(scope="module")
def load():
    """What reads a network, once for all tests."""
    from fashion.networks import artifact

    return functools.cache(artifact.load)


@pytest.fixture
def run(ran, load, monkeypatch, capfd):
    """A function that runs the program where the pipeline has run, and returns its exit code and what it wrote."""
    monkeypatch.setattr("fashion.networks.artifact.load", load)

    def run(*words: str, stdin: bytes = b"") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        capfd.readouterr()
        with pytest.raises(SystemExit) as end:
            in_process.run(ran.path, "tools/predict.py", *words)
        return end.value.code, *capfd.readouterr()

    return run


def half_a_picture() -> bytes:
    file = io.BytesIO()
    Image.effect_noise((200, 200), 90).save(file, "PNG")
    return file.getvalue()[:500]


def photograph(garment: np.ndarray) -> Image.Image:
    """A garment of 560 pixels' height in a frame of 900 x 800, dark on light."""
    frame = Image.new("L", (900, 800), 255)
    frame.paste(Image.fromarray(255 - garment).resize((560, 560), Image.Resampling.BICUBIC), (200, 60))
    return frame


def test_the_good_pictures_are_named_and_the_others_reported(run, test_set, tmp_path):
    for number in range(20):
        Image.fromarray(test_set.images[number]).save(tmp_path / f"{number:02}.png")
    photograph(test_set.images[1]).save(tmp_path / "large photograph.jpg")
    (tmp_path / "empty.jpg").touch()
    missing, text = str(tmp_path / "missing.png"), str(tmp_path / "notes.txt")
    (tmp_path / "notes.txt").write_text("no picture")
    code, printed, complaints = run(str(tmp_path), missing, text, "-", "--json", stdin=half_a_picture())
    assert (code, complaints) == (1, "")
    results = json.loads(printed)
    errors = {result["path"]: result["error"] for result in results if "error" in result}
    assert errors.keys() == {str(tmp_path / "empty.jpg"), text, missing, "-"}
    assert errors[missing] == "No such file or directory"
    named = [result for result in results if "error" not in result]
    assert len(named) == 21 and all(result["class"] in CLASS_NAMES and 0 < result["confidence"] <= 1 for result in named)
    right = sum(result["class"] == CLASS_NAMES[label] for result, label in zip(named, test_set.labels))
    assert right >= 12


def test_a_directory_is_the_pictures_in_it_and_below_each_once(run, test_set, tmp_path):
    names = ("b.png", "a/deep/C.JPG", "a/d.webp", ".hidden.png", ".git/e.png", "notes.txt", "link.png")
    for name in names[:-2]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(test_set.images[2]).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "link.png").symlink_to(tmp_path / "gone.png")
    (tmp_path / "a/around").symlink_to(tmp_path)
    code, printed, _ = run(str(tmp_path), str(tmp_path / "b.png"), str(tmp_path), "--json")
    assert code == 0
    assert [result["path"] for result in json.loads(printed)] == [
        str(tmp_path / name) for name in ("a/d.webp", "a/deep/C.JPG", "b.png")
    ]


def test_a_name_that_lies_about_its_format_does_not_matter(run, test_set, tmp_path):
    photograph(test_set.images[2]).save(tmp_path / "really_a.png", "JPEG")
    code, printed, _ = run(str(tmp_path / "really_a.png"), "--json")
    assert code == 0 and json.loads(printed)[0]["background"] == "light"


def test_the_table_has_a_row_for_each_picture(run, test_set, tmp_path):
    Image.fromarray(test_set.images[2]).save(tmp_path / "trousers.png")
    os.symlink(tmp_path / "trousers.png", os.fsencode(tmp_path) + b"/not text \xff.png")
    (tmp_path / "empty.jpg").touch()
    code, printed, complaints = run(str(tmp_path), "--json", "--csv", str(tmp_path / "new/table.csv"))
    assert code == 1 and complaints == f"-> {tmp_path}/new/table.csv\n"
    with (tmp_path / "new/table.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [Path(row["path"]).name for row in rows] == ["not text \\udcff.png", "trousers.png", "empty.jpg"]
    assert rows[1]["class"] == json.loads(printed)[1]["class"] and float(rows[1]["confidence"]) > 0
    assert (rows[1]["error"], rows[2]["class"], rows[2]["error"]) == ("", "", "an empty file")


def test_a_table_that_cannot_be_written_is_one_line(run, test_set, tmp_path):
    Image.fromarray(test_set.images[2]).save(tmp_path / "trousers.png")
    code, _, complaints = run(str(tmp_path / "trousers.png"), "--csv", str(tmp_path))
    assert code == 1 and complaints.startswith(f"error: {tmp_path}") and complaints.endswith(": Is a directory\n")


def test_a_file_without_end_is_refused(run, monkeypatch):
    monkeypatch.setattr("fashion.inference.classify.MOST_BYTES", 1 << 20)
    assert run("/dev/zero") == (1, "", "error: /dev/zero: more than 1 MB; make it smaller\n")


def test_the_test_images_as_pictures_score_as_the_pipeline_did(run, ran, test_set, tmp_path):
    predicted = read_predictions(ran.path / paths.PREDICTIONS).predicted[:300]
    for number in range(300):
        Image.fromarray(test_set.images[number]).save(tmp_path / f"{number:03}.png")
    code, printed, _ = run(str(tmp_path), "--json")
    assert code == 0
    assert [result["class"] for result in json.loads(printed)] == [CLASS_NAMES[number] for number in predicted]


def test_words_for_people_and_the_picture(run, ran, test_set, tmp_path):
    path = tmp_path / "trousers.png"
    Image.fromarray(test_set.images[2]).save(path)
    code, printed, complaints = run(str(path), "nothing.png", "--show")
    assert code == 1
    assert printed.startswith(f"{path}  Trouser ") and "dark background" in printed
    assert complaints == "error: nothing.png: No such file or directory\n-> predictions.png\n"
    assert (ran.path / "predictions.png").read_bytes().startswith(b"\x89PNG")
    assert run(str(path))[0] == 0


def test_what_is_no_garment_gets_a_warning_and_garments_do_not(run, test_set, tmp_path):
    for number in range(40):
        Image.fromarray(test_set.images[number]).save(tmp_path / f"garment {number:02}.png")
    rng = np.random.default_rng(0)
    stripes = np.tile(np.repeat([0, 255], 2), 7)
    for name, picture in (
        ("noise", rng.integers(0, 256, (28, 28))),
        ("stripes", np.broadcast_to(stripes, (28, 28))),
        ("nearly blank", rng.integers(100, 103, (28, 28))),
    ):
        Image.fromarray(picture.astype(np.uint8)).save(tmp_path / f"{name}.png")
    results = json.loads(run(str(tmp_path), "--json")[1])
    warned = [result["path"] for result in results if result["out_of_distribution"]]
    assert {str(tmp_path / f"{name}.png") for name in ("noise", "stripes", "nearly blank")} <= set(warned)
    assert len(warned) - 3 <= 8
    lines = run(str(tmp_path))[1].splitlines()
    assert [line.endswith("; unlike the training images, perhaps of no class") for line in lines].count(True) == len(warned)


def test_without_what_the_evaluation_wrote_it_says_what_to_do(run, ran, test_set, tmp_path, monkeypatch):
    Image.fromarray(test_set.images[0]).save(tmp_path / "boot.png")
    damaged = tmp_path / "damaged.npz"
    damaged.write_bytes((ran.path / paths.OUT_OF_DISTRIBUTION).read_bytes()[:999])
    for statistics, said in (
        (paths.OUT_OF_DISTRIBUTION.with_suffix(".missing"), "No such file or directory; `dvc repro` makes what is missing"),
        (damaged, "not the statistics of features"),
    ):
        monkeypatch.setattr(paths, "OUT_OF_DISTRIBUTION", statistics)
        code, printed, complaints = run(str(tmp_path / "boot.png"))
        assert (code, printed) == (1, "")
        assert complaints.startswith(f"error: {statistics}: {said}") and complaints.count("\n") == 1


def test_the_explanation_is_one_picture_of_all(run, ran, test_set, tmp_path):
    for number in range(4):
        Image.fromarray(test_set.images[number]).save(tmp_path / f"{number}.png")
    code, _, complaints = run(str(tmp_path), "--explain")
    assert (code, complaints) == (0, "-> explanations.png\n")
    with Image.open(ran.path / "explanations.png") as four:
        pass
    assert run(str(tmp_path / "0.png"), "--explain")[0] == 0
    with Image.open(ran.path / "explanations.png") as one:
        assert one.width < four.width and one.height < four.height


def test_a_directory_without_pictures_is_refused(run, tmp_path):
    assert run(str(tmp_path)) == (1, "", f"error: {tmp_path}: no pictures in this directory\n")
