"""Sum up what measure.py found: studies/seeds/results/*.json -> studies/seeds/table.md."""

import argparse
import statistics
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.resolve().parents[1] / "src"))

from fashion.errors import one_line_errors
from fashion.files import atomic_write, read_json

ROWS = {
    "seed": "the seed's recipe, `recipes/seed.yaml`",
    "fast": "its layers in two epochs, `recipes/fast.yaml`",
    "shipped": "its layers and ten epochs, `params.yaml`",
    "balanced": "a residual network, `recipes/balanced.yaml`",
    "accurate": "a larger one for 60 epochs, `recipes/accurate.yaml`",
    "ensemble": "three of those: `recipes/ensemble.yaml`",
}
SCORES = ("last_epoch", "train", "validation", "test")


def main() -> None:
    """Write the table.

    Raises:
        UserError: a result is damaged.
        OSError: a file cannot be read or written.
    """
    lines = [
        "| recipe | training, in the last epoch | training, at the end | validation | test | seeds |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, title in ROWS.items():
        results = [read_json(path) for path in sorted((HERE / "results").glob(f"{name}*.json"))]
        cells = []
        for score in SCORES:
            accuracies = [100 * result[score]["accuracy"] for result in results if score in result]
            spread = f" ± {statistics.stdev(accuracies):.2f}" if len(accuracies) > 1 else ""
            cells.append(f"{statistics.mean(accuracies):.2f}{spread} %" if accuracies else "")
        lines.append(f"| {title} | {' | '.join(cells)} | {len(results)} |")
    with atomic_write(HERE / "table.md") as file:
        file.write(("\n".join(lines) + "\n").encode())
    print("\n".join(lines))


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    with one_line_errors():
        main()
