"""The class of a user's own pictures."""

import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fashion import params, paths
from fashion.data.facts import CLASSES
from fashion.inference import onnx_model, photo
from fashion.pipeline import tables
from fashion.pipeline.errors import UserError
from fashion.scoring.calibration import calibrate, read_calibration
from fashion.scoring.out_of_distribution import load_statistics, read_threshold

# How many other classes are named beside the most probable one, and from which probability on.
RUNNERS_UP, NAMED_FROM = 2, 0.01
# Of a picture's file.
MOST_BYTES = 1 << 29
WARNING = "unlike the training images, perhaps of no class"


class Classified(NamedTuple):
    """What is said of N images.

    Attributes:
        probabilities: of the classes, float32 of shape (N, 10).
        out_of_distribution: whether an image is unlike those that the networks were trained on, bool of shape (N,).
    """

    probabilities: np.ndarray
    out_of_distribution: np.ndarray


def expand(words: list[str]) -> list[str]:
    """Return the files that the words on the command line stand for, each once.

    A directory stands for the pictures in it and below, in the order of their names; what is hidden does not count.

    Raises:
        UserError: a directory has no pictures.
    """
    found = []
    for word in words:
        if not word:
            raise UserError("an empty name is no picture")
        if word != "-" and Path(word).is_dir():
            inside = sorted(pictures_in(Path(word)))
            if not inside:
                raise UserError(f"{word}: no pictures in this directory")
            found += map(str, inside)
        else:
            found.append(word)
    return list(dict.fromkeys(found))


def pictures_in(directory: Path) -> Iterator[Path]:
    """Yield the files in a directory, and in those below it, that are named as pictures are."""
    suffixes = photo.suffixes()
    for folder, folders, names in os.walk(directory):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths_here = (Path(folder, name) for name in names if not name.startswith("."))
        yield from (path for path in paths_here if path.suffix.lower() in suffixes and path.is_file())


def read(word: str, background: photo.Background | None) -> photo.Garment:
    """Read one picture.

    Raises:
        UserError: it cannot be read or used; without the name of the file.
    """
    try:
        with nullcontext(sys.stdin.buffer) if word == "-" else Path(word).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # the latter of a name that no file can have
        raise UserError(getattr(error, "strerror", None) or str(error)) from None
    if len(content) > MOST_BYTES:
        raise UserError(f"more than {MOST_BYTES >> 20} MB; make it smaller")
    return photo.make_garment(photo.open_picture(io.BytesIO(content)), background)


def load_export() -> Callable[[np.ndarray], Classified] | None:
    """Return what `classify` does, without TensorFlow and without loading a network at each call.

    Returns:
        None if the trained models were not exported to ONNX, or what runs that is not installed.

    Raises:
        UserError: a model, or what the evaluation wrote, is missing or damaged.
        ParameterError: params.yaml is wrong.
    """
    run = onnx_model.load(onnx_model.fingerprint(params.load()))
    if run is None:
        return None

    def classify(images: np.ndarray) -> Classified:
        found = run(images)
        return Classified(found["probabilities"], found["out_of_distribution"] > 1)

    return classify


def classify(images: np.ndarray) -> Classified:
    """Return what the ensemble says of images, uint8 of shape (N, 28, 28); errors as of `load_export`."""
    if exported := load_export():
        return exported(images)
    # Imported only now: TensorFlow takes seconds, which neither a mistake on the command line nor the export need wait for.
    from fashion.networks import artifact
    from fashion.scoring.features import detector
    from fashion.scoring.prediction import evaluation_batches, predict

    read = params.load()
    models = [artifact.load(path) for path in paths.model_files(read.ensemble).values()]
    probabilities = calibrate(predict(models, images, read.evaluate.tta).mean(axis=0), read_calibration())
    far = detector(models[0], load_statistics(paths.OUT_OF_DISTRIBUTION))
    return Classified(probabilities, far.predict(evaluation_batches(images), verbose=0) > read_threshold())


def read_class_names() -> list[str]:
    """Return the names of the classes of the data set that was trained on, in the order of the probabilities.

    Raises:
        UserError: the table of the classes is damaged.
    """
    names = tables.read(paths.CLASSES, ("class",))["class"]
    if len(names) != CLASSES:
        raise tables.damaged(paths.CLASSES, f"{len(names)} classes")
    return names


def describe_result(
    word: str, names: Sequence[str], garment: photo.Garment, probabilities: np.ndarray, out_of_distribution: bool
) -> dict:
    """Return what is said of one picture, most probable class first.

    Args:
        word: the picture's name.
        names: of the classes.
        garment: what the network saw of it.
        probabilities: of the classes, shape (classes,).
        out_of_distribution: whether it is unlike the training images.
    """
    order = np.argsort(-probabilities, kind="stable")
    others = [number for number in order[1 : 1 + RUNNERS_UP] if probabilities[number] >= NAMED_FROM]
    return {
        "path": word,
        "class": names[order[0]],
        "confidence": round(float(probabilities[order[0]]), 4),
        "others": {names[number]: round(float(probabilities[number]), 4) for number in others},
        "background": garment.background,
        "out_of_distribution": bool(out_of_distribution),
    }


def in_words(result: dict, width: int) -> str:
    """Return a line about one picture."""
    others = ", ".join(f"{name} {probability:.1%}" for name, probability in result["others"].items())
    line = f"{result['path']:{width}}  {result['class']:12}{result['confidence']:6.1%}"
    line = f"{line}   {f'or {others}' if others else '':34} {result['background']} background"
    return f"{line}; {WARNING}" if result["out_of_distribution"] else line
