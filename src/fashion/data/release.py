"""The images and labels of the official release, or of a data set of your own, as the stage `download` left them."""

from fashion import paths
from fashion.data import idx
from fashion.data.facts import CLASS_NAMES, CLASSES, TEST_IMAGES, TRAINING_IMAGES
from fashion.data.images import Images, check_images
from fashion.pipeline.errors import UserError


def read_class_names() -> tuple[str, ...]:
    """Read the names of the classes, in the order of the labels: those of Fashion-MNIST unless the data set is your own.

    Raises:
        UserError: the file that names your own is damaged.
    """
    if not paths.RAW_CLASSES.exists():
        return CLASS_NAMES
    names = tuple(paths.RAW_CLASSES.read_text(encoding="utf-8").splitlines())
    if len(set(names)) != CLASSES:
        raise UserError(f"{paths.RAW_CLASSES}: not the names of {CLASSES} classes; run `dvc repro --force download`")
    return names


def read_sets() -> tuple[Images, Images]:
    """Read the training set and the test set, official or your own; errors as of `read`."""
    if paths.RAW_CLASSES.exists():
        return read("train"), read("t10k")
    return read_training_set(), read_test_set()


def read_training_set() -> Images:
    """Read the official 60,000 training images; errors as of `read`."""
    return read("train", TRAINING_IMAGES)


def read_test_set() -> Images:
    """Read the official 10,000 test images; errors as of `read`."""
    return read("t10k", TEST_IMAGES)


def read(prefix: str, count: int | None = None) -> Images:
    """Read one of the two sets.

    Args:
        prefix: how its files' names begin.
        count: how many images the official one has; None for one of your own.

    Raises:
        UserError: a file is damaged, or not the official one though that is asked for.
    """
    if count is not None and paths.RAW_CLASSES.exists():
        raise UserError(f"{paths.RAW}: a data set of your own; this is only for Fashion-MNIST")
    images = idx.read(paths.RAW / f"{prefix}-images-idx3-ubyte", dimensions=3)
    labels = idx.read(paths.RAW / f"{prefix}-labels-idx1-ubyte", dimensions=1)
    try:
        check_images(Images(images, labels))
        if count is not None and len(labels) != count:
            raise ValueError(f"{len(labels)} images, not {count}")
    except ValueError as error:
        raise UserError(f"{paths.RAW}/{prefix}-*: {error}; delete {paths.RAW} and run `dvc repro download`") from None
    return Images(images, labels)
