"""A data set of one's own: ten classes of drawn pictures, and directories that cannot be used."""

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from fashion import params, paths
from fashion.data import folder, release
from fashion.data.facts import CLASS_NAMES
from fashion.data.images import load_class_names, load_images, refuse_other_data, save_images
from fashion.data.split import split
from fashion.pipeline.errors import ParameterError, UserError
from fashion.scoring.prediction_table import read_predictions

# Corners in the unit square, counted from the upper left.
SHAPES = {
    "Arrow": ((0, 0), (1, 0.5), (0, 1), (0.3, 0.5)),
    "Bar": ((0, 0.4), (1, 0.4), (1, 0.6), (0, 0.6)),
    "Column": ((0.4, 0), (0.6, 0), (0.6, 1), (0.4, 1)),
    "Cross": (
        *((0.35, 0), (0.65, 0), (0.65, 0.35), (1, 0.35), (1, 0.65), (0.65, 0.65)),
        *((0.65, 1), (0.35, 1), (0.35, 0.65), (0, 0.65), (0, 0.35), (0.35, 0.35)),
    ),
    "Diamond": ((0.5, 0), (1, 0.5), (0.5, 1), (0, 0.5)),
    "Hour glass": ((0, 0), (1, 0), (0, 1), (1, 1)),
    "L": ((0, 0), (0.25, 0), (0.25, 0.75), (1, 0.75), (1, 1), (0, 1)),
    "Square": ((0, 0), (1, 0), (1, 1), (0, 1)),
    "T": ((0, 0), (1, 0), (1, 0.25), (0.6, 0.25), (0.6, 1), (0.4, 1), (0.4, 0.25), (0, 0.25)),
    "Tent": ((0.5, 0), (1, 1), (0, 1)),
}


def draw(shape: str, number: int, side: int) -> Image.Image:
    """A picture of a shape, dark on light, each number's a little different."""
    rng = np.random.default_rng([number, list(SHAPES).index(shape)])
    corners = side * (0.2 + 0.6 * np.array(SHAPES[shape])) + rng.normal(0, side / 25, (len(SHAPES[shape]), 2))
    picture = Image.new("L", (side, side), 235)
    ImageDraw.Draw(picture).polygon([tuple(corner) for corner in corners], fill=int(rng.integers(10, 90)))
    return picture


def draw_all(directory: Path, count: int, side: int = 28, first: int = 0) -> Path:
    """A directory with a folder of pictures for each shape."""
    for shape in SHAPES:
        (directory / shape).mkdir(parents=True)
        for number in range(first, first + count):
            draw(shape, number, side).save(directory / shape / f"{number}.png")
    return directory


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> Path:
    """Twelve pictures of each shape."""
    return draw_all(tmp_path_factory.mktemp("drawn") / "shapes", 12)


@pytest.fixture
def shapes(drawn, tmp_path, monkeypatch) -> Path:
    """A copy of them, to be damaged, and a project's directory to run in."""
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(drawn, tmp_path / "shapes"))


@pytest.mark.slow
def test_the_pipeline_sorts_shapes(clone):
    """From pictures to predictions: every result has the names of the folders, and none of Fashion-MNIST's."""
    draw_all(clone.path / "shapes", 70, side=80)
    for old, new in (
        ("    - http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/ ", "    - folder:shapes "),
        ("    - https://storage.googleapis.com/tensorflow/tf-keras-datasets/\n", ""),
        ("    - apt:dataset-fashion-mnist ", "#"),
        ("images: 1000 ", "images: 600 "),
        ("epochs: 2 ", "epochs: 4 "),
    ):
        clone.edit(old, new)
    clone.dvc("repro")
    scores = json.loads((clone.path / paths.METRICS).read_text())
    assert scores["test"]["accuracy"] > 0.8
    predictions = read_predictions(clone.path / paths.PREDICTIONS)
    assert predictions.names == tuple(SHAPES) == load_class_names(clone.path / paths.TEST)
    assert len(predictions.labels) == 100 and predictions.right.mean() == pytest.approx(scores["test"]["accuracy"])
    with (clone.path / paths.CLASSES).open(newline="") as file:
        assert [row["class"] for row in csv.DictReader(file)] == list(SHAPES)

    draw("Hour glass", 1000, 100).save(clone.path / "glass.png")
    said = json.loads(clone.run(".venv/bin/python", "tools/predict.py", "--json", "glass.png").stdout)[0]
    assert {said["class"], *said["others"]} <= set(SHAPES)
    page = clone.run(".venv/bin/python", "src/report.py")
    assert page.returncode == 0, page.stderr
    for file in (paths.PAGE, paths.MODEL_CARD):
        text = (clone.path / file).read_text(encoding="utf-8")
        assert "Hour glass" in text and "Fashion-MNIST" not in text and "Ankle boot" not in text
    compared = clone.run(".venv/bin/python", "tools/compare.py")
    assert (compared.returncode, compared.stdout) == (1, "")
    assert compared.stderr == ("error: HEAD and working directory predict different images: their test sets are not the same\n")


def test_a_seventh_of_each_class_is_for_testing_always_the_same(shapes):
    folder.store(shapes)
    train, test = release.read_sets()
    assert release.read_class_names() == tuple(SHAPES)
    assert (np.bincount(train.labels).tolist(), np.bincount(test.labels).tolist()) == ([10] * 10, [2] * 10)
    # Dark on light became bright on black, and the classes are mixed.
    assert np.median(train.images[:, 0, 0]) < 50 and train.images.max() > 200
    assert len(set(test.labels[:8].tolist())) > 3
    first = {path: path.read_bytes() for path in paths.RAW.iterdir()}
    folder.store(shapes)
    assert first == {path: path.read_bytes() for path in paths.RAW.iterdir()}


