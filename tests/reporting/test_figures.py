"""What the figures show stays readable, whatever a user's own classes are called."""

import itertools

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from fashion import figures

SHORT, LONG = "Bag", "Mountaineering boots for children"
IMAGES = np.random.default_rng(0).integers(0, 256, (7, 28, 28), dtype=np.uint8)


def predictions(name):
    return figures.predictions(IMAGES, [name] * 7, [name, SHORT] * 3 + [name], [1.0] * 7)


def unlabelled(name):
    return figures.predictions(IMAGES, None, [name] * 7, [1.0] * 7)


def explanations(name):
    return figures.explanations(IMAGES, IMAGES - 128.0, [name] * 7, [1.0] * 7)


def one_explanation(name):
    return figures.explanations(IMAGES[:1], IMAGES[:1] - 128.0, [name], [1.0])


def gallery(name):
    return figures.gallery([(f"{name}\ntaken for {name}\n10 of 1,000", IMAGES), (name, IMAGES[:2])], 7)


@pytest.mark.parametrize("name", [SHORT, LONG])
@pytest.mark.parametrize("draw", [predictions, unlabelled, explanations, one_explanation, gallery])
def test_no_caption_leaves_the_figure_or_touches_another(draw, name):
    figure = draw(name)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    boxes = [text.get_window_extent(canvas.get_renderer()) for text in figure.axes[0].texts]
    assert boxes
    width, height = canvas.get_width_height()
    assert all(box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height for box in boxes)
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


def test_an_image_is_drawn_dark_on_white_at_its_place():
    figure, axes = figures.sheet(2.0, 1.0)
    black_below = np.repeat([[0], [255]], 14, axis=0).astype(np.uint8) * np.ones((28, 28), np.uint8)
    figures.show_image(axes, black_below, 1.25, 0.25, 0.5)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[:, :, 0] / 255
    height, width = pixels.shape

    def grey_at(x, y):
        return pixels[int(y * height), int(x / 2 * width)]

    assert grey_at(1.5, 0.6) == 0
    assert [grey_at(1.5, 0.4), grey_at(0.5, 0.6), grey_at(1.5, 0.9)] == [1, 1, 1]
