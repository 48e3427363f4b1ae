"""Pictures of any size and kind, made like those of Fashion-MNIST: 28x28 grey, the garment bright on black and filling it."""

from typing import BinaryIO, Literal, NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fashion.data.facts import IMAGE_SIDE
from fashion.pipeline.errors import UserError

Background = Literal["dark", "light"]
# This many take 2.4 GB while they are worked on. A JPEG may have more, because it is decoded at a fraction of its size.
MOST_PIXELS = 100_000_000
Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit, which it applies before that
# Pictures are worked on at no fewer than this many pixels a side.
SIDE = 8 * IMAGE_SIDE
# A pixel belongs to the garment if it differs from the background by at least this many grey levels, and by this many of its
# standard deviations.
VISIBLE, VISIBLE_DEVIATIONS = 25, 6


class Garment(NamedTuple):
    """A picture made ready for the network.

    Attributes:
        image: uint8, shape (28, 28), the garment bright on black.
        background: what the picture's was taken for.
    """

    image: np.ndarray
    background: Background


def grey_levels(picture: Image.Image) -> np.ndarray:
    """Return a picture's brightness: float64 of shape (height, width), 0 to 255. What is transparent is white.

    Raises:
        UserError: its colours are of a kind that Pillow does not convert.
    """
    if picture.mode.startswith("I;16"):
        return np.asarray(picture, dtype=np.float64) / 257
    if picture.mode in ("I", "F"):  # of no fixed range
        values = np.asarray(picture, dtype=np.float64)
        return 255 * (values - values.min()) / (np.ptp(values) or 1)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    try:
        return np.asarray(picture.convert("L"), dtype=np.float64)
    except ValueError:
        raise UserError(f"its colours ({picture.mode}) cannot be made grey; save it as RGB") from None


def open_picture(file: BinaryIO) -> Image.Image:
    """Read a picture in any format that Pillow knows, upright as its EXIF data say.

    Raises:
        UserError: it is no picture, damaged, or too large.
    """
    try:
        picture = Image.open(file)
        picture.draft("L", (SIDE, SIDE))
        if picture.width * picture.height > MOST_PIXELS:
            raise UserError("too many pixels; make it smaller")
        picture.load()
    except (UserError, MemoryError):
        raise
    except UnidentifiedImageError:
        raise UserError("not a picture in a format that Pillow knows") from None
    except Exception as error:  # each of Pillow's readers has its own for damaged files
        raise UserError(f"a damaged picture ({error})") from None
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # odd EXIF data say nothing of the pixels
        return picture


def edge_of(grey: np.ndarray) -> np.ndarray:
    """Return the pixels on the edge of a picture of shape (height, width)."""
    return np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])


def make_garment(picture: Image.Image, background: Background | None = None) -> Garment:
    """Turn a picture into what the network was trained on.

    As for the images of Fashion-MNIST (Xiao et al. 2017), the garment is cut out, its longer side becomes 28 pixels, and it is
    put in the middle of black. A picture of 28x28 pixels is not resized.

    Args:
        picture: of any size and mode.
        background: whether it is darker or lighter than the garment; None: than most of the pixels that stand out from it, and
            of a picture of 28x28 pixels what most on its edge are.

    Raises:
        UserError: there is nothing but background, no more than a thin line, or no colours that can be made grey.
    """
    grey = grey_levels(picture)
    if grey.shape == (IMAGE_SIDE, IMAGE_SIDE):
        background = background or ("light" if np.median(edge_of(grey)) > 127 else "dark")
        return Garment(np.rint(255 - grey if background == "light" else grey).astype(np.uint8), background)
    # Means over squares of pixels have less of a camera's noise.
    grey = np.asarray(Image.fromarray(grey.astype(np.float32)).reduce(max(1, min(grey.shape) // SIDE)))
    edge = edge_of(grey)
    level = np.median(edge)
    # 1.48 times the median distance from the median is the standard deviation of normal noise, whatever else is on the edge.
    visible = max(VISIBLE, VISIBLE_DEVIATIONS * 1.48 * np.median(np.abs(edge - level)))
    darker, brighter = grey < level - visible, grey > level + visible
    background = background or ("light" if (darker.sum(), level) > (brighter.sum(), 127) else "dark")
    garment = np.clip(level - grey if background == "light" else grey - level, 0, None)
    rows, columns = (np.flatnonzero((darker | brighter).any(axis=axis)) for axis in (1, 0))
    if garment.max() <= visible:
        raise UserError(f"nothing stands out from the {background} background; --background dark or light forces it")
    garment = garment[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if 2 * IMAGE_SIDE * min(garment.shape) <= max(garment.shape):  # less than half a pixel wide
        raise UserError("nothing but a thin line stands out from the background")
    small = ImageOps.pad(Image.fromarray((garment * 255 / garment.max()).astype(np.uint8)), (IMAGE_SIDE, IMAGE_SIDE))
    return Garment(np.asarray(small), background)
