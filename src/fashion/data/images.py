"""Labelled images, in memory and on disk."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fashion.data.facts import CLASS_NAMES, CLASSES, IMAGE_SIDE
from fashion.pipeline.errors import UserError
from fashion.pipeline.files import write_arrays


class Images(NamedTuple):
    """A set of labelled images.

    Attributes:
        images: uint8, shape (N, 28, 28); 0 is background.
        labels: uint8, shape (N,), each 0 to 9: an index into the names of the classes.
    """

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


def check_images(dataset: Images) -> None:
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


def save_images(path: Path, dataset: Images, names: Sequence[str] = CLASS_NAMES) -> None:
    """Write a set of images as an .npz file; equal arrays give equal bytes.

    Args:
        path: the file.
        dataset: the images.
        names: of the classes; they are written, too, if they are not those of Fashion-MNIST.
    """
    own = {} if tuple(names) == CLASS_NAMES else {"classes": np.array(names)}
    write_arrays(path, dataset._asdict() | own)


def load_images(path: Path) -> Images:
    """Read a set of images that `save_images` wrote.

    Raises:
        UserError: the file is damaged or holds something else.
    """
    content = path.read_bytes()
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            dataset = Images(arrays["images"], arrays["labels"])
        check_images(dataset)
    except MemoryError:
        raise
    except Exception as error:  # the readers of both formats raise whatever the damage leads to
        raise damaged(path, error) from None
    return dataset


def load_class_names(path: Path) -> tuple[str, ...]:
    """Read the names of the classes of a set of images that `save_images` wrote; errors as of `load_images`."""
    content = path.read_bytes()
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            names = tuple(arrays["classes"].tolist()) if "classes" in arrays else CLASS_NAMES
        if len(set(names)) != CLASSES:
            raise ValueError(f"{len(set(names))} names of classes, not {CLASSES}")
    except MemoryError:
        raise
    except Exception as error:
        raise damaged(path, error) from None
    return names


def refuse_other_data(path: Path) -> None:
    """Check that a set of images is of Fashion-MNIST.

    Raises:
        UserError: it is of a data set of your own, or the file is damaged.
    """
    if load_class_names(path) != CLASS_NAMES:
        raise UserError(f"{path}: a data set of your own; this is only for Fashion-MNIST")


def damaged(path: Path, reason: object) -> UserError:
    """Return the error that says that a file is no set of images."""
    return UserError(f"{path}: not a set of images ({reason}); delete it and run `dvc repro`")