def test_folders_for_training_and_testing_are_taken_as_they_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw_all(tmp_path / "shapes/train", 11)
    draw_all(tmp_path / "shapes/test", 1, first=50)
    folder.store(tmp_path / "shapes")
    train, test = release.read_sets()
    assert (len(train), len(test)) == (110, 10)
    expected = np.array(draw("Cross", 50, 28))
    assert (test.images[test.labels == 3] == 255 - expected).all()


def test_a_picture_is_read_as_predict_reads_it(shapes):
    from fashion.inference import classify

    path = shapes / "Tent/large.png"
    draw("Tent", 7, 200).save(path)
    assert (folder.read_picture(path) == classify.read(str(path), None).image).all()


def save(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def train_and_test_of(directory: Path) -> None:
    """Move the folders of the classes into train/, and have a test/ without one of them."""
    (directory / "train").mkdir()
    for shape in SHAPES:
        (directory / shape).rename(directory / "train" / shape)
    shutil.copytree(directory / "train", directory / "test")
    (directory / "test/Tent").rename(directory / "test/House")


DAMAGE = {
    "another number of classes": (lambda d: shutil.rmtree(d / "Tent"), "shapes: 9 folders; 10 are needed"),
    "no directory": (shutil.rmtree, "shapes: no such directory; download.sources in params.yaml names it"),
    "too few pictures": (
        lambda d: [path.unlink() for path in (d / "Tent").glob("1*")],
        "Tent has 8 pictures for training; a class needs at least 10",
    ),
    "an empty class": (lambda d: [path.unlink() for path in (d / "Tent").iterdir()], "Tent has 0 pictures for training"),
    "nested folders": (lambda d: (d / "Tent/more").mkdir(), "Tent/more: a folder in the folder of a class"),
    "no picture": (lambda d: (d / "Tent/Thumbs.db").write_bytes(b"x"), "Tent/Thumbs.db: not a picture, or damaged, .* away"),
    "damaged": (
        lambda d: (d / "Tent/0.png").write_bytes((d / "Tent/0.png").read_bytes()[:-60]),
        "Tent/0.png: a damaged picture .*; mend it or take it away",
    ),
    "too small": (
        lambda d: draw("Tent", 0, 27).save(d / "Tent/0.png"),
        "Tent/0.png: 27x27 pixels are too few: at least 28 a side",
    ),
    "nothing to see": (lambda d: Image.new("L", (40, 40), 9).save(d / "Tent/0.png"), "Tent/0.png: nothing stands out"),
    "a leak": (
        lambda d: [(d / f"L/{number}.png").write_bytes(save(draw("L", 0, 28))) for number in range(12)],
        "L/.*png and .*L/.*png: one picture, for testing and for training; take one away",
    ),
    "a name that cannot be shown": (lambda d: (d / "Tent").rename(d / "$x_{$"), "cannot name a class"),
    "other classes for testing": (train_and_test_of, "House is only in one of train and test"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_directory_that_cannot_be_used_is_refused_in_one_line_and_nothing_is_written(case, shapes):
    damage, message = DAMAGE[case]
    damage(shapes)
    with pytest.raises(UserError, match=message) as error:
        folder.store(shapes)
    assert "\n" not in str(error.value) and not paths.RAW.exists()


def test_what_does_not_fit_the_data_set_is_refused(shapes, root):
    recipe = params.load(root / "tests/params.yaml").prepare
    folder.store(shapes)
    train, _ = release.read_sets()
    with pytest.raises(ParameterError, match=r"params.yaml: prepare.images: 1000, but there are 100 training images"):
        split(train, recipe)
    with pytest.raises(UserError, match=r"data/raw: a data set of your own; this is only for Fashion-MNIST"):
        release.read_training_set()
    save_images(paths.TEST, train, release.read_class_names())
    with pytest.raises(UserError, match=r"test.npz: a data set of your own; this is only for Fashion-MNIST"):
        refuse_other_data(paths.TEST)
    paths.RAW_CLASSES.write_text("Tent\n")
    with pytest.raises(UserError, match=r"classes.txt: not the names of 10 classes"):
        release.read_class_names()


def test_a_folder_is_not_filled_up_from_other_sources(root):
    with pytest.raises(ParameterError, match="folder:DIRECTORY is a data set of its own; remove the other sources"):
        params.load(root / "tests/params.yaml", {"download": {"sources": ["folder:mine", "apt:dataset-fashion-mnist"]}})


def test_the_sets_of_fashion_mnist_name_no_classes(raw, tmp_path, monkeypatch):
    """So that their bytes are those of all earlier commits."""
    monkeypatch.setattr(paths, "RAW", raw)
    monkeypatch.setattr(paths, "RAW_CLASSES", raw / "classes.txt")
    names, path = release.read_class_names(), tmp_path / "test.npz"
    save_images(path, release.read_test_set(), names)
    with np.load(path, allow_pickle=False) as arrays:
        assert sorted(arrays) == ["images", "labels"]
    assert names == load_class_names(path) == CLASS_NAMES and len(load_images(path)) == 10_000
