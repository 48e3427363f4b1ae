"""The plain Keras script that the project is measured against, as the benchmark found it."""

from fashion import paths

SCRIPT, SCRIPT_NAME = str(paths.SPEED_STUDY / "baseline.py"), "the plain Keras script"
SPEED = paths.SPEED_STUDY / "results.json"


def script_accuracies(speed: dict) -> list[float]:
    """Return the script's test accuracies in percent, one a run, from the results of the benchmark."""
    return [100 * float(run["accuracy"]) for run in speed["runs"][SCRIPT]]


def parameters_of(speed: dict, recipe: str) -> str:
    """Return the number of parameters of a recipe's networks, named by its file, from the results of the benchmark."""
    return f"{speed['work'][recipe]['parameters']:,}"
