"""The images and labels of the official release, as the stage `download` left them."""

from fashion import paths
from fashion.data import idx
from fashion.data.facts import TEST_IMAGES, TRAINING_IMAGES
from fashion.data.images import Images, check_images
from fashion.pipeline.errors import UserError


def read_training_set() -> Images:
    """Read the official 60,000 training images; errors as of `read`."""
    return read("train", TRAINING_IMAGES)


def read_test_set() -> Images:
    """Read the official 10,000 test images; errors as of `read`."""
    return read("t10k", TEST_IMAGES)


def read(prefix: str, count: int) -> Images:
    """Read one of the two official sets.

    Args:
        prefix: how its files' names begin.
        count: how many images it has.

    Raises:
        UserError: a file is not what the release holds.
    """
    images = idx.read(paths.RAW / f"{prefix}-images-idx3-ubyte", dimensions=3)
    labels = idx.read(paths.RAW / f"{prefix}-labels-idx1-ubyte", dimensions=1)
    try:
        check_images(Images(images, labels))
        if len(labels) != count:
            raise ValueError(f"{len(labels)} images, not {count}")
    except ValueError as error:
        raise UserError(f"{paths.RAW}/{prefix}-*: {error}; delete {paths.RAW} and run `dvc repro download`") from None
    return Images(images, labels)
