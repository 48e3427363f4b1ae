"""Sum up the folds: results/ -> table.md."""

import argparse
import statistics

from fashion import paths
from fashion.data.facts import TRAINING_IMAGES
from fashion.pipeline import tables
from fashion.pipeline.errors import one_line_errors
from fashion.pipeline.files import read_results, write_text
from fashion.scoring.metrics import wilson_interval
from fashion.study_params import read_folds

HEADINGS = ("fold", "accuracy on the fold", "loss (nats)", "accuracy on the others, trained on")


def percent(fraction: float) -> str:
    """Return a fraction as it is read: "92.99 %"."""
    return f"{100 * fraction:.2f} %"


def take_scores(result: dict) -> dict[str, dict[str, float]]:
    """Return what the table has of a fold: accuracy and loss on the images held out, and accuracy on the others."""
    held_out, train = result["validation"], result["train"]
    return {
        "validation": {"accuracy": float(held_out["accuracy"]), "loss": float(held_out["loss"])},
        "train": {"accuracy": float(train["accuracy"])},
    }


def main() -> None:
    """Write the table.

    Raises:
        ParameterError: the study's parameters are wrong.
        UserError: a result is damaged.
    """
    folds = read_folds().folds
    results = [read_results(paths.CROSS_VALIDATION_STUDY / f"results/{fold}.json", take_scores) for fold in folds]
    accuracies = [result["validation"]["accuracy"] for result in results]
    right = round(sum(accuracies) * TRAINING_IMAGES / len(folds))
    low, high = wilson_interval(right, TRAINING_IMAGES)
    rows = [
        [fold, percent(accuracy), f"{result['validation']['loss']:.4f}", percent(result["train"]["accuracy"])]
        for fold, accuracy, result in zip(folds, accuracies, results)
    ]
    page = (
        f"{tables.markdown(rows, HEADINGS)}\n\n"
        f"Mean {percent(statistics.mean(accuracies))}, std over the {len(folds)} folds {percent(statistics.stdev(accuracies))}."
        f" Of the {TRAINING_IMAGES:,} images, each predicted by the network that did not see it, {right:,} are right: "
        f"{percent(right / TRAINING_IMAGES)}, 95 % interval {percent(low)} to {percent(high)}.\n"
    )
    write_text(paths.CROSS_VALIDATION_STUDY / "table.md", page)
    print(page, end="")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    with one_line_errors():
        main()
