"""Draw what augmentation makes of training images: data/prepared/train.npz -> reports/figures/augmented.png."""

import numpy as np

from fashion import figures, paths
from fashion.backend import tf
from fashion.data.facts import CLASSES
from fashion.data.images import load_images
from fashion.params import AugmentParams
from fashion.pipeline import stage
from fashion.training import augmentation

FIGURE = paths.FIGURES / "augmented.png"
# Rows and columns of the figure.
IMAGES, VARIANTS = 6, 9


def main(params: AugmentParams) -> None:
    """Draw the first training images, each as it is and as several epochs would see it.

    Raises:
        UserError: the data is damaged.
    """
    images, labels = (array[:IMAGES] for array in load_images(paths.TRAIN))
    targets = tf.one_hot(labels, CLASSES)
    variants = []
    for epoch in range(VARIANTS):
        rng = np.random.default_rng(epoch)
        draws = augmentation.draw(params, rng.random(len(images)) < params.flip, rng)
        variants.append(augmentation.apply(params, tf.constant(images), targets, draws)[0].numpy())
    figures.save(FIGURE, figures.augmented(images, np.stack(variants, axis=1)))
    print(f"{len(images)} images, {VARIANTS} variants each -> {FIGURE}")


if __name__ == "__main__":
    stage.run(main, __doc__, reads=lambda params: [params.augment])
