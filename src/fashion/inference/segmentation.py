"""Which pixels of a photograph are the garment's: those that no ground explains.

A ground is what lies under and behind the garment: a colour that changes slowly from place to place, as the light does, so a
polynomial of the fourth degree. It is fitted to what most of the picture's edge shows, by least squares with Tukey's biweight
(Beaton & Tukey 1974), which whatever else is there does not bend. What the first does not explain of the edge is a second one:
behind a table's edge, or a frame.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from fashion.data.facts import IMAGE_SIDE

# The edge is this fraction of the shorter side deep.
EDGE = 0.15
# Another ground is sought as long as more of the edge is not explained, and there are fewer than so many.
UNEXPLAINED, MOST_GROUNDS = 0.1, 3
# Pixels that a fit looks at, and those of them whose colour it may start from.
SAMPLE, STARTS = 4000, 100
# Degree of the polynomial, its number of terms, and how many of these each step of a fit uses: more and more.
DEGREE, TERMS = 4, 15
STEPS = (1, 3, 3, 6, 6, 6, TERMS, TERMS, TERMS)
# At this many standard deviations a pixel has no weight, and least squares still 95 % of its efficiency if the noise is normal.
BIWEIGHT = 4.685
# The standard deviation of a ground, 0 to 1: at least, and at most, as which it starts.
LEAST_DEVIATION, MOST_DEVIATION = 0.004, 0.03
# What differs from a ground by more than this, and more than so many standard deviations, is something else.
VISIBLE, VISIBLE_DEVIATIONS = 0.05, 4


class Ground(NamedTuple):
    """What lies under and behind a garment.

    Attributes:
        colors: float64, shape (height, width, 3), 0 to 1: also where something lies on it.
        mask: bool, shape (height, width): where it is seen.
    """

    colors: np.ndarray
    mask: np.ndarray


def distance(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return how far colours, shape (..., 3), are apart: shape (...), 0 to 1."""
    red, green, blue = np.moveaxis(np.abs(one - other), -1, 0)
    return np.maximum(np.maximum(red, green), blue)  # a quarter of the time of max over an axis of three


def edge_of(shape: tuple[int, ...]) -> np.ndarray:
    """Return which pixels lie at the edge of a picture: bool, of that shape."""
    depth = max(1, round(EDGE * min(shape)))
    edge = np.ones(shape, bool)
    edge[depth:-depth, depth:-depth] = False
    return edge


def fit(terms: np.ndarray, colors: np.ndarray) -> tuple[np.ndarray, float]:
    """Fit a polynomial to most of some pixels.

    Args:
        terms: float64, shape (N, TERMS).
        colors: float64, shape (N, 3).

    Returns:
        Its coefficients, shape (TERMS, 3), and the standard deviation from it.
    """
    starts = colors[:: max(1, len(colors) // STARTS)]
    alike = distance(starts[:, None], colors) < MOST_DEVIATION
    coefficients, deviation = np.zeros((TERMS, 3)), MOST_DEVIATION
    coefficients[0] = starts[alike.sum(axis=1).argmax()]
    for count in STEPS:
        far = distance(colors, terms @ coefficients) / (BIWEIGHT * deviation)
        weight = np.clip(1 - far**2, 0, None)[:, None]  # the root of Tukey's: lstsq squares it
        coefficients[:count] = np.linalg.lstsq(terms[:, :count] * weight, colors * weight, rcond=None)[0]
        far = distance(colors, terms @ coefficients)
        # 1.48 times the median distance is the standard deviation of normal noise.
        typical = 1.48 * np.median(far[far <= max(far.min(), BIWEIGHT * deviation)])
        deviation = min(max(typical, LEAST_DEVIATION), deviation)
    return coefficients, deviation


def find_grounds(picture: np.ndarray) -> list[Ground]:
    """Return the grounds of a picture, float64 of shape (height, width, 3), 0 to 1, the largest first."""
    rng = np.random.default_rng(0)
    shape = picture.shape[:2]
    y, x = (2 * place / max(1, side - 1) - 1 for place, side in zip(np.indices(shape), shape))
    powers = sorted(((i, j) for i in range(DEGREE + 1) for j in range(DEGREE + 1 - i)), key=sum)
    terms = np.stack([x**i * y**j for i, j in powers], axis=-1)
    edge, unexplained, found = edge_of(shape), np.ones(shape, bool), []
    while len(found) < MOST_GROUNDS and (edge & unexplained).sum() > UNEXPLAINED * edge.sum():
        sample = tuple(rng.choice(np.argwhere(edge & unexplained), SAMPLE).T)
        coefficients, deviation = fit(terms[sample], picture[sample])
        colors = terms @ coefficients
        alike = unexplained & (distance(picture, colors) < max(VISIBLE, VISIBLE_DEVIATIONS * deviation))
        found.append(Ground(colors, alike))
        unexplained &= ~alike
    main, *others = sorted(found, key=lambda ground: -ground.mask.sum())
    # A garment may have the colour of a frame; the frame is what reaches the border.
    return [main, *(Ground(colors, touching_border(mask)) for colors, mask in others)]


def touching_border(mask: np.ndarray) -> np.ndarray:
    """Return the parts of a mask, bool of shape (height, width), that reach the picture's border."""
    regions, count = ndimage.label(mask)
    reaches = np.zeros(count + 1, bool)
    for line in (regions[0], regions[-1], regions[:, 0], regions[:, -1]):
        reaches[line] = True
    return mask & reaches[regions]


def main_part(mask: np.ndarray, gap: int) -> np.ndarray:
    """Return the part of a mask, bool of shape (height, width), that has the largest area away from the edge.

    Args:
        mask: frames, logos and the like lie at the edge, so that a smaller garment wins.
        gap: parts no further apart than so many pixels are one.
    """
    regions, _ = ndimage.label(ndimage.maximum_filter(mask, gap + 1), np.ones((3, 3)))
    areas = np.bincount(regions[mask & ~edge_of(mask.shape)], minlength=1)
    return mask & (regions == areas.argmax()) if len(areas) > 1 else np.zeros_like(mask)


def find_garment(seen: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the garment's mask, bool of shape (height, width), and the length that becomes one of the network's pixels.

    What is thinner than half of that length, such as dust and a wire, is left out: a morphological opening.

    Args:
        seen: bool, shape (height, width): what is not the ground.
    """
    rows, columns = np.nonzero(main_part(seen, 0))
    pixel = (max(np.ptp(rows), np.ptp(columns)) + 1) / IMAGE_SIDE if len(rows) else 1.0
    thick = ndimage.binary_opening(seen, np.ones((int(pixel / 2) + 1,) * 2))
    return main_part(thick, round(pixel)), pixel
