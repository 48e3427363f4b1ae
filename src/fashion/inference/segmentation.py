"""Which pixels of a photograph are the garment's: those that no smooth background explains.

The background is one to three surfaces, each a colour that changes slowly from place to place, as the light does: a polynomial
of the second degree, fitted to most of the pixels along the picture's edge and robustly so, by random samples (RANSAC, Fischler
& Bolles 1981) and then by least squares with Tukey's biweight (Beaton & Tukey 1974).
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

# The edge: this fraction of the shorter side.
EDGE = 0.1
# Another surface is fitted as long as this fraction of the edge is not explained, but no more than so many.
UNEXPLAINED, SURFACES = 0.1, 3
# Random samples of the edge to start from, of so many pixels each, and steps of the fit after that.
SAMPLES, SAMPLED, STEPS = 60, 12, 8
# A pixel is explained if it differs from a surface by less than this, of 0 to 1, or less than so many standard deviations.
VISIBLE, DEVIATIONS = 0.06, 4
# Tukey's constant: 95 % as efficient as least squares where the noise is normal.
BIWEIGHT = 4.685
# A part of the garment has at least this fraction of the area of its largest.
SMALLEST_PART = 0.05
FIT_PIXELS = 4000


class Surface(NamedTuple):
    """A background.

    Attributes:
        color: float64, shape (height, width, 3), also where something lies on it.
        visible: what differs from it by more is something else.
        mask: bool, shape (height, width): where it is seen.
    """

    color: np.ndarray
    visible: float
    mask: np.ndarray


def polynomials(shape: tuple[int, int]) -> np.ndarray:
    """Return the terms of a polynomial of the second degree: float64 of shape (height, width, 6)."""
    y, x = np.meshgrid(np.linspace(-1, 1, shape[0]), np.linspace(-1, 1, shape[1]), indexing="ij")
    return np.stack([np.ones(shape), x, y, x * y, x**2, y**2], axis=-1)


def largest_of(difference: np.ndarray) -> np.ndarray:
    return np.abs(difference).max(axis=-1)


def fit(terms, colors, at_edge, rng):
    """Return coefficients (6,3) and the deviation."""
    best, best_score = None, -1.0
    edge_terms, edge_colors = terms[at_edge], colors[at_edge]
    for _ in range(SAMPLES):
        start = edge_colors[rng.integers(len(edge_colors))]
        # constant start
        distance = largest_of(edge_colors - start)
        score = np.exp(-((distance / 0.05) ** 2)).sum()
        if score > best_score:
            best, best_score = start, score
    coefficients = np.zeros((6, 3))
    coefficients[0] = best
    degree = 1
    scale = 0.05
    for step in range(STEPS):
        use = terms[:, : (1 if step < 1 else 3 if step < 3 else 6)]
        residual = largest_of(colors - terms @ coefficients)
        weight = np.clip(1 - (residual / (BIWEIGHT * scale)) ** 2, 0, None) ** 2
        root = np.sqrt(weight)[:, None]
        coefficients = np.zeros((6, 3))
        coefficients[: use.shape[1]] = np.linalg.lstsq(use * root, colors * root, rcond=None)[0]
        residual = largest_of(colors - terms @ coefficients)
        close = residual[residual < BIWEIGHT * scale]
        scale = np.clip(1.48 * np.median(close) if len(close) else scale, 0.004, scale)
    return coefficients, scale


def surfaces(picture: np.ndarray) -> list[Surface]:
    shape = picture.shape[:2]
    rng = np.random.default_rng(0)
    depth = max(1, round(EDGE * min(shape)))
    edge = np.ones(shape, bool)
    edge[depth:-depth, depth:-depth] = False
    terms = polynomials(shape)
    left = np.ones(shape, bool)
    found = []
    total = edge.sum()
    while len(found) < SURFACES and (edge & left).sum() > UNEXPLAINED * total:
        where = np.flatnonzero(left)
        where = rng.choice(where, min(FIT_PIXELS, len(where)), replace=False)
        coefficients, deviation = fit(terms.reshape(-1, 6)[where], picture.reshape(-1, 3)[where], edge.ravel()[where], rng)
        color = terms @ coefficients
        visible = max(VISIBLE, DEVIATIONS * deviation)
        explained = largest_of(picture - color) < visible
        labels, _ = ndimage.label(explained)
        touching = np.unique(labels[edge & explained])
        mask = np.isin(labels, touching[touching > 0])
        if (mask & left & edge).sum() < 0.02 * total:
            break
        found.append(Surface(color, visible, mask & left))
        left &= ~mask
    return found


def garment_mask(picture, background=None):
    found = surfaces(ndimage.gaussian_filter(picture, (1, 1, 0)))
    rest = ~np.any([s.mask for s in found], axis=0)
    labels, count = ndimage.label(rest, np.ones((3, 3)))
    if not count:
        return found, rest
    areas = np.bincount(labels.ravel())[1:]
    largest = labels == 1 + areas.argmax()
    rows, cols = np.nonzero(largest)
    longest = max(np.ptp(rows), np.ptp(cols)) + 1
    width = int(longest / 56)
    if width > 1:
        rest = ndimage.binary_opening(rest, np.ones((width, width)))
        labels, count = ndimage.label(rest, np.ones((3, 3)))
        if not count:
            return found, rest
        areas = np.bincount(labels.ravel())[1:]
    keep = 1 + np.flatnonzero(areas >= SMALLEST_PART * areas.max())
    return found, np.isin(labels, keep)
