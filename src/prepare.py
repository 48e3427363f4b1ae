"""Divide the downloaded images: data/raw -> data/prepared/{train,validation,test}.npz."""

from pathlib import Path

import numpy as np

from fashion import corrections, dataset, idx, stage
from fashion.dataset import Images
from fashion.errors import UserError
from fashion.params import TEST_IMAGES, TRAINING_IMAGES, PrepareParams

RAW = Path("data/raw")


def read_raw(prefix: str, count: int) -> Images:
    """Read the images and labels of one of the two official sets.

    Raises:
        UserError: a file is not what the release holds.
        OSError: a file cannot be read.
    """
    images = idx.read(RAW / f"{prefix}-images-idx3-ubyte", dimensions=3)
    labels = idx.read(RAW / f"{prefix}-labels-idx1-ubyte", dimensions=1)
    try:
        dataset.check(Images(images, labels))
        if len(labels) != count:
            raise ValueError(f"{len(labels)} images, not {count}")
    except ValueError as error:
        raise UserError(f"{RAW}/{prefix}-*: {error}; delete {RAW} and run `dvc repro download`") from None
    return Images(images, labels)


def split(full: Images, params: PrepareParams) -> tuple[Images, Images]:
    """Divide the official training set into training and validation images, stratified by class and in their old order.

    Corrections of labels act on the training images alone, so that scores on the validation images stay comparable.

    Returns:
        The training images and the validation images: disjoint, together `params.images` less those that are left out.

    Raises:
        UserError: the table of corrections is none.
        OSError: it cannot be read.
    """
    rng = np.random.default_rng(params.seed)
    used = dataset.select_balanced(full.labels, params.images / len(full), rng)
    held_out = used.copy()
    held_out[used] = dataset.select_balanced(full.labels[used], params.validation_fraction, rng)
    corrected = corrections.read(Path(params.exclude), full.labels)
    train = used & ~held_out & corrected.kept
    return Images(full.images[train], corrected.labels[train]), Images(full.images[held_out], full.labels[held_out])


def main(params: PrepareParams) -> None:
    """Write the three sets.

    Raises:
        UserError: the raw data or the table of corrections is damaged.
        OSError: a file cannot be read or written.
    """
    train, validation = split(read_raw("train", TRAINING_IMAGES), params)
    if not len(train):
        raise UserError(f"{params.exclude}: leaves out every training image")
    test = read_raw("t10k", TEST_IMAGES)
    dataset.save(dataset.TRAIN_FILE, train)
    dataset.save(dataset.VALIDATION_FILE, validation)
    dataset.save(dataset.TEST_FILE, test)
    print(f"{len(train)} training, {len(validation)} validation and {len(test)} test images -> {dataset.PREPARED}/")


if __name__ == "__main__":
    stage.run(main, __doc__, reads=lambda params: [params.prepare])
