"""Every picture of the reports. Colours are told apart by the colour-blind (Okabe & Ito 2008) or come with a mark."""

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

os.environ["MPLBACKEND"] = "Agg"  # no window is opened, whatever a user's own setting

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.markers import CARETLEFT
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, PercentFormatter

from fashion.pipeline.files import atomic_write

BLUE, ORANGE, GREY, LIGHT_GREY = "#0072B2", "#D55E00", "#555555", "#b0b0b0"
RIGHT, WRONG = "#1a4fd0", "#c8102e"
DOTS_PER_INCH = 150
# Side of an image that has a caption under it, and what both take together: width and height, inches.
CAPTIONED, CELL = 1.7, (1.9, 2.1)
# Intervals this many times as far down as nine in ten are cut off, so that the others can be read.
OUTLYING = 1.5

matplotlib.rcdefaults()  # not the user's own style
matplotlib.rcParams.update(
    {
        "font.size": 10,
        "axes.titlesize": 11,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": False,
        "legend.frameon": False,
        "figure.constrained_layout.use": True,
    }
)


def save(path: Path, figure: Figure) -> None:
    """Write a figure as a PNG file; equal figures give equal bytes."""
    with atomic_write(path) as file:
        figure.savefig(file, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})


def sheet(width: float, height: float) -> tuple[Figure, Axes]:
    """Return an empty figure and what covers it whole: axes in inches, to the right and down from the upper left corner.

    One pair of axes for all images draws in a fraction of the time of one for each.
    """
    figure = Figure(figsize=(width, height), layout="none")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    return figure, axes


def show_image(axes: Axes, image: np.ndarray, left: float, top: float, side: float, **frame) -> None:
    """Draw a garment, uint8 of shape (28, 28), dark on white in a frame, on a sheet; its place and side are in inches."""
    place = (left, left + side, top + side, top)
    axes.imshow(image, cmap="gray_r", vmin=0, vmax=255, interpolation="nearest", extent=place)
    axes.add_patch(Rectangle((left, top), side, side, fill=False, **{"edgecolor": "#cccccc", "linewidth": 0.8, **frame}))


def show_captioned(axes: Axes, image: np.ndarray, left: float, top: float, caption: str, color: str) -> None:
    """Draw a garment as `show_image` does, and under it a caption of one line or two."""
    show_image(axes, image, left, top, CAPTIONED)
    axes.text(left + CAPTIONED / 2, top + CAPTIONED + 0.04, caption, color=color, fontsize=9, ha="center", va="top")


