"""Is the garment found in everyday photographs? Synthetic ones -> results.json, table.md, gallery.jpg.

Each photograph shows a test image that the network gets right, as cloth on a ground, and goes the way of a user's own picture.
The kinds in HELD_OUT and every second test image were not looked at when the segmentation was made. before.json is the
results.json of the code before that, made by this script.
"""

import io
import zlib
from collections.abc import Callable, Iterable

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps
from scipy import ndimage
from tqdm import tqdm

from fashion import paths
from fashion.clones import clean_commit
from fashion.data.facts import CLASS_NAMES
from fashion.data.images import load_images, refuse_other_data
from fashion.inference import photo
from fashion.inference.classify import classify
from fashion.pipeline import stage, tables
from fashion.pipeline.errors import UserError
from fashion.pipeline.files import atomic_write, read_json, write_json, write_text
from fashion.scoring.prediction_table import read_predictions

HEIGHT, WIDTH = 480, 360
# Garments of each class, in each kind of photograph.
EACH = 4
PARTS = TUNING, HELD = "tuned on", "held out"
Generator = np.random.Generator
ROWS, COLUMNS = np.mgrid[0 : 1 : HEIGHT * 1j, 0 : 1 : WIDTH * 1j]


# What lies under the garment: the part of the light that it gives back, 0 to 1, broadcast to (HEIGHT, WIDTH, 3).


def plain(color: Iterable[float]) -> np.ndarray:
    """One colour."""
    return np.broadcast_to(np.array(list(color)), (HEIGHT, WIDTH, 3))


def paper(rng: Generator) -> np.ndarray:
    """Nearly white."""
    return plain(rng.uniform(0.88, 0.96) + rng.uniform(-0.01, 0.01, 3))


def cloud(rng: Generator, sigma: float | tuple[float, float]) -> np.ndarray:
    """Smooth noise of standard deviation 1, shape (HEIGHT, WIDTH, 1)."""
    noise = ndimage.gaussian_filter(rng.normal(size=(HEIGHT, WIDTH)), sigma, mode="wrap")
    return (noise / noise.std())[..., None]


def wood(rng: Generator) -> np.ndarray:
    """Planks with their grain."""
    grain = 1 + 0.05 * cloud(rng, (30, 1)) + 0.03 * cloud(rng, (60, 4))
    plank, gap = np.divmod(COLUMNS * 4 + rng.uniform(), 1)
    shade = rng.uniform(0.92, 1.08, 6)[plank.astype(int)] * np.where(gap < 0.015, 0.6, 1)
    return plain((0.72, 0.55, 0.38)) * grain * shade[..., None]


def tiles(rng: Generator) -> np.ndarray:
    """Light tiles, no two alike, with darker joints."""
    row, down = np.divmod(ROWS * 4 + rng.uniform(), 1)
    column, across = np.divmod(COLUMNS * 3 + rng.uniform(), 1)
    shade = 0.82 + rng.uniform(-0.04, 0.04, (6, 6))[row.astype(int), column.astype(int)]
    return np.where((down < 0.03) | (across < 0.03), 0.6, shade)[..., None] * plain((1, 0.98, 0.94))


def two_tone(rng: Generator) -> np.ndarray:
    """A table's edge, and what lies behind it."""
    edge = rng.uniform(0.25, 0.75) + rng.uniform(-0.1, 0.1) * (COLUMNS - 0.5)
    return np.where((edge > ROWS)[..., None], plain(rng.uniform(0.55, 0.65) * np.array([1, 0.9, 0.8])), paper(rng))


# The light on it, 0 to 1, shape (HEIGHT, WIDTH, 1).


def from_left(rng: Generator) -> np.ndarray:
    """A window on one side."""
    across = COLUMNS if rng.uniform() < 0.5 else 1 - COLUMNS
    return (1 - rng.uniform(0.4, 0.6) * across)[..., None]


def vignette(rng: Generator) -> np.ndarray:
    """A lens that loses light towards the corners."""
    return (1 - rng.uniform(0.5, 0.9) * ((ROWS - 0.5) ** 2 + (COLUMNS - 0.5) ** 2))[..., None]


def lamp(rng: Generator) -> np.ndarray:
    """A warm lamp that stands close by, to the left or right of the garment."""
    distance = (ROWS - rng.uniform(0.2, 0.8)) ** 2 + (COLUMNS - rng.choice([0.1, 0.9])) ** 2
    return (1 / (1 + 1.2 * distance))[..., None] * np.array([1, 0.88, 0.68])


