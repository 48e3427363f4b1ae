"""The batches of an epoch."""

import numpy as np
from small_training import RECIPE, images

from fashion.training.batches import shuffled_batches


def test_an_epoch_visits_each_image_once_in_an_order_of_its_own(raw):
    train, _ = images(raw)
    targets = np.eye(10, dtype=np.float32)[train.labels]

    def epoch(seed: int, number: int, size: int = 250) -> list[bytes]:
        batches = shuffled_batches(train.images, targets, size, RECIPE.augment, seed, number)
        assert [len(batch) for batch, _ in batches] == [size] * (1000 // size)
        return [image.tobytes() for batch, _ in batches.as_numpy_iterator() for image in batch]

    def unflipped(seen: list[bytes]) -> list[bytes]:
        arrays = (np.frombuffer(image, np.uint8).reshape(28, 28) for image in seen)
        return sorted(min(array.tobytes(), array[:, ::-1].tobytes()) for array in arrays)

    assert epoch(0, 1) == epoch(0, 1)
    assert epoch(0, 1) != epoch(0, 2) != epoch(1, 2)
    assert unflipped(epoch(0, 1)) == unflipped(epoch(1, 2)) == unflipped([image.tobytes() for image in train.images])
    assert len(set(epoch(0, 1, size=300))) == 900
    originals = {image.tobytes() for image in train.images}
    first, second = ({image for image in epoch(0, number) if image in originals} for number in (1, 2))
    assert 400 < len(first) < 600 and len(first & second) < 10, "each image is flipped in every other epoch"
