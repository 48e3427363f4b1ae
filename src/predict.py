"""Name the garment in pictures of your own: files, directories of them, or - for standard input."""

import argparse
import io
import json
import sys
from pathlib import Path

import numpy as np

from fashion import exported, figures, params, photo
from fashion.dataset import CLASS_NAMES
from fashion.errors import UserError, describe, one_line_errors

PICTURE = Path("predictions.png")
# How many other classes are named beside the most probable one, and from which probability on.
RUNNERS_UP, NAMED_FROM = 2, 0.01


def expand(words: list[str]) -> list[str]:
    """Return the files that the words on the command line stand for, those of a directory in the order of their names.

    Raises:
        UserError: a directory has no files.
        OSError: a directory cannot be read.
    """
    found = []
    for word in words:
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
        UserError: a model is missing or damaged.
        ParameterError: params.yaml is wrong.
    """
    read = params.load()
    if run := exported.load(exported.fingerprint(read)):
        return run(images)
    # Imported only now: TensorFlow takes seconds, which neither a mistake on the command line nor the export need wait for.
    import evaluate
    from fashion import artifact, members

    models = [artifact.load(path) for path in members.files(artifact.MODELS, ".keras", read.ensemble).values()]
    return evaluate.predict(models, images, read.evaluate.flip_averaging).mean(axis=0)


def describe_result(word: str, garment: photo.Garment, probabilities: np.ndarray) -> dict:
    """Return what is said of one picture, most probable class first."""
    order = np.argsort(-probabilities, kind="stable")
    others = [number for number in order[1 : 1 + RUNNERS_UP] if probabilities[number] >= NAMED_FROM]
    return {
        "path": word,
        "class": CLASS_NAMES[order[0]],
        "confidence": round(float(probabilities[order[0]]), 4),
        "others": {CLASS_NAMES[number]: round(float(probabilities[number]), 4) for number in others},
        "background": garment.background,
    }


def in_words(result: dict, width: int) -> str:
    """Return a line about one picture."""
    others = ", ".join(f"{name} {probability:.1%}" for name, probability in result["others"].items())
    line = f"{result['path']:{width}}  {result['class']:12}{result['confidence']:6.1%}"
    return f"{line}   {f'or {others}' if others else '':34} {result['background']} background"


def main(words: list[str], background: photo.Background | None, as_json: bool, show: bool) -> int:
    """Classify the pictures and print what was found.

    Returns:
        The exit code: 0, or 1 if a picture could not be used.

    Raises:
        UserError: a model is missing or damaged, or a directory is empty.
        OSError: a file cannot be read or written.
    """
    garments, errors = {}, {}
    for word in expand(words):
        try:
            garments[word] = read(word, background)
        except UserError as error:
            errors[word] = str(error)
    results = []
    if garments:
        probabilities = classify(np.stack([garment.image for garment in garments.values()]))
        results = [describe_result(word, garments[word], row) for word, row in zip(garments, probabilities)]
    if as_json:
        print(json.dumps([*results, *({"path": word, "error": message} for word, message in errors.items())], indent=2))
    else:
        for result in results:
            print(in_words(result, max(map(len, garments))))
        for word, message in errors.items():
            print(f"error: {word}: {message}", file=sys.stderr)
    if show and results:
        images = np.stack([garments[result["path"]].image for result in results])
        classes, confidence = ([result[key] for result in results] for key in ("class", "confidence"))
        figures.save(PICTURE, figures.predictions(images, None, classes, confidence))
        print(f"-> {PICTURE}", file=sys.stderr)
    return 1 if errors else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="+", metavar="IMAGE", help="a file, a directory, or -")
    parser.add_argument("--background", choices=("dark", "light"), help="of the pictures (default: as most of each one's edge)")
    parser.add_argument(
        "--json", action="store_true", help="print a list of objects: path, class, confidence, or path and error"
    )
    parser.add_argument("--show", action="store_true", help=f"also draw the pictures with their classes: {PICTURE}")
    arguments = parser.parse_args()
    sys.stdout.reconfigure(errors="backslashreplace")  # of a file's name that is not UTF-8
    with one_line_errors():
        sys.exit(main(arguments.pictures, arguments.background, arguments.json, arguments.show))
