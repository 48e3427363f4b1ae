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
        ParameterError: `prepare.images` is more than there are.
        UserError: the raw data or the table of corrections is damaged, or no training image is left.
    """
    names = release.read_class_names()
    full, test = release.read_sets()
    train, validation = split(full, params, names)
    if not len(train):
        raise UserError(f"{params.corrections}: leaves out every training image")
    for path, dataset in ((paths.TRAIN, train), (paths.VALIDATION, validation), (paths.TEST, test)):
        save_images(path, dataset, names)
    print(f"{len(train)} training, {len(validation)} validation and {len(test)} test images -> {paths.PREPARED}/")


if __name__ == "__main__":
    stage.run(main, __doc__, reads=lambda params: [params.prepare])
