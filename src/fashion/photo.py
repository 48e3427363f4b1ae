"""Pictures of any size and kind, made like those of Fashion-MNIST: 28x28 grey, the garment bright on black, filling the frame."""

import warnings
from typing import BinaryIO, Literal, NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fashion.errors import UserError
from fashion.params import IMAGE_SIDE

Background = Literal["dark", "light"]
# So many take 2.4 GB while they are worked on. A JPEG may have more, because it is decoded at a fraction of its size.
MOST_PIXELS = 100_000_000
# Grey levels above the background from which on a pixel belongs to the garment.
VISIBLE = 25


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
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(file)
            picture.draft("L", (8 * IMAGE_SIDE, 8 * IMAGE_SIDE))
            if picture.width * picture.height > MOST_PIXELS:
                raise Image.DecompressionBombError
            picture.load()
    except UnidentifiedImageError:
        raise UserError("not a picture in a format that Pillow knows") from None
    except Image.DecompressionBombError:
        raise UserError("too many pixels; make it smaller") from None
    except Exception as error:  # each of Pillow's readers has its own for damaged files
        raise UserError(f"a damaged picture ({error})") from None
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # odd EXIF data say nothing of the pixels
        return picture


def make_garment(picture: Image.Image, background: Background | None = None) -> Garment:
    """Turn a picture into what the network was trained on.

    As for the images of Fashion-MNIST (Xiao et al. 2017), the garment is cut out, its longer side becomes 28 pixels, and it is
    put in the middle of black. A picture of 28x28 pixels is not resized.

    Args:
        picture: of any size and mode.
        background: whether it is dark or light; None: as most pixels on the edge are.

    Raises:
        UserError: there is nothing but background, no more than a thin line, or no colours that can be made grey.
    """
    grey = grey_levels(picture)
    edge = float(np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])))
    background = background or ("light" if edge > 127 else "dark")
    if background == "light":
        grey, edge = 255 - grey, 255 - edge
    if grey.shape == (IMAGE_SIDE, IMAGE_SIDE):
        return Garment(np.rint(grey).astype(np.uint8), background)
    garment = np.clip(grey - edge, 0, None)
    rows, columns = (np.flatnonzero((garment > VISIBLE).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        raise UserError(f"nothing stands out from the {background} background; --background dark or light forces it")
    garment = garment[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if 2 * IMAGE_SIDE * min(garment.shape) <= max(garment.shape):  # less than half a pixel wide
        raise UserError("nothing but a thin line stands out from the background")
    small = ImageOps.pad(Image.fromarray((garment * 255 / garment.max()).astype(np.uint8)), (IMAGE_SIDE, IMAGE_SIDE))
    return Garment(np.asarray(small), background)
