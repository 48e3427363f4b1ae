"""Divide the images: data/raw -> data/prepared/{train,validation,test}.npz."""

from fashion import paths
from fashion.data import release
from fashion.data.images import save_images
from fashion.data.split import split
from fashion.params import PrepareParams
from fashion.pipeline import stage
from fashion.pipeline.errors import UserError


def main(params: PrepareParams) -> None:
    """Write the three sets.

    Raises:
        UserError: the raw data or the table of corrections is damaged, or no training image is left.
    """
    train, validation = split(release.read_training_set(), params)
    if not len(train):
        raise UserError(f"{params.corrections}: leaves out every training image")
    test = release.read_test_set()
    save_images(paths.TRAIN, train)
    save_images(paths.VALIDATION, validation)
    save_images(paths.TEST, test)
    print(f"{len(train)} training, {len(validation)} validation and {len(test)} test images -> {paths.PREPARED}/")


if __name__ == "__main__":
    stage.run(main, __doc__, reads=lambda params: [params.prepare])