def cut(text: str, length: int) -> str:
    """Return a text, shortened to `length` characters where it is longer."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def notice(text: str) -> Figure:
    """Draw a line of text, where there is nothing to show."""
    figure = Figure(figsize=(5, 1))
    figure.text(0.5, 0.5, text, ha="center", va="center")
    return figure


def predictions(
    images: np.ndarray, labels: Sequence[str] | None, predicted: Sequence[str], confidence: Sequence[float]
) -> Figure:
    """Draw images, each with the class predicted, the confidence and, in brackets, the true class.

    Args:
        images: uint8, shape (N, 28, 28).
        labels: N names of true classes, or None where they are not known.
        predicted: N names of predicted classes; blue with a tick where right, red with a cross where wrong.
        confidence: N probabilities of the predicted classes.
    """
    if not len(images):
        return notice("No test image was misclassified")
    columns = min(5, len(images))
    width, height = CELL
    figure, axes = sheet(width * columns, height * -(-len(images) // columns))
    for number, (image, guess, probability) in enumerate(zip(images, predicted, confidence)):
        row, column = divmod(number, columns)
        caption, color = f"{cut(guess, 18)} {probability:.0%}", GREY
        if labels is not None:
            right = guess == labels[number]
            caption, color = f"{'✓' if right else '✗'} {caption}\n({cut(labels[number], 22)})", RIGHT if right else WRONG
        show_captioned(axes, image, width * column + 0.1, height * row + 0.05, caption, color)
    return figure


def explanations(images: np.ndarray, importance: np.ndarray, predicted: Sequence[str], confidence: Sequence[float]) -> Figure:
    """Draw images, each beside itself with the pixels coloured that mattered for the class predicted.

    Args:
        images: uint8, shape (N, 28, 28).
        importance: float, shape (N, 28, 28): orange where above 0, purple where below; each image has its own scale.
        predicted: N names of predicted classes.
        confidence: N probabilities of the predicted classes.
    """
    pairs = min(3, len(images))
    width, height = CELL
    figure, axes = sheet(2 * width * pairs, height * -(-len(images) // pairs) + 0.4)
    for number, (image, weight, name, probability) in enumerate(zip(images, importance, predicted, confidence)):
        row, pair = divmod(number, pairs)
        plain, coloured, top = 2 * width * pair + 0.15, 2 * width * pair + 1.95, height * row + 0.4
        show_captioned(axes, image, plain, top, f"{cut(name, 18)} {probability:.0%}", GREY)
        show_captioned(axes, image, coloured, top, f"−{100 * max(0.0, weight.max()):.0f} points", GREY)
        scale = max(float(np.abs(weight).max()), 0.01)  # a point: less is nothing
        axes.imshow(
            weight,
            cmap="PuOr_r",
            vmin=-scale,
            vmax=scale,
            alpha=np.minimum(1, np.abs(weight) / scale) * 0.8,
            extent=(coloured, coloured + CAPTIONED, top + CAPTIONED, top),
        )
    heading = "Orange: hidden, it makes the class less probable, by so many points at most. Purple: more probable"
    axes.text(width * pairs, 0.05, heading, fontsize=9, ha="center", va="top", wrap=True)
    return figure


def augmented(images: np.ndarray, variants: np.ndarray) -> Figure:
    """Draw images, each in a row with what augmentation makes of it.

    Args:
        images: uint8, shape (N, 28, 28).
        variants: uint8, shape (N, V, 28, 28).
    """
    figure, axes = sheet(1.0 * (1 + variants.shape[1]) + 0.1, 1.0 * len(images) + 0.4)
    for row, (image, changed) in enumerate(zip(images, variants)):
        show_image(axes, image, 0.1, row + 0.35, 0.9, edgecolor=BLUE, linewidth=2)
        for column, variant in enumerate(changed, start=1):
            show_image(axes, variant, column + 0.1, row + 0.35, 0.9)
    axes.text(0.55, 0.2, "original", color=BLUE, ha="center", va="center")
    axes.text(1.1, 0.2, "augmented, as training sees it", va="center")
    return figure


def learning_curves(histories: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Draw accuracy, loss and learning rate of each epoch: on training images during it, on validation images after it.

    Args:
        histories: for each member of the ensemble, the columns of its history.
    """
    figure = Figure(figsize=(12, 3.6))
    *panels, rate = figure.subplots(1, 3)
    for axes, quantity, unit in zip(panels, ("accuracy", "loss"), ("", " (nats)")):
        for split, color, style, marker in (("train", BLUE, "--", "o"), ("validation", ORANGE, "-", "s")):
            for number, history in enumerate(histories.values()):
                axes.plot(
                    history["epoch"],
                    history[f"{split}_{quantity}"],
                    color=color,
                    linestyle=style,
                    marker=marker if len(history["epoch"]) <= 30 else None,
                    markersize=4,
                    label={"train": "training", "validation": "validation"}[split] if number == 0 else None,
                )
        axes.set(ylabel=f"{quantity}{unit}")
        axes.legend()
    for history in histories.values():
        rate.plot(history["epoch"], history["learning_rate"], color=GREY, marker="o", markersize=4)
    rate.set(ylabel="learning rate, mean over the epoch", ylim=(0, None))
    for axes in (*panels, rate):
        axes.set(xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y", color="#e5e5e5")
    panels[0].yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    figure.suptitle("Learning curves" + (f", {len(histories)} members" if len(histories) > 1 else ""))
    return figure


def confusion_matrix(confusion: np.ndarray, names: Sequence[str]) -> Figure:
    """Draw how many images of each class (rows) were taken for each class (columns), shaded by the fraction of the row.

    Args:
        confusion: integers, shape (classes, classes).
        names: the classes' names.
    """
    fraction = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(7.6, 6.6))
    axes = figure.subplots()
    image = axes.imshow(fraction, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.ndindex(confusion.shape):
        count = confusion[row, column]
        if count:
            axes.text(
                column,
                row,
                f"{count}",
                ha="center",
                va="center",
                color="white" if fraction[row, column] > 0.5 else "black",
                fontsize=9,
            )
    axes.set(
        xticks=range(len(names)),
        yticks=range(len(names)),
        yticklabels=names,
        xlabel="predicted class",
        ylabel="true class",
        title=f"Confusion matrix: {confusion.sum():,} test images",
    )
    axes.set_xticklabels(names, rotation=45, ha="right", rotation_mode="anchor")
    axes.spines[:].set_visible(False)
    bar = figure.colorbar(image, format=PercentFormatter(1, decimals=0), shrink=0.8, label="fraction of the true class")
    bar.outline.set_visible(False)
    return figure


def reliability(bins: Mapping[str, np.ndarray]) -> Figure:
    """Draw the reliability diagram: how often the predictions of each confidence are right, and how many there are.

    Args:
        bins: the columns of reliability.csv.
    """
    confidence, accuracy, count = bins["confidence"], bins["accuracy"], bins["count"]
    interval = accuracy - bins["accuracy_low"], bins["accuracy_high"] - accuracy
    figure = Figure(figsize=(5, 5.4))
    axes, histogram = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    axes.plot((0, 1), (0, 1), color=GREY, linestyle="--", label="right as often as it says")
    axes.errorbar(
        confidence,
        accuracy,
        yerr=np.maximum(0, interval),  # of rounded figures
        color=BLUE,
        fmt="o",
        markersize=4,
        capsize=2,
        label="this classifier (95 % interval)",
    )
    axes.set(ylabel="fraction that is right", ylim=(0, 1), xlim=(0, 1), title=f"Reliability: {count.sum():,.0f} test images")
    axes.legend(loc="lower right")
    histogram.bar(confidence, count, width=0.02, color=BLUE)
    histogram.set(yscale="log", xlabel="confidence", ylabel="images")
    for panel in (axes, histogram):
        panel.grid(axis="y", color="#e5e5e5")
    for axis in (axes.yaxis, histogram.xaxis):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
    return figure


def confused_pairs(rows: Sequence[tuple[str, np.ndarray]], columns: int) -> Figure:
    """Draw example images of each pair of classes that is confused; arguments as for `gallery`."""
    return gallery(rows, columns) if rows else notice("No test image was misclassified")


def gallery(rows: Sequence[tuple[str, np.ndarray]], columns: int) -> Figure:
    """Draw example images of each of some kinds.

    Args:
        rows: what a kind is called, and its examples, uint8 of shape (N, 28, 28).
        columns: the number of places for examples in each row.
    """
    figure, axes = sheet(2.3 + 0.95 * columns, 0.95 * len(rows) + 0.1)
    for row, (title, images) in enumerate(rows):
        lines = "\n".join(cut(line, 28) for line in title.split("\n"))
        axes.text(2.2, 0.95 * row + 0.5, lines, ha="right", va="center")
        for column, image in enumerate(images):
            show_image(axes, image, 2.3 + 0.95 * column, 0.95 * row + 0.1, 0.85)
    return figure


def improvements(groups: Sequence[str], changes: Sequence[str], validation: np.ndarray, test: np.ndarray) -> Figure:
    """Draw how much each change of the baseline brings: under the heading of its group, the best first.

    Args:
        groups: the heading that each row stands under; those of a group follow each other.
        changes: what each row changes.
        validation: difference in accuracy on the validation images, the low and the high end of its interval, in percentage
            points: float64, shape (rows, 3).
        test: the difference on the test images: float64, shape (rows,).
    """
    figure = Figure(figsize=(8, 0.25 * (len(changes) + len(set(groups))) + 1.2))
    axes = figure.subplots()
    left = min(0, OUTLYING * np.floor(np.percentile(validation[:, 1], 10)))
    right = max(0, np.ceil(validation[:, 2].max()))
    place = 0
    for group in dict.fromkeys(groups):
        rows = sorted(np.flatnonzero(np.array(groups) == group), key=lambda row: -validation[row, 0])
        axes.text(-0.01, -place, group, transform=axes.get_yaxis_transform(), ha="right", va="center", weight="bold")
        for row in rows:
            place += 1
            mean, low, high = validation[row]
            told_apart = low > 0 or high < 0
            color = (BLUE if mean > 0 else ORANGE) if told_apart else LIGHT_GREY
            name = axes.text(-0.01, -place, changes[row], transform=axes.get_yaxis_transform(), ha="right", va="center")
            name.set_color("black" if told_apart else GREY)
            axes.plot([low, high], [-place] * 2, color=color, linewidth=3, solid_capstyle="butt")
            axes.plot(mean, -place, "o", color=color, markersize=7)
            axes.plot(test[row], -place, "o", color="white", markeredgecolor="black", markersize=4)
            if mean < left:
                beside = (max(left, high), -place)
                axes.annotate(f"{mean:+.1f}", beside, (8, 0), textcoords="offset points", va="center", color=color)
                axes.plot(left, -place, marker=CARETLEFT, color=color, markersize=8)
        place += 1
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set(
        xlabel="difference in accuracy from the baseline, validation images\n(percentage points; bars: 95 % interval)",
        xlim=(left, right),
        ylim=(0.7 - place, 0.7),
        yticks=[],
    )
    axes.grid(axis="x", color="#e5e5e5")
    axes.spines["left"].set_visible(False)
    bar = {"linewidth": 3, "marker": "o"}
    marks = {
        "better": {"color": BLUE, **bar},
        "worse": {"color": ORANGE, **bar},
        "neither": {"color": LIGHT_GREY, **bar},
        "test images": {"color": "white", "linewidth": 0, "marker": "o", "markeredgecolor": "black", "markersize": 4},
    }
    figure.legend([Line2D([], [], **mark) for mark in marks.values()], marks, loc="outside upper center", ncols=len(marks))
    return figure


def tuning(searched: Mapping[str, Sequence[float | str]], accuracies: Sequence[float], logarithmic: Collection[str]) -> Figure:
    """Draw the validation accuracy of each finished trial over each of the parameters searched.

    Args:
        searched: by key of params.yaml, the value in each trial.
        accuracies: of each trial, 0 to 1.
        logarithmic: the keys whose values are drawn on a logarithmic scale.
    """
    columns = min(3, len(searched))
    rows = -(-len(searched) // columns)
    figure = Figure(figsize=(3.2 * columns, 2.8 * rows))
    panels = figure.subplots(rows, columns, squeeze=False)
    for axes in panels.flat[len(searched) :]:
        axes.axis("off")
    for axes, (key, values) in zip(panels.flat, searched.items()):
        axes.scatter(values, [100 * accuracy for accuracy in accuracies], s=14, color=BLUE)
        axes.set(xlabel=key, ylabel="validation accuracy (%)", xscale="log" if key in logarithmic else "linear")
        axes.grid(axis="y", color="#e5e5e5")
    return figure
