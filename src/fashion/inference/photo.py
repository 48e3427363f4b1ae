"""Pictures of any size and kind, made like those of Fashion-MNIST: 28x28 grey, the garment bright on black and filling it."""

import warnings
from typing import BinaryIO, Literal, NamedTuple

import numpy as np
from PIL import Image, ImageFilter, ImageOps, UnidentifiedImageError
from scipy import ndimage

from fashion.data.facts import IMAGE_SIDE
from fashion.inference.segmentation import VISIBLE, Ground, find_garment, find_grounds, touching_border
from fashion.pipeline.errors import UserError

Background = Literal["dark", "light"]
# This many take up to 2 GB while they are worked on. A JPEG may have more, because it is decoded at a fraction of its size.
MOST_PIXELS, MOST_JPEG_PIXELS = 100_000_000, 1_000_000_000
Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit, which it applies before that
warnings.filterwarnings("ignore", module=r"PIL\.")  # of odd metadata
EPS = "EPS"
# What the files of telephones begin with, after the length and `ftyp`.
HEIC_BRANDS, HEIC_SUFFIXES = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1"}, {".heic", ".heif"}
# Pictures are worked on at no fewer than this many pixels on the shorter side, and at most so many times that on the longer.
SIDE, LONGEST = 8 * IMAGE_SIDE, 4
# What red, green and blue add to the brightness (ITU-R BT.601).
LUMA = np.array([0.299, 0.587, 0.114])
# A ground darker than this, of 0 to 1, is no cloth or table, but the black of a picture that is like the data set's already.
BLACK = 0.08
# By how much, of 0 to 1, the garment at least stands out from the data set's black if it was no darker than its own ground.
LIFT = 0.08
# How much darker or brighter than usual the light may be somewhere.
UNEVEN = (0.3, 2)
# How broad the garment's outline is, in pixels of the 28.
OUTLINE = 0.5
# Xiao et al. sharpened their images once they were small: by a Gaussian of this radius; with how much, in percent, is ours.
SHARPEN = ImageFilter.UnsharpMask(radius=1, percent=60, threshold=0)


class Garment(NamedTuple):
    """A picture made ready for the network.

    Attributes:
        image: uint8, shape (28, 28), the garment bright on black.
        background: what the picture's was taken for.
    """

    image: np.ndarray
    background: Background