def spotlight(rng: Generator) -> np.ndarray:
    """A round spot of light on the garment, with a soft edge."""
    distance = (ROWS - rng.uniform(0.35, 0.65)) ** 2 + (COLUMNS - rng.uniform(0.35, 0.65)) ** 2
    return (0.5 + 0.5 * np.exp(-distance / rng.uniform(0.15, 0.3)))[..., None]


def side_shadow(rng: Generator) -> np.ndarray:
    """The sharp shadow of something outside the picture, over one side of all."""
    edge = rng.uniform(0.15, 0.35) + rng.uniform(-0.15, 0.15) * (ROWS - 0.5)
    across = COLUMNS if rng.uniform() < 0.5 else 1 - COLUMNS
    return 1 - rng.uniform(0.35, 0.5) * np.clip((edge - across) * 60, 0, 1)[..., None]


class Cloth:
    """A test image made into a thing that lies there.

    Attributes:
        ink: how dark it is, 0 to 1, shape (HEIGHT, WIDTH, 1).
        cover: how much of the ground it hides, 0 to 1, likewise.
    """

    def __init__(self, garment: np.ndarray, rng: Generator, height: float = 0.6, angle: float = 0):
        ink = garment / 255
        inside = ink > 0.03
        # A pixel on the outline is the mean of cloth and of white paper, which the ground takes the place of.
        outline = ~ndimage.binary_erosion(inside)
        cloth = np.where(outline, np.maximum(ndimage.grey_dilation(ink, 3), 0.25), ink)
        cover = np.where(outline, ink / cloth, 1)
        place = rng.uniform(-12, 12, 2)
        self.ink, self.cover = (self.lay(layer, place, height, angle) for layer in (cloth, cover))

    @staticmethod
    def lay(layer: np.ndarray, place: np.ndarray, height: float, angle: float) -> np.ndarray:
        """Enlarge a layer, shape (28, 28), turn it, and put it near the middle of one of shape (HEIGHT, WIDTH, 1)."""
        side = round(height * HEIGHT)
        large = Image.fromarray(layer.astype(np.float32)).resize((side, side), Image.Resampling.BICUBIC)
        whole = Image.new("F", (WIDTH, HEIGHT))
        whole.paste(large, (round((WIDTH - side) / 2 + place[0]), round((HEIGHT - side) / 2 + place[1])))
        return np.clip(np.asarray(whole.rotate(angle, Image.Resampling.BICUBIC)), 0, 1)[..., None]


def photograph(
    cloth: Cloth,
    rng: Generator,
    ground: np.ndarray,
    light: np.ndarray | float = 1,
    dye: Iterable[float] = (0, 0, 0),
    noise: float = 0.008,
) -> np.ndarray:
    """Return what the camera sees, 0 to 1, shape (HEIGHT, WIDTH, 3).

    Args:
        cloth: white where it has no ink.
        rng: of the noise.
        ground: what lies under it.
        light: on both.
        dye: the colour of the ink.
        noise: standard deviation of the sensor's.
    """
    color = 1 - cloth.ink * (1 - np.array(list(dye)))
    seen = light * ((1 - cloth.cover) * ground + cloth.cover * color)
    return 0.03 + 0.94 * seen + rng.normal(0, noise, (HEIGHT, WIDTH, 3))


def image(seen: np.ndarray) -> Image.Image:
    """Return it with 8 bits a channel."""
    return Image.fromarray(np.rint(255 * np.clip(seen, 0, 1)).astype(np.uint8))


def encoded(picture: Image.Image, form: str = "JPEG", **options) -> io.BytesIO:
    """Return it as a file."""
    file = io.BytesIO()
    picture.save(file, form, **({"quality": 90} if form == "JPEG" else {}) | options)
    return file


def drawn(seen: np.ndarray, draw: Callable[[ImageDraw.ImageDraw], None]) -> io.BytesIO:
    """Return a photograph on which something was drawn, as a file."""
    picture = image(seen)
    draw(ImageDraw.Draw(picture))
    return encoded(picture)


def frame(garment: np.ndarray, rng: Generator) -> io.BytesIO:
    """A thin dark frame."""
    width = int(rng.integers(3, 10))
    seen = photograph(Cloth(garment, rng), rng, paper(rng))
    return drawn(seen, lambda draw: draw.rectangle((0, 0, WIDTH - 1, HEIGHT - 1), outline=(30, 25, 20), width=width))


