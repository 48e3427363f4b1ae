"""Sum up the study: results/ and costs.json -> reports/improvements.csv, .md and .png."""

import argparse
import statistics
from pathlib import Path

import numpy as np

from fashion import figures, paths
from fashion.pipeline import tables
from fashion.pipeline.errors import UserError, one_line_errors
from fashion.pipeline.files import atomic_write, read_results
from fashion.scoring.comparison import Difference, holm, welch
from fashion.scoring.seeds import read_accuracies
from fashion.study_params import BASELINE_ROW, Row, read_rows

COSTS = paths.IMPROVEMENTS_STUDY / "costs.json"
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


def result_of(row: str) -> Path:
    """Return the file of a row's scores."""
    return paths.IMPROVEMENTS_STUDY / f"results/{row}.json"


def columns(split: str) -> tuple[str, str, str, str]:
    """Name the columns of a difference on a split, of the ends of its interval and of its p-value."""
    return f"{split}_difference", f"{split}_low", f"{split}_high", f"{split}_p"


def summarize(name: str, row: Row, cost: tuple[float, int], baseline: dict[str, list[float]]) -> dict:
    """Return a row of the table; accuracies in percent, differences in percentage points; errors as of `read_accuracies`."""
    accuracies = {split: values for split, values in read_accuracies(result_of(name)).items() if split in SPLITS}
    summary = {"row": name, "improvement": row.group, "change": row.title, "seeds": len(accuracies["test"])}
    for split, ours in accuracies.items():
        summary |= {f"{split}_mean": statistics.mean(ours), f"{split}_std": statistics.stdev(ours)}
    for split, ours in accuracies.items():
        difference = Difference(0.0, 0.0, 0.0, 1.0) if name == BASELINE_ROW else welch(ours, baseline[split])
        summary |= zip(columns(split), difference)
    return summary | dict(zip(("time_ratio", "parameters"), cost))


def in_markdown(summaries: list[dict]) -> str:
    """Return the table as it is read on a page."""
    rows = []
    for row in summaries:
        accuracies = [f"{row[f'{split}_mean']:.2f} ± {row[f'{split}_std']:.2f} %" for split in SPLITS]
        differences = [Difference(*(row[column] for column in columns(split))) for split in SPLITS]
        # As recipes are chosen: by the validation images.
        compared = [*map(str, differences), differences[0].verdict, f"{row['validation_p_holm']:.2g}"]
        costs = [f"{row['time_ratio']:.2f}", f"{row['parameters']:,}"]
        rows.append(
            [row["improvement"], row["change"], *accuracies, *([""] * 4 if row["row"] == BASELINE_ROW else compared), *costs]
        )
    return tables.markdown(rows, HEADINGS) + "\n"


def main() -> None:
    """Write the table and the picture.

    Raises:
        ParameterError: rows.yaml is wrong.
        UserError: a row was not measured, or a result is damaged.
    """
    rows = read_rows().rows
    costs = read_results(
        COSTS, lambda costs: {row: (float(cost["ratio"]), int(cost["parameters"])) for row, cost in costs.items()}
    )
    if missing := rows.keys() - costs.keys():
        raise UserError(f"{COSTS}: without {', '.join(sorted(missing))}; run `make improvements`")
    for path in filter(lambda path: not path.exists(), map(result_of, rows)):
        raise UserError(f"{path}: missing; run `make improvements`")
    baseline = read_accuracies(result_of(BASELINE_ROW))
    summaries = [summarize(name, row, costs[name], baseline) for name, row in rows.items()]
    changed = [row for row in summaries if row["row"] != BASELINE_ROW]
    for split in SPLITS:
        adjusted = holm([row[f"{split}_p"] for row in changed])
        for row, p_value in zip(summaries, [1.0, *adjusted.tolist()]):
            row[f"{split}_p_holm"] = p_value
    page = in_markdown(summaries)
    tables.write(paths.IMPROVEMENTS, summaries)
    with atomic_write(paths.IMPROVEMENTS.with_suffix(".md")) as file:
        file.write(page.encode())
    picture = figures.improvements(
        [row["improvement"] for row in changed],
        [row["change"] for row in changed],
        np.array([[row[column] for column in columns("validation")[:3]] for row in changed]),
        np.array([row["test_difference"] for row in changed]),
    )
    figures.save(paths.IMPROVEMENTS.with_suffix(".png"), picture)
    print(f"{page}-> {paths.IMPROVEMENTS}, .md, .png")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    with one_line_errors():
        main()
