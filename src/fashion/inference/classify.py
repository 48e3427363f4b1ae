"""The class of a user's own pictures."""

import io
import sys
from pathlib import Path

import numpy as np

from fashion import params, paths
from fashion.inference import onnx_model, photo
from fashion.pipeline import tables
from fashion.pipeline.errors import UserError, describe
from fashion.scoring.calibration import read_temperature, scale_by_temperature

# How many other classes are named beside the most probable one, and from which probability on.
RUNNERS_UP, NAMED_FROM = 2, 0.01


def expand(words: list[str]) -> list[str]:
    """Return the files that the words on the command line stand for, those of a directory in the order of their names.

    Raises:
        UserError: a directory has no files.
    """
    found = []
    for word in words:
        if not word:
            raise UserError("an empty name is no picture")
        if word != "-" and Path(word).is_dir():
            inside = sorted(str(path) for path in Path(word).iterdir() if path.is_file() and not path.name.startswith("."))
            if not inside:
                raise UserError(f"{word}: no files in this directory")
            found += inside
        else:
            found.append(word)
    return found


def read(word: str, background: photo.Background | None) -> photo.Garment:
    """Read one picture.

    Raises:
        UserError: it cannot be read or used; without the name of the file.
    """
    try:
        content = sys.stdin.buffer.read() if word == "-" else Path(word).read_bytes()
    except OSError as error:
        raise UserError(error.strerror or describe(error)) from None
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
