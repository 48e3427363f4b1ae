"""Pictures of one's own: any format, size and background, and those that are none."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps
from small_training import official

from fashion.data import release
from fashion.inference import photo
from fashion.pipeline.errors import UserError


@pytest.fixture(scope="module")
def test_images(raw):
    return official(raw, release.read_test_set).images


def encoded(image: Image.Image, format: str = "PNG", **options) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file


def large(garment: np.ndarray) -> Image.Image:
    """A photograph's version of a garment: 560 pixels high in a frame of 900 x 800, dark on light."""
    big = Image.fromarray(255 - garment).resize((560, 560), Image.Resampling.BICUBIC)
    frame = Image.new("L", (900, 800), 255)
    frame.paste(big, (200, 60))
    return frame


def rgba(picture: Image.Image) -> Image.Image:
    """The same with the background transparent."""
    out = Image.merge("RGBA", [Image.new("L", picture.size, 0)] * 3 + [ImageOps.invert(picture)])
    return out


PICTURES = {
    "light": large,
    "dark": lambda garment: ImageOps.invert(large(garment)),
    "rgb": lambda garment: large(garment).convert("RGB"),
    "rgba": lambda garment: rgba(large(garment)),
    "palette": lambda garment: large(garment).convert("P"),
    "16 bits": lambda garment: Image.fromarray(np.asarray(large(garment)).astype(np.uint16) * 257),
    "floats": lambda garment: Image.fromarray(np.asarray(large(garment)).astype(np.float32) / 255),
    "cmyk": lambda garment: large(garment).convert("RGB").convert("CMYK"),
}


@pytest.mark.parametrize("kind", PICTURES)
def test_a_picture_becomes_what_the_network_knows(test_images, kind):
    for garment in test_images[[0, 1, 2, 23]]:
        made = photo.make_garment(PICTURES[kind](garment))
        assert made.image.shape == (28, 28) and made.image.dtype == np.uint8
        assert made.background == ("dark" if kind == "dark" else "light")
        assert np.abs(made.image.astype(float) - garment).mean() < 25


def test_a_picture_of_28_pixels_is_taken_as_it_is(test_images):
    for garment in test_images[:100]:
        np.testing.assert_array_equal(photo.make_garment(Image.fromarray(garment), "dark").image, garment)
        np.testing.assert_array_equal(photo.make_garment(Image.fromarray(255 - garment), "light").image, garment)


def test_a_turned_photograph_is_put_upright(test_images):
    upright = large(test_images[1])
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter clockwise
    turned = photo.open_picture(encoded(upright.transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif))
    difference = photo.make_garment(turned).image.astype(float) - photo.make_garment(upright).image
    assert np.abs(difference).mean() < 5


def test_odd_exif_data_do_not_matter():
    # A TIFF header and two entries: to be turned, and a resolution that is text instead of a fraction.
    turned, resolution = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0), struct.pack("<HHI4s", 0x011A, 2, 3, b"72")
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + turned + resolution + bytes(4)
    picture = Image.effect_noise((90, 60), 90)
    assert photo.open_picture(encoded(picture, "JPEG", exif=exif)).size == (90, 60)


def bomb(side: int) -> bytes:
    """A PNG header that promises more pixels than there are."""
    content = bytearray(encoded(Image.new("L", (8, 8))).getvalue())
    content[16:24] = side.to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    return bytes(content)


def promising_jpeg(side: int) -> bytes:
    """A JPEG header that promises more pixels than there are."""
    content = encoded(Image.new("L", (8, 8)), "JPEG").getvalue()
    place = content.index(b"\xff\xc0") + 5  # the start of the frame: marker, length, precision; then height and width
    return content[:place] + struct.pack(">HH", side, side) + content[place + 4 :]


