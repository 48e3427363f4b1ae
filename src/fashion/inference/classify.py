"""The class of a user's own pictures."""

import io
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fashion import params, paths
from fashion.data.facts import CLASS_NAMES
from fashion.inference import onnx_model, photo
from fashion.pipeline.errors import UserError, describe
from fashion.scoring.calibration import read_temperature, scale_by_temperature
from fashion.scoring.out_of_distribution import load_statistics, read_threshold

# How many other classes are named beside the most probable one, and from which probability on.
RUNNERS_UP, NAMED_FROM = 2, 0.01
WARNING = "unlike the training images: perhaps no garment"


class Classified(NamedTuple):
    """What is said of N images.

    Attributes:
        probabilities: of the classes, float32 of shape (N, 10).
        out_of_distribution: whether an image is unlike those that the networks were trained on, bool of shape (N,).
    """

    probabilities: np.ndarray
    out_of_distribution: np.ndarray


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


def classify(images: np.ndarray) -> Classified:
    """Return what the ensemble says of images, uint8 of shape (N, 28, 28).

    Raises:
        UserError: a model, or what the evaluation wrote, is missing or damaged.
        ParameterError: params.yaml is wrong.
    """
    read = params.load()
    if run := onnx_model.load(onnx_model.fingerprint(read)):
        found = run(images)
        return Classified(found["probabilities"], found["out_of_distribution"] > 1)
    # Imported only now: TensorFlow takes seconds, which neither a mistake on the command line nor the export need wait for.
    from fashion.networks import artifact
    from fashion.scoring.features import detector
    from fashion.scoring.prediction import evaluation_batches, predict

    models = [artifact.load(path) for path in paths.model_files(read.ensemble).values()]
    probabilities = scale_by_temperature(predict(models, images, read.evaluate.tta).mean(axis=0), read_temperature())
    far = detector(models[0], load_statistics(paths.OUT_OF_DISTRIBUTION))
    return Classified(probabilities, far.predict(evaluation_batches(images), verbose=0) > read_threshold())


def describe_result(word: str, garment: photo.Garment, probabilities: np.ndarray, out_of_distribution: bool) -> dict:
    """Return what is said of one picture, most probable class first."""
    order = np.argsort(-probabilities, kind="stable")
    others = [number for number in order[1 : 1 + RUNNERS_UP] if probabilities[number] >= NAMED_FROM]
    return {
        "path": word,
        "class": CLASS_NAMES[order[0]],
        "confidence": round(float(probabilities[order[0]]), 4),
        "others": {CLASS_NAMES[number]: round(float(probabilities[number]), 4) for number in others},
        "background": garment.background,
        "out_of_distribution": bool(out_of_distribution),
    }


def in_words(result: dict, width: int) -> str:
    """Return a line about one picture."""
    others = ", ".join(f"{name} {probability:.1%}" for name, probability in result["others"].items())
    line = f"{result['path']:{width}}  {result['class']:12}{result['confidence']:6.1%}"
    line = f"{line}   {f'or {others}' if others else '':34} {result['background']} background"
    return f"{line}; {WARNING}" if result["out_of_distribution"] else line
