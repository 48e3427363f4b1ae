"""Draw what augmentation makes of training images: data/prepared/train.npz -> reports/figures/augmented.png."""

from pathlib import Path

import numpy as np

from fashion import augment, dataset, figures, stage
from fashion.backend import tf
from fashion.params import CLASSES, AugmentParams

FIGURE = Path("reports/figures/augmented.png")
# Rows and columns of the picture.
IMAGES, VARIANTS = 6, 9


def main(params: AugmentParams) -> None:
    """Draw the first training images, each as it is and as several epochs would see it.

    Raises:
        UserError: the data is damaged.
        OSError: a file cannot be read or written.
    """
    images, labels = (array[:IMAGES] for array in dataset.load(dataset.TRAIN_FILE))
    targets = tf.one_hot(labels, CLASSES)
    variants = []
    for epoch in range(VARIANTS):
        rng = np.random.default_rng(epoch)
        draws = augment.draw(params, rng.random(len(images)) < params.flip, rng)
        variants.append(augment.apply(params, tf.constant(images), targets, draws)[0].numpy())
    figures.save(FIGURE, figures.augmented(images, np.stack(variants, axis=1)))
    print(f"{len(images)} images, {VARIANTS} variants each -> {FIGURE}")


if __name__ == "__main__":
    stage.run(main, __doc__, reads=lambda params: [params.augment])
