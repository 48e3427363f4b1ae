"""Sum up the recipes' scores over their seeds: results/ -> table.md."""

import argparse
import statistics

from fashion import paths
from fashion.pipeline import tables
from fashion.pipeline.errors import one_line_errors
from fashion.pipeline.files import atomic_write, read_json

RECIPES = {
    "baseline": "`baseline`: the plain script's recipe",
    "fast": "`fast`: the script's layers, two epochs",
    "params": "`params.yaml`: the script's layers, ten epochs",
    "balanced": "`balanced`: a residual network",
    "accurate": "`accurate`: a larger one, 60 epochs",
    "ensemble": "`ensemble`: three of `accurate`",
}
COLUMNS = {
    "last_epoch": "training (last epoch)",
    "train": "training (at the end)",
    "validation": "validation",
    "test": "test",
}


def in_words(accuracies: list[float]) -> str:
    """Return the mean and, of several seeds, the std of accuracies in percent; nothing where there are none."""
    if not accuracies:
        return ""
    spread = f" ± {statistics.stdev(accuracies):.2f}" if len(accuracies) > 1 else ""
    return f"{statistics.mean(accuracies):.2f}{spread} %"


def main() -> None:
    """Write the table.

    Raises:
        UserError: a result is damaged.
    """
    rows = []
    for name, title in RECIPES.items():
        seeds = read_json(paths.SEEDS_STUDY / f"results/{name}.json")["seeds"].values()
        cells = [in_words([100 * scores[column]["accuracy"] for scores in seeds if column in scores]) for column in COLUMNS]
        rows.append([title, *cells, len(seeds)])
    page = tables.markdown(rows, ["recipe", *COLUMNS.values(), "seeds"]) + "\n"
    with atomic_write(paths.SEEDS_STUDY / "table.md") as file:
        file.write(page.encode())
    print(page, end="")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    with one_line_errors():
        main()
