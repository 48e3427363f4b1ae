"""Sum up the recipes' scores over their seeds: results/ -> table.md."""

import argparse

from fashion import paths
from fashion.pipeline import tables
from fashion.pipeline.errors import one_line_errors
from fashion.pipeline.files import write_text
from fashion.scoring.seeds import RECIPES, mean_and_std, read_accuracies, title_of

COLUMNS = {
    "last_epoch": "training (last epoch)",
    "train": "training (at the end)",
    "validation": "validation",
    "test": "test",
}


def main() -> None:
    """Write the table.

    Raises:
        UserError: a result is damaged.
    """
    rows = []
    for name in RECIPES:
        accuracies = read_accuracies(paths.SEEDS_STUDY / f"results/{name}.json")
        cells = [f"{mean_and_std(accuracies[column])} %" if column in accuracies else "" for column in COLUMNS]
        rows.append([title_of(name), *cells, len(accuracies["test"])])
    page = tables.markdown(rows, ["recipe", *COLUMNS.values(), "seeds"]) + "\n"
    write_text(paths.SEEDS_STUDY / "table.md", page)
    print(page, end="")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    with one_line_errors():
        main()