def logo(garment: np.ndarray, rng: Generator) -> io.BytesIO:
    """A small logo in a corner."""
    left, top = rng.choice([15, WIDTH - 60]), rng.choice([15, HEIGHT - 45])
    seen = photograph(Cloth(garment, rng, 0.55), rng, paper(rng))
    return drawn(seen, lambda draw: draw.ellipse((left, top, left + 45, top + 30), fill=tuple(rng.integers(0, 160, 3))))


def date(garment: np.ndarray, rng: Generator) -> io.BytesIO:
    """The date, as some cameras write it."""
    seen = photograph(Cloth(garment, rng, 0.55), rng, paper(rng), vignette(rng))
    font = ImageFont.load_default(22)
    return drawn(seen, lambda draw: draw.text((WIDTH - 140, HEIGHT - 38), "2024-11-27", fill=(240, 90, 20), font=font))


def screenshot(garment: np.ndarray, rng: Generator) -> io.BytesIO:
    """A telephone's screen: bars above and below."""
    seen = photograph(Cloth(garment, rng, 0.5), rng, paper(rng))

    def draw(on: ImageDraw.ImageDraw) -> None:
        on.rectangle((0, 0, WIDTH, 26), fill=(25, 25, 30))
        on.text((12, 3), "12:41", fill=(240, 240, 240), font=ImageFont.load_default(16))
        on.rectangle((0, HEIGHT - 38, WIDTH, HEIGHT), fill=(25, 25, 30))
        on.ellipse((WIDTH // 2 - 12, HEIGHT - 31, WIDTH // 2 + 12, HEIGHT - 7), outline=(240, 240, 240), width=3)

    return drawn(seen, draw)


def hanger(garment: np.ndarray, rng: Generator) -> io.BytesIO:
    """A thin wire from above, as of a clothes hanger, that ends on the garment."""
    cloth = Cloth(garment, rng)
    columns = np.flatnonzero(cloth.cover.max(axis=(0, 2)) > 0.3)
    middle = int(columns.mean())
    top = int(np.flatnonzero(cloth.cover[:, middle, 0] > 0.3).min(initial=HEIGHT // 2))
    seen = photograph(cloth, rng, paper(rng))

    def draw(on: ImageDraw.ImageDraw) -> None:
        on.line((middle, top, middle, top - 30), fill=(60, 60, 60), width=3)
        on.arc((middle - 15, top - 60, middle + 15, top - 30), 150, 90, fill=(60, 60, 60), width=3)

    return drawn(seen, draw)


def dust(garment: np.ndarray, rng: Generator) -> io.BytesIO:
    """Specks of one to three pixels."""
    seen = photograph(Cloth(garment, rng), rng, paper(rng))

    def draw(on: ImageDraw.ImageDraw) -> None:
        for x, y, radius in zip(rng.integers(0, WIDTH, 120), rng.integers(0, HEIGHT, 120), rng.uniform(0.5, 2, 120)):
            on.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(70, 60, 50))

    return drawn(seen, draw)


def shadow(garment: np.ndarray, rng: Generator) -> io.BytesIO:
    """The garment's own soft shadow."""
    cloth = Cloth(garment, rng)
    blurred = ndimage.gaussian_filter(cloth.cover, (10, 10, 0))
    cast = 1 - rng.uniform(0.2, 0.35) * np.roll(blurred, (13, int(rng.choice([-13, 13]))), axis=(0, 1))
    return encoded(image(photograph(cloth, rng, paper(rng) * cast)))


def transparent(garment: np.ndarray, rng: Generator) -> io.BytesIO:
    """A picture that someone cut out: nothing around the garment."""
    cloth = Cloth(garment, rng)
    picture = image(photograph(cloth, rng, plain((0, 0, 0))))
    picture.putalpha(Image.fromarray(np.rint(255 * cloth.cover[..., 0]).astype(np.uint8)))
    return encoded(picture, "PNG", compress_level=1)


def turned(garment: np.ndarray, rng: Generator) -> io.BytesIO:
    """A telephone that was held sideways, and says so."""
    exif = Image.Exif()
    exif[0x0112], turn = [(3, Image.Transpose.ROTATE_180), (6, Image.Transpose.ROTATE_90), (8, Image.Transpose.ROTATE_270)][
        rng.integers(3)
    ]
    return encoded(image(photograph(Cloth(garment, rng), rng, paper(rng))).transpose(turn), exif=exif)


def negative(garment: np.ndarray, rng: Generator) -> io.BytesIO:
    """Bright on black, as the data set itself has it."""
    cloth = Cloth(garment, rng)
    return encoded(image(cloth.ink * cloth.cover * plain((1, 1, 1)) + rng.normal(0, 0.008, (HEIGHT, WIDTH, 3))))


def sheet_on_desk(garment: np.ndarray, rng: Generator) -> io.BytesIO:
    """A white sheet on a dark desk: a broad frame."""
    inside = (abs(ROWS - 0.5) < rng.uniform(0.4, 0.45)) & (abs(COLUMNS - 0.5) < rng.uniform(0.42, 0.46))
    ground = np.where(inside[..., None], paper(rng), plain((0.3, 0.22, 0.16)))
    return encoded(image(photograph(Cloth(garment, rng, 0.55), rng, ground)))


def contrast(seen: np.ndarray) -> np.ndarray:
    """Return a photograph of a quarter of the contrast."""
    return 0.5 + 0.25 * (seen - 0.5)


def pastel(rng: Generator) -> np.ndarray:
    """A light colour."""
    return plain(rng.uniform(0.5, 0.95, 3))


def dyed(garment: np.ndarray, rng: Generator) -> io.BytesIO:
    """A garment of one strong colour on a ground of another, light one."""
    dye = rng.permutation([rng.uniform(0.3, 0.6), rng.uniform(0, 0.2), rng.uniform(0, 0.2)])
    return encoded(image(photograph(Cloth(garment, rng), rng, pastel(rng), dye=dye)))


def of(ground: Callable = paper, light: Callable = lambda _: 1, after: Callable = lambda seen: seen, **options) -> Callable:
    """Return a kind of photograph in which only ground and light are special, or the file.

    Args:
        ground: a function of the generator.
        light: likewise.
        after: what happens to the photograph.
        options: of `encoded`; `height`, `angle` and `noise` those of `Cloth` and `photograph`.
    """
    height, angle, noise = options.pop("height", 0.6), options.pop("angle", 0), options.pop("noise", 0.008)

    def make(garment: np.ndarray, rng: Generator) -> io.BytesIO:
        cloth = Cloth(garment, rng, height, rng.uniform(-angle, angle))
        return encoded(image(after(photograph(cloth, rng, ground(rng), light(rng), noise=noise))), **options)

    return make


def dark_ground(rng: Generator) -> np.ndarray:
    """A dark table or sheet."""
    return plain(rng.uniform(0.08, 0.2) + rng.uniform(-0.02, 0.02, 3))


def crumpled(rng: Generator) -> np.ndarray:
    """A sheet with folds."""
    return paper(rng) * (1 + 0.04 * cloud(rng, 25) - 0.05 * np.abs(cloud(rng, 12)))


def carpet(rng: Generator) -> np.ndarray:
    """Short fibres."""
    return plain((0.66, 0.62, 0.58)) * (1 + 0.06 * cloud(rng, 1.5) + 0.03 * cloud(rng, 10))


KINDS = {
    "plain": of(),
    "negative": negative,
    "wood": of(wood),
    "soft shadow": shadow,
    "vignette": of(light=vignette),
    "tilted": of(angle=10),
    "small": of(height=0.2),
    "light from one side": of(light=from_left),
    "thin dark frame": frame,
    "logo in a corner": logo,
    "table's edge": of(two_tone),
    "transparent": transparent,
    "colour": dyed,
    "turned, by EXIF": turned,
    "JPEG artefacts": of(quality=10),
    "low contrast": of(after=contrast),
    "dust": dust,
    "noise": of(noise=0.08),
    "hanger": hanger,
    "pale on dark": of(dark_ground),
    "warm lamp": of(light=lamp),
}
HELD_OUT = {
    "crumpled sheet": of(crumpled),
    "tiled floor": of(tiles),
    "side shadow": of(light=side_shadow),
    "sheet on a desk": sheet_on_desk,
    "date": date,
    "carpet": of(carpet),
    "screenshot": screenshot,
    "spotlight": of(light=spotlight),
}
# Of garments whose mean over the cloth is lower than this; others cannot be seen there.
PALE, PALE_KIND = 110, "pale on dark"


def choose(images: np.ndarray, labels: np.ndarray, right: np.ndarray, kind: str, part: str, rng: Generator) -> np.ndarray:
    """Return the indices of the garments of a kind of photograph, `EACH` of each class.

    Args:
        images: uint8, shape (N, 28, 28): the test images.
        labels: integers, shape (N,).
        right: bool, shape (N,): those that the network gets right.
        kind: of photograph.
        part: TUNING for those of even index, HELD for the others.
        rng: draws them.
    """
    usable = right & (np.arange(len(labels)) % 2 == PARTS.index(part))
    if kind == PALE_KIND:
        usable &= images.sum((1, 2)) < PALE * (images > 8).sum((1, 2))
    return np.concatenate(
        [rng.choice(np.flatnonzero(usable & (labels == label)), EACH, replace=False) for label in range(len(CLASS_NAMES))]
    )


def classify_all(garments: list[photo.Garment]) -> np.ndarray:
    """Return the class of each, integers of shape (N,)."""
    if not garments:
        return np.empty(0, int)
    return classify(np.stack([garment.image for garment in garments])).probabilities.argmax(axis=1)


def gallery(shown: dict[str, tuple[Image.Image, photo.Garment]]) -> Image.Image:
    """Return a page with a photograph of each kind and, in its corner, what the network sees."""
    columns, width, height = 7, 150, 220
    page = Image.new("RGB", (columns * width, -(-len(shown) // columns) * height), "white")
    for number, (kind, (picture, garment)) in enumerate(shown.items()):
        left, top = number % columns * width + 5, number // columns * height
        ImageDraw.Draw(page).text((left, top + 2), kind, fill="black", font=ImageFont.load_default(13))
        page.paste(ImageOps.contain(picture.convert("RGBA"), (140, 190)).convert("RGB"), (left, top + 20))
        page.paste(Image.fromarray(garment.image).resize((56, 56), Image.Resampling.NEAREST), (left + 84, top + 150))
    return page


def table(before: dict, after: dict) -> str:
    """Return the page, Markdown: what is named right of each kind, before and after, and of all."""
    total = EACH * len(CLASS_NAMES)

    def percent(hits: list[int]) -> str:
        return f"{100 * sum(hits) / (total * len(hits)):.0f} %" if hits else ""

    def row(name: str, kinds: Iterable[str]) -> dict[str, str]:
        found = {
            (when, part): [results["hits"][kind][part] for kind in kinds if part in results["hits"][kind]]
            for part in PARTS
            for when, results in (("before", before), ("after", after))
        }
        return {"photographs": name} | {f"{part}, {when}": percent(hits) for (when, part), hits in found.items()}

    rows = [
        *(row(kind, [kind]) for kind in KINDS),
        *(row(f"{kind} (held out)", [kind]) for kind in HELD_OUT),
        row("**all**", [*KINDS, *HELD_OUT]),
    ]
    return f"""# Is the garment found in everyday photographs?

`python {paths.PHOTOS_STUDY}/photos.py` at commit {after["commit"]}; before: at commit {before["commit"]}.
Each figure is of {total} photographs, {EACH} of each class.

{tables.markdown(rows)}

All 10,000 test images as PNG files of 28x28 pixels: {after["accuracy_of_test_images"]:.2%} are named right.
"""


def main() -> None:
    """Make the photographs, classify them, and write what was right.

    Raises:
        UserError: there are uncommitted changes, the data is your own, or a model or the data is missing or damaged.
        ParameterError: params.yaml is wrong.
    """
    commit = clean_commit()
    refuse_other_data(paths.TEST)
    images, labels = load_images(paths.TEST)
    right = read_predictions(paths.PREDICTIONS).right
    hits: dict[str, dict[str, int]] = {}
    shown = {}
    for kind, part in tqdm([*((kind, part) for kind in KINDS for part in PARTS), *((kind, HELD) for kind in HELD_OUT)]):
        rng = np.random.default_rng([zlib.crc32(kind.encode()), PARTS.index(part)])
        ready, meant = [], []
        for index in choose(images, labels, right, kind, part, rng):
            picture = photo.open_picture((KINDS | HELD_OUT)[kind](images[index], rng))
            try:
                ready.append(photo.make_garment(picture))
            except UserError:  # it counts as wrong
                continue
            meant.append(labels[index])
            shown.setdefault(kind, (picture, ready[-1]))
        hits.setdefault(kind, {})[part] = int((classify_all(ready) == meant).sum())
    files = (encoded(Image.fromarray(image), "PNG") for image in images)
    accuracy = (classify_all([photo.make_garment(photo.open_picture(file)) for file in files]) == labels).mean()
    found = {"commit": commit, "hits": hits, "accuracy_of_test_images": float(accuracy)}
    write_json(paths.PHOTOS_STUDY / "results.json", found)
    with atomic_write(paths.PHOTOS_STUDY / "gallery.jpg") as file:
        gallery(shown).save(file, "JPEG", quality=85)
    write_text(paths.PHOTOS_STUDY / "table.md", table(read_json(paths.PHOTOS_STUDY / "before.json"), found))


if __name__ == "__main__":
    stage.run(main, __doc__, reads=lambda _: [])
