"""Score recipes/ensemble.yaml from the probabilities of its members, which are those of recipes/accurate.yaml: -> ensemble.json."""

import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

import evaluate
import prepare
from fashion import params, stage
from fashion.errors import ParameterError
from fashion.files import atomic_write
from fashion.params import TEST_IMAGES, TRAINING_IMAGES, PrepareParams

RECIPES, HERE = Path("recipes"), Path("studies/seeds")


def read_recipe() -> tuple[PrepareParams, list[int]]:
    """Return the split and the members' seeds.

    Raises:
        ParameterError: the ensemble is not of networks that recipes/accurate.yaml trains, scored in the same way.
    """
    ensemble, accurate = (params.load(RECIPES / f"{name}.yaml") for name in ("ensemble", "accurate"))
    (network,) = accurate.ensemble.values()
    seeds = [member.seed for member in ensemble.ensemble.values()]
    expected = [network.model_copy(update={"seed": seed}) for seed in seeds]
    if list(ensemble.ensemble.values()) != expected or (ensemble.prepare, ensemble.evaluate) != (
        accurate.prepare,
        accurate.evaluate,
    ):
        raise ParameterError(f"{RECIPES}/ensemble.yaml: differs from {RECIPES}/accurate.yaml in more than the seeds")
    return ensemble.prepare, seeds


def main(split: PrepareParams, seeds: list[int]) -> None:
    """Average and score.

    Raises:
        UserError: the data is damaged.
        OSError: a file cannot be read or written.
    """
    _, validation = prepare.split(prepare.read_raw("train", TRAINING_IMAGES), split)
    scores = {}
    for name, data in (("validation", validation), ("test", prepare.read_raw("t10k", TEST_IMAGES))):
        members = []
        for seed in seeds:
            with np.load(HERE / f"probabilities/accurate-{seed}.npz", allow_pickle=False) as probabilities:
                members.append(probabilities[name])
        scores[name] = evaluate.score(data, np.mean(members, axis=0))
    with atomic_write(HERE / "results/ensemble.json") as file:
        file.write((json.dumps(scores, indent=2) + "\n").encode())


if __name__ == "__main__":
    stage.run(main, __doc__, reads=lambda _: read_recipe())
