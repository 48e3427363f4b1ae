"""Name the garment in pictures of your own: files, directories of them, or - for standard input."""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from fashion.inference import photo
from fashion.inference.classify import classify, describe_result, expand, in_words, read, read_class_names
from fashion.inference.explanation import explain
from fashion.pipeline import tables
from fashion.pipeline.errors import UserError, one_line_errors

PICTURE, EXPLANATIONS = Path("predictions.png"), Path("explanations.png")


def write_csv(path: Path, results: list[dict], errors: dict[str, str]) -> None:
    """Write a table with a row for each picture; those that could not be used have an error instead of a class."""
    columns = ("path", "class", "confidence", "background", "out_of_distribution", "error")
    found = [*results, *({"path": word, "error": message} for word, message in errors.items())]
    rows = ({key: result.get(key, "") for key in columns} for result in found)
    # A file's name may be no text, which a CSV file cannot have.
    tables.write(path, (row | {"path": row["path"].encode(errors="backslashreplace").decode()} for row in rows))


def main(words: list[str], background: photo.Background | None, as_json: bool, show: bool, why: bool, csv: Path | None) -> int:
    """Classify the pictures and print what was found.

    Returns:
        The exit code: 0, or 1 if a picture could not be used.

    Raises:
        UserError: a model is missing or damaged, a directory is empty, or the table has no name.
    """
    if csv and not csv.name:
        raise UserError(f"--csv {csv}: not the name of a file")
    garments, errors = {}, {}
    # The bar is for a terminal alone, and for what takes more than a second.
    for word in tqdm(expand(words), desc="reading", unit=" pictures", delay=1, leave=False, disable=None):
        try:
            garments[word] = read(word, background)
        except UserError as error:
            errors[word] = str(error)
    results = []
    if garments:
        found = classify(np.stack([garment.image for garment in garments.values()]))
        names = read_class_names()
        results = [describe_result(word, names, garments[word], *row) for word, row in zip(garments, zip(*found))]
    if as_json:
        print(json.dumps([*results, *({"path": word, "error": message} for word, message in errors.items())], indent=2))
    else:
        width = max(map(len, garments), default=0)
        for result in results:
            print(in_words(result, width))
        for word, message in errors.items():
            print(f"error: {word}: {message}", file=sys.stderr)
    if csv:
        write_csv(csv, results, errors)
        print(f"-> {csv}", file=sys.stderr)
    if show and results:
        from fashion import figures  # only now: Matplotlib is slow to import

        images = np.stack([garments[result["path"]].image for result in results])
        classes, confidence = ([result[key] for result in results] for key in ("class", "confidence"))
        figures.save(PICTURE, figures.predictions(images, None, classes, confidence))
        print(f"-> {PICTURE}", file=sys.stderr)
    if why and results:
        draw_explanations(results, np.stack([garments[result["path"]].image for result in results]))
    return 1 if errors else 0


def draw_explanations(results: list[dict], images: np.ndarray) -> None:
    """Draw which pixels mattered for the classes of images, uint8 of shape (N, 28, 28).

    Raises:
        UserError: there are too many, or a model is missing or damaged.
    """
    from fashion import figures  # likewise

    explained = explain(images, lambda variants: classify(variants).probabilities)
    classes = [result["class"] for result in results]
    figures.save(EXPLANATIONS, figures.explanations(images, explained.importance, classes, explained.confidence))
    print(f"-> {EXPLANATIONS}", file=sys.stderr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", nargs="+", metavar="IMAGE", help="a file, a directory of them, or - for standard input")
    parser.add_argument(
        "--background",
        choices=("dark", "light"),
        help="of the pictures: the garment is sought in what is lighter, or darker, alone (default: in both)",
    )
    parser.add_argument(
        "--json", action="store_true", help="print a list of objects: path, class, confidence …, or path and error"
    )
    parser.add_argument(
        "--csv", type=Path, metavar="FILE", help="also write a table: path, class, confidence …, or path and error"
    )
    parser.add_argument("--show", action="store_true", help=f"also draw the pictures with their classes: {PICTURE}")
    parser.add_argument("--explain", action="store_true", help=f"also draw which pixels mattered: {EXPLANATIONS}")
    arguments = parser.parse_args()
    with one_line_errors():
        sys.exit(
            main(arguments.pictures, arguments.background, arguments.json, arguments.show, arguments.explain, arguments.csv)
        )
