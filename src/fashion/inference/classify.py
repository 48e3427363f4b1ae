"""The class of a user's own pictures."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from fashion import params, paths
from fashion.inference import onnx_model, photo
from fashion.pipeline import tables
from fashion.pipeline.errors import UserError
from fashion.scoring.calibration import read_temperature, scale_by_temperature

# How many other classes are named beside the most probable one, and from which probability on.
RUNNERS_UP, NAMED_FROM = 2, 0.01
# Of a picture's file.
MOST_BYTES = 1 << 29


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


def classify(images: np.ndarray) -> np.ndarray:
    """Return the ensemble's probabilities, float32 of shape (N, 10), for images, uint8 of shape (N, 28, 28).

    Raises:
        UserError: a model or metrics.json is missing or damaged.
        ParameterError: params.yaml is wrong.
    """
    read = params.load()
    if run := onnx_model.load(onnx_model.fingerprint(read)):
        return run(images)
    # Imported only now: TensorFlow takes seconds, which neither a mistake on the command line nor the export need wait for.
    from fashion.networks import artifact
    from fashion.scoring.prediction import predict

    models = [artifact.load(path) for path in paths.model_files(read.ensemble).values()]
    return scale_by_temperature(predict(models, images, read.evaluate.tta).mean(axis=0), read_temperature())


def describe_result(word: str, garment: photo.Garment, probabilities: np.ndarray) -> dict:
    """Return what is said of one picture, most probable class first.

    Raises:
        UserError: the table of the classes, whose names are those of the data set that was trained on, is damaged.
    """
    names = tables.read(paths.CLASSES, ("class",))["class"]
    order = np.argsort(-probabilities, kind="stable")
    others = [number for number in order[1 : 1 + RUNNERS_UP] if probabilities[number] >= NAMED_FROM]
    return {
        "path": word,
        "class": names[order[0]],
        "confidence": round(float(probabilities[order[0]]), 4),
        "others": {names[number]: round(float(probabilities[number]), 4) for number in others},
        "background": garment.background,
    }


def in_words(result: dict, width: int) -> str:
    """Return a line about one picture."""
    others = ", ".join(f"{name} {probability:.1%}" for name, probability in result["others"].items())
    line = f"{result['path']:{width}}  {result['class']:12}{result['confidence']:6.1%}"
    return f"{line}   {f'or {others}' if others else '':34} {result['background']} background"
