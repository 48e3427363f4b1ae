"""Sum up the folds: results/ -> table.md."""

import argparse
import statistics

import folds  # first: it finds the library

from fashion import metrics
from fashion.errors import one_line_errors
from fashion.files import atomic_write, read_json
from fashion.params import TRAINING_IMAGES


def main() -> None:
    """Write the table.

    Raises:
        ParameterError: the study's parameters are wrong.
        UserError: a result is damaged.
        OSError: a file cannot be read or written.
    """
    chosen = folds.load().folds
    results = {fold: read_json(folds.HERE / f"results/{fold}.json") for fold in chosen}
    accuracies = [result["validation"]["accuracy"] for result in results.values()]
    right = round(sum(accuracies) * TRAINING_IMAGES / len(chosen))
    low, high = metrics.wilson_interval(right, TRAINING_IMAGES)
    lines = [
        "| fold | accuracy on the fold | loss (nats) | accuracy on the others, trained on |",
        "| --- | --- | --- | --- |",
    ]
    for fold, result in results.items():
        held_out = result["validation"]
        lines.append(f"| {fold} | {held_out['accuracy']:.2%} | {held_out['loss']:.4f} | {result['train']['accuracy']:.2%} |")
    lines += [
        "",
        f"Mean {statistics.mean(accuracies):.2%}, standard deviation over the {len(chosen)} folds {statistics.stdev(accuracies):.2%}. Of the "
        f"{TRAINING_IMAGES:,} images, each predicted by the network that did not see it, {right:,} are right: {right / TRAINING_IMAGES:.2%}, "
        f"95 % interval {low:.2%} to {high:.2%}.",
    ]
    with atomic_write(folds.HERE / "table.md") as file:
        file.write(("\n".join(lines) + "\n").encode())
    print("\n".join(lines))


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    with one_line_errors():
        main()