def colors_of(picture: Image.Image) -> np.ndarray:
    """Return a picture's colours at a size to work on: float64, shape (height, width, 3), 0 to 1. What is transparent is white.

    Raises:
        UserError: its colours are of a kind that Pillow does not convert.
    """
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        values = np.clip(np.nan_to_num(np.asarray(picture, dtype=np.float32)), -1e30, 1e30)
        sixteen_bits = picture.mode.startswith("I;16")
        low, high = (0, 65535) if sixteen_bits else (values.min(), values.max())  # the others have no fixed range
        picture = Image.fromarray((values - low) * (255 / ((high - low) or 1)))
    else:
        try:
            picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
        except ValueError:
            raise UserError(f"its colours ({picture.mode}) cannot be converted; save it as RGB") from None
    # Means over squares of pixels have less of a camera's noise.
    picture = picture.reduce(max(1, min(picture.size) // SIDE, max(picture.size) // (LONGEST * SIDE)))
    if picture.mode == "RGBA":
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    colors = np.asarray(picture, dtype=np.float64) / 255
    return np.repeat(colors[..., None], 3, axis=2) if colors.ndim == 2 else colors


def suffixes() -> set[str]:
    """Return how the names of pictures end that can be read, such as .jpg."""
    known = {suffix for suffix, form in Image.registered_extensions().items() if form in Image.OPEN and form != EPS}
    return known | HEIC_SUFFIXES


def identify(file: BinaryIO) -> Image.Image:
    """Return a picture whose head alone was read.

    Raises:
        UserError: it is no picture, or one that needs a package that is not installed.
    """
    try:
        picture = Image.open(file)
        if picture.format == EPS:
            raise UserError("EPS is a program that Ghostscript would run; save it as PNG")
        return picture
    except UnidentifiedImageError:
        file.seek(0)
        head = file.read(12)
    if head[4:8] != b"ftyp" or head[8:] not in HEIC_BRANDS:
        raise UserError("not a picture, or damaged, or in a format that Pillow does not know" if head else "an empty file")
    try:
        import pillow_heif  # only now: it is an extra, and loads a large library
    except ImportError:
        raise UserError("HEIC needs pillow-heif; run `make extras`") from None
    pillow_heif.register_heif_opener()
    return Image.open(file)


def open_picture(file: BinaryIO, most_pixels: int = MOST_JPEG_PIXELS) -> Image.Image:
    """Read a picture in a format that Pillow knows, or HEIC, upright as its EXIF data say; of an animation the first frame.

    Args:
        file: the picture's.
        most_pixels: that it may have, before any is decoded.

    Raises:
        UserError: it is no picture, damaged, or too large, or HEIC and pillow-heif is not installed.
    """
    try:
        picture = identify(file)
        width, height = picture.size
        if width * height > most_pixels:
            raise UserError(f"{width} x {height} pixels are too many; at most {most_pixels // 1_000_000} million")
        picture.draft("RGB", (SIDE, SIDE))
        if picture.width * picture.height > MOST_PIXELS:
            raise UserError(f"{width} x {height} pixels are too many; make it smaller, or save it as JPEG")
        picture.load()
    except (UserError, MemoryError):
        raise
    except Exception as error:  # each of Pillow's readers has its own for damaged files
        raise UserError(f"a damaged picture ({' '.join(str(error).split())})") from None
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # odd EXIF data say nothing of the pixels
        return picture


def develop(grey: np.ndarray, mask: np.ndarray, ground: Ground, pixel: float) -> tuple[Image.Image, Background]:
    """Cut the garment out, and make it as dark or bright as the data set would have it.

    Args:
        grey: float64, shape (height, width), 0 to 1: the picture's brightness.
        mask: bool, likewise: the garment.
        ground: what most of it lies on.
        pixel: how long one of the 28 is.

    Returns:
        The image, and what the ground was taken for.
    """
    light = ground.colors @ LUMA
    level = np.median(light[ground.mask])
    background = "light" if np.median((grey - light)[mask]) < 0 else "dark"
    if level < BLACK:
        ink = np.clip(grey - level, 0, None)
    else:
        grey = grey / np.clip(light / level, *UNEVEN)  # as if the light were even
        white = max(level, np.percentile(grey[mask], 98))
        ink = np.clip(white - grey, 0, None) + min(LIFT, white - level)
        if white > level + VISIBLE:  # on the outline the darker ground shines through: the ink of what is next to it
            width = 2 * round(pixel * OUTLINE) + 1
            inner = ndimage.binary_erosion(mask, np.ones((width, width)))
            ink = np.where(inner, ink, ndimage.minimum_filter(ink, width))
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    inked = np.where(mask, ink, 0)[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    # Not the maximum, which may be a single pixel's.
    brightest = np.percentile(inked[inked > 0], 99.5) if inked.any() else 1
    image = Image.fromarray(np.clip(255 * inked / brightest, 0, 255).astype(np.uint8))
    return ImageOps.pad(image, (IMAGE_SIDE, IMAGE_SIDE), Image.Resampling.LANCZOS), background


def make_garment(picture: Image.Image, background: Background | None = None) -> Garment:
    """Turn a picture into what the network was trained on.

    As for the images of Fashion-MNIST (Xiao et al. 2017), the garment is cut out, its longer side becomes 28 pixels, it is put
    in the middle, sharpened, and negated, so that dark cloth is bright. A picture of 28x28 pixels is taken as it is.

    Args:
        picture: of any size and mode.
        background: whether it is darker or lighter than the garment, all of which is then sought in what is lighter or darker;
            None: what differs from the background either way is the garment, and of a picture of 28x28 pixels the background
            is what most of its edge is.

    Raises:
        UserError: there is nothing but background, no more than a thin line, or no colours that can be converted.
    """
    colors = colors_of(picture)
    if colors.shape[:2] == (IMAGE_SIDE, IMAGE_SIDE):
        grey = np.rint(255 * colors @ LUMA)
        edge = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
        background = background or ("light" if np.median(edge) > 127 else "dark")
        return Garment((255 - grey if background == "light" else grey).astype(np.uint8), background)
    grounds = find_grounds(ndimage.gaussian_filter(colors, (*[min(1, min(colors.shape[:2]) / SIDE)] * 2, 0)))
    grey = colors @ LUMA
    while True:
        seen = ~np.any([ground.mask for ground in grounds], axis=0)
        if background:
            seen &= (grey < grounds[0].colors @ LUMA) == (background == "light")
        mask, pixel = find_garment(seen)
        if mask.any() or len(grounds) == 1 or touching_border(grounds[0].mask).any():
            break
        del grounds[0]  # nothing lies on it, and another surrounds it: it is the garment
    if not mask.any():
        what = "nothing but thin lines stands" if seen.any() else "nothing stands"
        raise UserError(f"{what} out from the background; take one that is even, and of another colour than the garment")
    small, background = develop(grey, mask, grounds[0], pixel)
    return Garment(np.asarray(small.filter(SHARPEN)), background)