PNG = encoded(Image.effect_noise((200, 200), 90)).getvalue()
QOI = encoded(Image.effect_noise((200, 200), 90).convert("RGB"), "QOI").getvalue()
BROKEN = {
    "truncated QOI": (QOI[: len(QOI) // 2], "a damaged picture"),
    "empty": (b"", "an empty file"),
    "text": (b"<html>", "not a picture"),
    "truncated": (PNG[: len(PNG) // 2], "a damaged picture"),
    "flipped": (PNG[:1000] + b"\0\0\0\0" + PNG[1004:], "a damaged picture"),
    "program": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 90 90\n%%EndComments\nshowpage\n", "EPS is a program"),
    "large JPEG": (promising_jpeg(50_000), "too many"),
    "bomb": (bomb(60_000), "too many"),
    "a pixel too many": (bomb(10_001), "too many"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_no_picture_is_refused(kind):
    content, message = BROKEN[kind]
    with pytest.raises(UserError, match=message):
        photo.make_garment(photo.open_picture(io.BytesIO(content)))


def test_a_photograph_may_be_large():
    """200 million pixels, as telephones make: a JPEG is decoded at an eighth of its size."""
    picture = Image.new("L", (12_500, 16_000), 255)
    picture.paste(0, (4_000, 4_000, 8_000, 12_000))
    made = photo.make_garment(photo.open_picture(encoded(picture, "JPEG")))
    assert (made.image > 200).sum() == pytest.approx(28 * 14, rel=0.1)


def test_noise_of_the_camera_is_not_cut_out(test_images):
    rng = np.random.default_rng(0)
    for garment in test_images[[0, 1, 2, 23]]:
        clean = large(garment)
        noisy = np.asarray(clean) * 0.8 + rng.normal(0, 10, (clean.height, clean.width))
        made = photo.make_garment(Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)))
        assert np.abs(made.image.astype(float) - photo.make_garment(clean).image).mean() < 10


@pytest.mark.parametrize(("ground", "garment", "motif"), [(180, 250, 10), (110, 10, 250), (60, 20, 255)])
def test_a_motif_is_part_of_the_garment_and_dark_cloth_is_bright(ground, garment, motif):
    picture = np.full((500, 400), ground, np.uint8)
    picture[100:400, 100:250] = garment
    picture[200:220, 150:190] = motif
    made = photo.make_garment(Image.fromarray(picture))
    assert made.background == ("dark" if garment > ground else "light")
    assert (made.image > 10).sum() == pytest.approx(28 * 14, rel=0.1)
    cloth, on_it = np.median(made.image[:, 8:20]), int(made.image[10, 13])
    assert (cloth > on_it + 50) if garment < motif else (cloth < on_it - 50)


def lit(picture: Image.Image) -> np.ndarray:
    """The photograph as floats, for what else can be in it."""
    return np.asarray(picture.convert("RGB"), dtype=np.float64)


def under_uneven_light(picture: np.ndarray) -> np.ndarray:
    return picture * np.linspace(1, 0.45, picture.shape[1])[:, None]


def in_a_vignette(picture: np.ndarray) -> np.ndarray:
    y, x = (np.linspace(-1, 1, side) for side in picture.shape[:2])
    return picture * (1 - 0.25 * (y[:, None] ** 2 + x**2))[..., None]


def in_a_frame(picture: np.ndarray) -> np.ndarray:
    picture[:12] = picture[-12:] = picture[:, :12] = picture[:, -12:] = 20
    return picture


def with_a_logo(picture: np.ndarray) -> np.ndarray:
    picture[20:70, 20:100] = (200, 30, 30)
    return picture


def on_a_tables_edge(picture: np.ndarray) -> np.ndarray:
    picture[:300] *= np.array([0.6, 0.5, 0.4])
    return picture


def in_dust(picture: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(0)
    picture[rng.integers(0, picture.shape[0], 300), rng.integers(0, picture.shape[1], 300)] = 50
    return picture


def of_low_contrast(picture: np.ndarray) -> np.ndarray:
    return 120 + picture / 4


def under_a_wire(picture: np.ndarray) -> np.ndarray:
    picture[:200, 399:402] = 60
    return picture


@pytest.mark.parametrize(
    "disturb",
    [
        under_uneven_light,
        in_a_vignette,
        in_a_frame,
        with_a_logo,
        on_a_tables_edge,
        in_dust,
        of_low_contrast,
        under_a_wire,
    ],
)
def test_what_is_around_the_garment_does_not_matter(test_images, disturb):
    for garment in test_images[[0, 2, 3, 23]]:
        clean = large(garment)
        found = photo.make_garment(Image.fromarray(disturb(lit(clean)).astype(np.uint8)))
        difference = found.image.astype(float) - photo.make_garment(clean).image
        assert np.abs(difference).mean() < 25


def test_colour_alone_is_enough():
    """A red garment on grey of the same brightness."""
    picture = Image.new("RGB", (400, 500), (115, 115, 115))
    picture.paste((200, 80, 70), (100, 100, 250, 400))
    assert (photo.make_garment(picture).image > 20).sum() == pytest.approx(28 * 14, rel=0.1)


def test_the_background_that_is_forced_leaves_out_what_is_on_its_other_side():
    """A pale garment, and beside it a shadow that is larger."""
    picture = np.full((500, 500), 150, np.uint8)
    picture[100:400, 200:260] = 240
    picture[100:400, 260:420] = 60
    assert photo.make_garment(Image.fromarray(picture)).background == "light"
    made = photo.make_garment(Image.fromarray(picture), "dark")
    assert made.background == "dark"
    assert (made.image > 20).sum() == pytest.approx(28 * 28 * 60 / 300, rel=0.3)


def test_a_hairline_is_refused():
    picture = Image.new("L", (600, 600), 255)
    picture.paste(0, (300, 10, 303, 590))
    with pytest.raises(UserError, match="nothing but thin lines stands out"):
        photo.make_garment(picture)
    picture.paste(0, (300, 10, 330, 590))
    assert photo.make_garment(picture).image.shape == (28, 28)


@pytest.mark.parametrize("ground", ["white", "black", (90, 120, 60)])
def test_a_picture_of_nothing_is_refused(ground):
    with pytest.raises(UserError, match="nothing stands out from the background; take one that is even"):
        photo.make_garment(Image.new("RGB", (300, 200), ground))


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame_counts(test_images, form):
    frames = [large(test_images[number]).convert("RGB") for number in (0, 1, 2)]
    file = encoded(frames[0], form, save_all=True, append_images=frames[1:], **({"lossless": True} if form == "WEBP" else {}))
    with Image.open(file) as animation:
        assert animation.n_frames == 3
    difference = photo.make_garment(photo.open_picture(file)).image.astype(float) - photo.make_garment(frames[0]).image
    assert np.abs(difference).mean() < 5


MODES = ("1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I", "F", "LA", "PA", "RGBa", "I;16", "I;16B")


@given(
    st.sampled_from(MODES),
    st.integers(1, 90),
    st.integers(1, 90),
    st.binary(max_size=400),
    st.sampled_from([None, "dark", "light"]),
)
@example("L", 1, 5000, b"\0\xff", None)
@example("RGB", 5000, 1, b"\0\xff", "light")
@example("F", 30, 40, struct.pack("<4f", float("nan"), float("inf"), -1e38, 3e38), None)
def test_any_size_and_mode_ends_in_a_garment_or_one_line(mode, width, height, content, background):
    picture = Image.new(mode, (width, height))
    bytes_needed = len(picture.tobytes())
    picture.frombytes((content * (bytes_needed // max(1, len(content)) + 1))[:bytes_needed] or bytes(bytes_needed))
    try:
        made = photo.make_garment(picture, background)
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert made.image.shape == (28, 28) and made.image.dtype == np.uint8 and made.background in ("dark", "light")


def heads() -> list[bytes]:
    """Small files of the formats that people have, for a mutation to begin with."""
    picture = Image.effect_noise((40, 30), 90).convert("RGB")
    return [encoded(picture, form).getvalue() for form in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "TGA", "ICO")]


@settings(max_examples=50)
@given(st.sampled_from([b"", *heads()]), st.integers(0, 200), st.binary(max_size=60))
def test_any_bytes_end_in_a_garment_or_one_line(file, place, change):
    content = file[:place] + change + file[place + len(change) :]
    try:
        photo.make_garment(photo.open_picture(io.BytesIO(content)))
    except UserError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("ground", [230, 40])
def test_a_garment_that_is_larger_than_its_ground_is_found(ground):
    picture = Image.new("L", (400, 400), ground)
    picture.paste(255 - ground, (45, 45, 360, 360))
    made = photo.make_garment(picture)
    assert made.background == ("light" if ground > 127 else "dark")
    assert (made.image > 0).mean() > 0.9
