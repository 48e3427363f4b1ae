"""Say in a few lines what the pipeline's last run gave, and what to do next."""

import argparse
import json
from pathlib import Path

from fashion.errors import UserError, one_line_errors

METRICS = Path("reports/metrics.json")


def main() -> None:
    """Print the summary.

    Raises:
        UserError: the metrics are damaged.
        OSError: they cannot be read.
    """
    try:
        scores = json.loads(METRICS.read_text(encoding="utf-8"))
        train, validation, test = (scores[name]["accuracy"] for name in ("train", "validation", "test"))
        low, high = scores["test"]["accuracy_low"], scores["test"]["accuracy_high"]
        accuracy = f"training {train:.2%}, validation {validation:.2%}, test {test:.2%}"
        interval = f"95 % interval {low:.2%} to {high:.2%}"
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{METRICS}: damaged; run `dvc repro --force evaluate`") from None
    print(
        f"""
Accuracy   {accuracy} ({interval})
Results    reports/index.html; its pictures: reports/figures/
Next       source .venv/bin/activate; change a value in params.yaml; dvc repro; dvc metrics diff"""
    )


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    with one_line_errors():
        main()
