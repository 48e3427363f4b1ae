"""The images and their labels, on disk and in memory."""

import io
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fashion.errors import UserError
from fashion.files import atomic_write, write_zip
from fashion.params import CLASSES, IMAGE_SIDE

CLASS_NAMES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
PREPARED = Path("data/prepared")
TRAIN_FILE = PREPARED / "train.npz"
VALIDATION_FILE = PREPARED / "validation.npz"
TEST_FILE = PREPARED / "test.npz"


class Images(NamedTuple):
    """A set of labelled images.

    Attributes:
        images: uint8, shape (N, 28, 28); 0 is background.
        labels: uint8, shape (N,), each 0 to 9: an index into `CLASS_NAMES`.
    """

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


def check(dataset: Images) -> None:
    """Check that the arrays are what `Images` promises.

    Raises:
        ValueError: a dtype, a shape or a label is another one.
    """
    images, labels = dataset
    if images.dtype != np.uint8 or images.shape[1:] != (IMAGE_SIDE, IMAGE_SIDE) or not len(images):
        raise ValueError(f"images are {images.dtype} of shape {images.shape}, not uint8 of shape (N, 28, 28)")
    if labels.dtype != np.uint8 or labels.ndim != 1:
        raise ValueError(f"labels are {labels.dtype} of shape {labels.shape}, not uint8 of shape (N,)")
    if len(images) != len(labels):
        raise ValueError(f"{len(images)} images, but {len(labels)} labels")
    if labels.max() >= CLASSES:
        raise ValueError(f"label {labels.max()} at index {labels.argmax()}: labels are 0 to {CLASSES - 1}")


def save(path: Path, dataset: Images) -> None:
    """Write a set of images as an .npz file; equal arrays give equal bytes.

    Raises:
        OSError: the file cannot be written.
    """
    content = {}
    for name, array in dataset._asdict().items():
        npy = io.BytesIO()
        np.lib.format.write_array(npy, array, allow_pickle=False)
        content[f"{name}.npy"] = npy.getvalue()
    with atomic_write(path) as file:
        write_zip(file, content)


def load(path: Path) -> Images:
    """Read a set of images that `save` wrote.

    Raises:
        UserError: the file is damaged or holds something else.
        OSError: the file cannot be read.
    """
    content = path.read_bytes()
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            dataset = Images(arrays["images"], arrays["labels"])
        check(dataset)
    except MemoryError:
        raise
    except Exception as error:  # the readers of both formats raise whatever the damage leads to
        raise UserError(f"{path}: not a set of images ({error}); delete it and run `dvc repro`") from None
    return dataset


def select_balanced(labels: np.ndarray, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Choose a part of the examples at random, the same part of every class (a stratified sample).

    Args:
        labels: integers, shape (N,).
        fraction: the part of each class to choose, from 0 to 1; each class's number is rounded to the nearest.
        rng: the source of randomness.

    Returns:
        bool, shape (N,): which examples are chosen.
    """
    chosen = np.zeros(len(labels), bool)
    for label in np.unique(labels):
        indices = np.flatnonzero(labels == label)
        chosen[rng.permutation(indices)[: round(fraction * len(indices))]] = True
    return chosen
