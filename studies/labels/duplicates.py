"""Which images are nearly the same? -> duplicates.csv and .md, and what to leave out: data/corrections/near_duplicates.csv.

Each training and test image, also mirrored and shifted by a pixel, is compared with all training images.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree

from fashion import paths
from fashion.data import corrections, release
from fashion.data.facts import CLASS_NAMES
from fashion.pipeline import stage, tables
from fashion.pipeline.files import write_text

# Euclidean distance of all grey levels; half of the training images have their nearest one at 880 or more.
RADIUS = 200
# Distances are first taken in that many directions, those of the largest variance: none is longer there than in all 784.
DIRECTIONS = 12
SHIFTS = {"right": (0, 1), "left": (0, -1), "down": (1, 0), "up": (-1, 0)}
CORRECTIONS = paths.CORRECTIONS / "near_duplicates.csv"


class Pair(NamedTuple):
    """Two images that are nearly the same.

    Attributes:
        split: of the first, train or test.
        image: its index in that split.
        view: how it is shown: as it is, mirrored, or shifted by a pixel.
        train_image: index of the training image that it resembles.
        distance: between the two, grey levels.
    """

    split: str
    image: int
    view: str
    train_image: int
    distance: float


def views(images: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield images of shape (N, 28, 28) as they are, mirrored and shifted by a pixel, each with its name."""
    yield "as it is", images
    yield "mirrored", images[:, :, ::-1]
    for name, (down, right) in SHIFTS.items():
        yield f"{name} by a pixel", ndimage.shift(images, (0, down, right), order=0)


def flat(images: np.ndarray) -> np.ndarray:
    """Return images as vectors, float32 of shape (N, pixels)."""
    return images.reshape(len(images), -1).astype(np.float32)


def finder(train: np.ndarray) -> Callable[[np.ndarray], Iterator[tuple[int, int, float]]]:
    """Return what finds the training images near others.

    Args:
        train: uint8, shape (N, 28, 28).

    Returns:
        A function of images, uint8 of shape (M, 28, 28), that yields each pair nearer than RADIUS: the index of the image, that
        of the training image, and their distance.
    """
    vectors = flat(train)
    # Orthonormal, ordered by the variance of the images along them.
    directions = np.linalg.eigh(np.cov(vectors, rowvar=False))[1][:, -DIRECTIONS:].astype(np.float32)
    tree = cKDTree(vectors @ directions)

    def near(images: np.ndarray) -> Iterator[tuple[int, int, float]]:
        others = flat(images)
        # A little further than RADIUS, for the rounding of float32.
        for number, found in enumerate(tree.query_ball_point(others @ directions, RADIUS + 1)):
            for index, distance in zip(found, np.linalg.norm(vectors[found] - others[number], axis=1)):
                if distance < RADIUS:
                    yield number, index, float(distance)

    return near


def find_pairs(train: np.ndarray, test: np.ndarray) -> list[Pair]:
    """Return all pairs, each once, the nearest first.

    Args:
        train: uint8, shape (N, 28, 28).
        test: uint8, shape (M, 28, 28).
    """
    near = finder(train)
    pairs = {}
    for split, images in {"test": test, "train": train}.items():
        for view, seen in views(images):
            for image, train_image, distance in near(seen):
                # Two training images meet twice, an image is like itself, and a symmetric one like its mirror image.
                if split == "test" or image < train_image:
                    pair = Pair(split, image, view, train_image, round(distance, 1))
                    known = pairs.setdefault((split, image, train_image), pair)
                    if pair.distance < known.distance:
                        pairs[split, image, train_image] = pair
    return sorted(pairs.values(), key=lambda pair: (pair.distance, pair))


def in_words(pairs: list[Pair], labels: dict[str, np.ndarray], left_out: int) -> str:
    """Return a page on the pairs: how many of each kind there are, how near, and how many have two labels."""
    rows = []
    for split, name in {"test": "a test and a training image", "train": "two training images"}.items():
        of_split = [pair for pair in pairs if pair.split == split]
        changed = sum(pair.view != "as it is" for pair in of_split)
        apart = sum(labels[split][pair.image] != labels["train"][pair.train_image] for pair in of_split)
        nearest = f"{of_split[0].distance:.1f}" if of_split else ""
        rows.append([name, len(of_split), changed, nearest, apart])
    near_test, tested = len({pair.image for pair in pairs if pair.split == "test"}), len(labels["test"])
    headings = ("pairs of", "number", "only mirrored or shifted", "distance of the nearest", "with different labels")
    return (
        f"Pairs of images that are less than {RADIUS} grey levels apart (Euclidean distance of all pixels):\n\n"
        f"{tables.markdown(rows, headings)}\n\n"
        f"{near_test} of {tested:,} test images are in such a pair: "
        f"memorising explains at most {100 * near_test / tested:.2f} points of accuracy.\n\n"
        f"{left_out} training images are near a test image or an earlier training image: `{CORRECTIONS}` leaves them out.\n"
    )


def main() -> None:
    """Compare, and write.

    Raises:
        UserError: the data is missing or damaged.
    """
    train, test = release.read_training_set(), release.read_test_set()
    labels = {"train": train.labels, "test": test.labels}
    pairs = find_pairs(train.images, test.images)
    tables.write(
        paths.LABELS_STUDY / "duplicates.csv",
        (
            {
                **pair._asdict(),
                "label": CLASS_NAMES[labels[pair.split][pair.image]],
                "train_label": CLASS_NAMES[train.labels[pair.train_image]],
            }
            for pair in pairs
        ),
    )
    left_out = sorted({pair.train_image for pair in pairs})
    tables.write(
        CORRECTIONS,
        (dict(zip(corrections.COLUMNS, (index, CLASS_NAMES[train.labels[index]], ""))) for index in left_out),
    )
    page = in_words(pairs, labels, len(left_out))
    write_text(paths.LABELS_STUDY / "duplicates.md", page)
    print(f"{page}-> {paths.LABELS_STUDY}/duplicates.csv, duplicates.md, {CORRECTIONS}")


if __name__ == "__main__":
    stage.run(main, __doc__, reads=lambda _: [])
