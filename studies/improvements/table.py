"""Sum up the study: results/ and costs/ -> reports/improvements.csv, .md and .png."""

import argparse
import math
import re
import statistics
import sys
from pathlib import Path

import numpy as np
import rows  # first: it finds the library
from matplotlib.figure import Figure

from fashion import figures, metrics, tables
from fashion.errors import UserError, one_line_errors
from fashion.files import atomic_write, read_json

OUTPUT = Path("reports/improvements")
PARTS = ("validation", "test")
# 97.5 % quantiles of Student's t distribution with 1, 2, 3 ... degrees of freedom.
T_QUANTILES = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)


def difference(ours: list[float], theirs: list[float]) -> tuple[float, float]:
    """Return the difference of two means and half its 95 % interval (Welch 1947; degrees of freedom rounded down).

    Args:
        ours: at least two values.
        theirs: likewise.
    """
    parts = [statistics.variance(values) / len(values) for values in (ours, theirs)]
    error = math.sqrt(sum(parts))
    freedom = sum(parts) ** 2 / sum(part**2 / (len(values) - 1) for part, values in zip(parts, (ours, theirs)))
    quantile = T_QUANTILES[min(int(freedom), len(T_QUANTILES)) - 1]
    return statistics.mean(ours) - statistics.mean(theirs), quantile * error


def read(name: str) -> dict[str, list[float]]:
    """Return a row's accuracies in percent, one for each seed, on validation and test images.

    Raises:
        UserError: it was measured with less than two seeds, or a result is damaged.
    """
    results = [read_json(path) for path in sorted((rows.HERE / "results").glob(f"{name}-[0-9]*.json"))]
    if len(results) < 2:
        raise UserError(f"{rows.HERE}/results: less than two seeds of {name}; run `make improvements`")
    return {part: [100 * result[part]["accuracy"] for result in results] for part in PARTS}


def summarize(name: str, seed: dict[str, list[float]]) -> dict:
    """Return a row of the table; accuracies and differences in percentage points."""
    row, found = rows.read(name), read(name)
    summary = {
        "row": name,
        "improvement": "" if name == rows.SEED_ROW else row.group,
        "change": row.title,
        "seeds": len(found["test"]),
    }
    for part in PARTS:
        summary[f"{part}_mean"] = statistics.mean(found[part])
        summary[f"{part}_sd"] = statistics.stdev(found[part])
    for part in PARTS:
        change, half = difference(found[part], seed[part]) if name != rows.SEED_ROW else (0.0, 0.0)
        summary |= zip(metrics.difference_columns(part), (change, change - half, change + half))
    cost = read_json(rows.HERE / f"costs/{name}.json")
    return summary | {"time_ratio": cost["ratio"], "parameters": cost["parameters"]}


def place(row: dict) -> tuple[bool, int]:
    """Return where a row stands: the seed's recipe first, then by the number of the improvement, then what has none."""
    number = re.match(r"\d+", row["improvement"])
    return row["row"] != rows.SEED_ROW, int(number[0]) if number else sys.maxsize


def in_markdown(summaries: list[dict]) -> str:
    """Return the table as it is read on a page."""
    lines = [
        "| improvement | change | validation | test | difference: validation | difference: test | time | parameters | |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in summaries:
        accuracies = (f"{row[f'{part}_mean']:.2f} ± {row[f'{part}_sd']:.2f} %" for part in PARTS)
        changes, judged = ("", ""), ""
        if row["row"] != rows.SEED_ROW:
            changes = tuple(
                metrics.with_interval(*(row[column] for column in metrics.difference_columns(part))) for part in PARTS
            )
            # As recipes are chosen: by the validation images.
            judged = metrics.verdict(row["validation_low"], row["validation_high"])
        cells = (
            row["improvement"],
            row["change"],
            *accuracies,
            *changes,
            f"{row['time_ratio']:.2f}",
            f"{row['parameters']:,}",
            judged,
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def draw(summaries: list[dict]) -> Figure:
    """Draw each row's difference to the seed's recipe with its interval."""
    figure = Figure(figsize=(10, 0.32 * len(summaries) + 1.2))
    axes = figure.subplots()
    places = np.arange(len(summaries))[::-1]
    for part, color, mark, offset in (("validation", figures.ORANGE, "s", 0.14), ("test", figures.BLUE, "o", -0.14)):
        change, low, high = (np.array([row[column] for row in summaries]) for column in metrics.difference_columns(part))
        axes.errorbar(
            change,
            places + offset,
            xerr=(change - low, high - change),
            fmt=mark,
            color=color,
            markersize=4,
            label=f"{part} images",
        )
    axes.axvline(0, color=figures.GREY, linewidth=0.8)
    axes.set_yticks(places, [row["change"] for row in summaries])
    axes.set(
        xlabel="accuracy, difference to the seed's recipe\n(percentage points; 95 % interval)",
        ylim=(-0.7, len(summaries) - 0.3),
    )
    axes.grid(axis="x", color="#e5e5e5")
    axes.legend(loc="lower left")
    return figure


def main() -> None:
    """Write the table and the picture.

    Raises:
        UserError: a row was measured with less than two seeds, or a result is damaged.
        OSError: a file cannot be read or written.
    """
    # Not of costs/ alone: a row that was taken out of the study leaves its files there.
    names = sorted(
        path.stem for path in (rows.HERE / "rows").glob("*.yaml") if (rows.HERE / f"costs/{path.stem}.json").exists()
    )
    seed = read(rows.SEED_ROW)
    summaries = sorted((summarize(name, seed) for name in names), key=place)
    tables.write(OUTPUT.with_suffix(".csv"), summaries)
    with atomic_write(OUTPUT.with_suffix(".md")) as file:
        file.write(in_markdown(summaries).encode())
    figures.save(OUTPUT.with_suffix(".png"), draw(summaries))
    print(in_markdown(summaries) + f"-> {OUTPUT}.csv, .md, .png")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    with one_line_errors():
        main()
