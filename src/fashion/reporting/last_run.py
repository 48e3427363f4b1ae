"""What `make` says at its end."""

from fashion import paths
from fashion.pipeline.errors import UserError
from fashion.pipeline.files import read_json


def summarize() -> str:
    """Say in a few lines what the pipeline's last run gave, and what to do next.

    Raises:
        UserError: the metrics are damaged.
    """
    try:
        scores = read_json(paths.METRICS)
        train, validation, test = (scores[name]["accuracy"] for name in ("train", "validation", "test"))
        interval = f"{scores['test']['accuracy_low']:.2%} to {scores['test']['accuracy_high']:.2%}"
        accuracy = f"training (a sample) {train:.2%}, validation {validation:.2%}, test {test:.2%} (95 % interval {interval})"
    except (UserError, ValueError, KeyError, TypeError):
        raise UserError(f"{paths.METRICS}: damaged; run `dvc repro --force evaluate`") from None
    return (
        f"Accuracy   {accuracy}\n"
        f"Results    {paths.PAGE}; its pictures: {paths.FIGURES}/\n"
        "Next       source .venv/bin/activate; change a value in params.yaml; dvc repro; dvc metrics diff"
    )
