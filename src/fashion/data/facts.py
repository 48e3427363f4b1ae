"""Facts about Fashion-MNIST (Xiao, Rasul & Vollgraf 2017, arXiv:1708.07747), in its release of 31 August 2017."""

from typing import NamedTuple

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
CLASSES = len(CLASS_NAMES)
IMAGE_SIDE = 28
TRAINING_IMAGES, TEST_IMAGES = 60_000, 10_000
# Mean and standard deviation of the pixels of the training images, in grey levels of 0 to 255.
PIXEL_MEAN, PIXEL_STD = 72.94, 90.02


class RawFile(NamedTuple):
    """A file of the release, decompressed: its bytes and their SHA-256. Servers compress it differently."""

    size: int
    sha256: str


RAW_FILES = {
    "train-images-idx3-ubyte": RawFile(47_040_016, "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
    "train-labels-idx1-ubyte": RawFile(60_008, "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
    "t10k-images-idx3-ubyte": RawFile(7_840_016, "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
    "t10k-labels-idx1-ubyte": RawFile(10_008, "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
}
