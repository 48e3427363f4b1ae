"""Sum up the study: results/ and costs.json -> reports/improvements.csv, .md and .png."""

import argparse
import statistics

import numpy as np

from fashion import figures, paths
from fashion.pipeline import tables
from fashion.pipeline.errors import ParameterError, one_line_errors
from fashion.pipeline.files import write_text
from fashion.scoring.comparison import Difference, holm, welch
from fashion.scoring.seeds import read_costs, read_study
from fashion.study_params import read_rows

SPLITS = ("validation", "test")
HEADINGS = (
    "improvement",
    "change",
    "validation",
    "test",
    "difference: validation",
    "difference: test",
    "verdict",
    "p of all rows (Holm)",
    "time",
    "parameters",
)


def summarize(ours: dict[str, list[float]], baseline: dict[str, list[float]]) -> dict[str, float]:
    """Return what the table says of a row's accuracies in percent; differences from the baseline's in percentage points."""
    summary = {"seeds": len(ours["test"])}
    for split in SPLITS:
        summary |= {f"{split}_mean": statistics.mean(ours[split]), f"{split}_std": statistics.stdev(ours[split])}
    for split in SPLITS:
        difference = Difference(0.0, 0.0, 0.0, 1.0) if ours is baseline else welch(ours[split], baseline[split])
        summary |= zip(Difference.columns(split), difference)
    return summary


def in_markdown(summaries: list[dict]) -> str:
    """Return the table as it is read on a page; the first row is the baseline's."""
    rows = []
    for number, row in enumerate(summaries):
        accuracies = [f"{row[f'{split}_mean']:.2f} ± {row[f'{split}_std']:.2f} %" for split in SPLITS]
        differences = [Difference.of_row(row, split) for split in SPLITS]
        # As recipes are chosen: by the validation images.
        compared = [*map(str, differences), differences[0].verdict, f"{row['validation_p_holm']:.2g}"]
        costs = [f"{row['time_ratio']:.2f}", f"{row['parameters']:,}"]
        rows.append([row["improvement"], row["change"], *accuracies, *(compared if number else [""] * 4), *costs])
    return tables.markdown(rows, HEADINGS) + "\n"


def main() -> None:
    """Write the table and the picture.

    Raises:
        ParameterError: rows.yaml is wrong, or there is nothing in it to compare with the first row.
        UserError: a row was not measured or not timed, or a result is damaged.
    """
    rows = read_rows(paths.IMPROVEMENTS_STUDY).rows
    costs = read_costs(paths.IMPROVEMENTS_STUDY, rows)
    accuracies = read_study(paths.IMPROVEMENTS_STUDY, rows)
    baseline = next(iter(accuracies.values()))
    summaries = [
        {
            "row": name,
            "improvement": row.group,
            "change": row.title,
            **summarize(accuracies[name], baseline),
            **dict(zip(("time_ratio", "parameters"), costs[name])),
        }
        for name, row in rows.items()
    ]
    _, *changed = summaries
    if not changed:
        raise ParameterError(f"{paths.IMPROVEMENTS_STUDY}/rows.yaml: has no row but the first; add one that changes something")
    for row, p_value in zip(summaries, [1.0, *holm([row["validation_p"] for row in changed]).tolist()]):
        row["validation_p_holm"] = p_value
    # As the CSV file keeps them: every page rounds the same numbers.
    summaries = [
        {key: float(f"{value:.6g}") if isinstance(value, float) else value for key, value in row.items()} for row in summaries
    ]
    _, *changed = summaries
    page = in_markdown(summaries)
    tables.write(paths.IMPROVEMENTS, summaries)
    write_text(paths.IMPROVEMENTS.with_suffix(".md"), page)
    picture = figures.improvements(
        [row["improvement"] for row in changed],
        [row["change"] for row in changed],
        np.array([[row[column] for column in Difference.columns("validation")[:3]] for row in changed]),
        np.array([row["test_difference"] for row in changed]),
    )
    figures.save(paths.IMPROVEMENTS.with_suffix(".png"), picture)
    print(f"{page}-> {paths.IMPROVEMENTS}, .md, .png")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    with one_line_errors():
        main()
