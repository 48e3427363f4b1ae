"""A data set of your own: a directory with a folder of pictures for each class, made into files like those of Fashion-MNIST."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fashion import paths
from fashion.data import idx
from fashion.data.facts import CLASSES, IMAGE_SIDE
from fashion.data.images import Images
from fashion.inference import photo
from fashion.pipeline.errors import UserError
from fashion.pipeline.files import write_bytes, write_text

# Where the directory does not say which pictures are for testing, one in this many is, as of Fashion-MNIST.
ONE_IN = 7
# A class needs as many: of the first number `prepare` takes a tenth or so for validation.
LEAST_TRAINING, LEAST_TEST = 10, 1
# What figures, tables and pages can show.
CLASS_NAME = re.compile(r"\w([\w .,()&+'-]*[\w.)+])?")

Pictures = dict[str, list[Path]]  # those of each class


def store(directory: Path) -> None:
    """Read a data set of your own, check it, and write it to data/raw/: images, labels, and the names of the classes.

    A class's label is its place in the alphabetical order of the names.

    Args:
        directory: has a folder for each class, of whose pictures a seventh, chosen at random, is for testing; or the folders
            train and test, each with a folder for each class.

    Raises:
        UserError: a folder is missing or one too many, a class has too few pictures, a picture cannot be used, or is both for
            training and for testing.
    """
    if {folder.name for folder in folders(directory)} == {"train", "test"}:
        train, test = (pictures_of(directory / use) for use in ("train", "test"))
        if train.keys() != test.keys():
            raise UserError(f"{directory}: {min(train.keys() ^ test.keys())} is only in one of train and test")
    else:
        train, test = divide(pictures_of(directory))
    for pictures, least, use in ((train, LEAST_TRAINING, "training"), (test, LEAST_TEST, "testing")):
        for name, files in pictures.items():
            if len(files) < least:
                raise UserError(f"{directory}: {name} has {len(files)} pictures for {use}; a class needs at least {least}")
    print(f"reading the pictures of {', '.join(train)}", flush=True)
    sets = {"train": read_set(train), "t10k": read_set(test)}
    refuse_leaks({"train": train, "t10k": test}, sets)
    # The first images of a set are those that the figures show, so they are in random order.
    rng = np.random.default_rng(0)
    for prefix, (images, labels) in sets.items():
        order = rng.permutation(len(labels))
        write_bytes(paths.RAW / f"{prefix}-images-idx3-ubyte", idx.serialize(images[order]))
        write_bytes(paths.RAW / f"{prefix}-labels-idx1-ubyte", idx.serialize(labels[order]))
    write_text(paths.RAW_CLASSES, "".join(f"{name}\n" for name in train))
    print(f"{len(sets['train']):,} pictures for training, {len(sets['t10k']):,} for testing, from {directory} -> {paths.RAW}/")


def inside(directory: Path) -> list[Path]:
    """Return what a directory holds, hidden files left out, in the order of the names."""
    return sorted(path for path in directory.iterdir() if not path.name.startswith("."))


def folders(directory: Path) -> list[Path]:
    """Return the folders of a directory, in the order of their names.

    Raises:
        UserError: there is no such directory.
    """
    if not directory.is_dir():
        raise UserError(f"{directory}: no such directory; download.sources in {paths.PARAMS} names it")
    return [path for path in inside(directory) if path.is_dir()]


def pictures_of(directory: Path) -> Pictures:
    """Return the files in the folders of a directory, by class.

    Raises:
        UserError: it has another number of folders than there are classes, or one with a name or content that is not taken.
    """
    found = folders(directory)
    if len(found) != CLASSES:
        raise UserError(f"{directory}: {len(found)} folders; {CLASSES} are needed, one for each class")
    for folder in found:
        if not CLASS_NAME.fullmatch(folder.name):
            raise UserError(
                f"{directory}: {folder.name!r} cannot name a class: letters, digits, spaces and _ . , ( ) & + ' - can"
            )
        for path in folders(folder):
            raise UserError(f"{path}: a folder in the folder of a class; move its pictures up")
    return {folder.name: inside(folder) for folder in found}


def divide(pictures: Pictures) -> tuple[Pictures, Pictures]:
    """Divide the pictures of each class at random, always in the same way, into those for training and those for testing."""
    rng = np.random.default_rng(0)
    train, test = {}, {}
    for name, files in pictures.items():
        chosen = set(rng.permutation(len(files))[: round(len(files) / ONE_IN)].tolist())
        train[name] = [file for number, file in enumerate(files) if number not in chosen]
        test[name] = [file for number, file in enumerate(files) if number in chosen]
    return train, test


def read_set(pictures: Pictures) -> Images:
    """Read the pictures of every class, in order.

    Raises:
        UserError: one cannot be used.
    """
    files = [file for files in pictures.values() for file in files]
    images = np.stack([read_picture(file) for file in tqdm(files, unit="pictures", leave=False, disable=None)])
    return Images(images, np.repeat(np.arange(CLASSES, dtype=np.uint8), [len(files) for files in pictures.values()]))


def read_picture(file: Path) -> np.ndarray:
    """Read a picture as `tools/predict.py` does: uint8, shape (28, 28), bright on black.

    Raises:
        UserError: it cannot be used.
    """
    try:
        with file.open("rb") as content:
            picture = photo.open_picture(content)
        if min(picture.size) < IMAGE_SIDE:
            raise UserError(f"{picture.width}x{picture.height} pixels are too few: at least {IMAGE_SIDE} a side")
        return photo.make_garment(picture).image
    except UserError as error:
        raise UserError(f"{file}: {error}; mend it or take it away") from None


def refuse_leaks(pictures: dict[str, Pictures], sets: dict[str, Images]) -> None:
    """Check that no picture for testing is also one for training.

    Args:
        pictures: the files of both sets.
        sets: what was read from them, in the same order.

    Raises:
        UserError: two are the same, as the network would see them.
    """

    def with_files(prefix: str) -> Iterator[tuple[bytes, Path]]:
        files = (file for found in pictures[prefix].values() for file in found)
        return zip((image.tobytes() for image in sets[prefix].images), files)

    trained = dict(with_files("train"))
    for image, file in with_files("t10k"):
        if image in trained:
            raise UserError(f"{file} and {trained[image]}: one picture, for testing and for training; take one away")
