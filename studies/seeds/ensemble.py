"""Score recipes/ensemble.yaml from the probabilities of its members, which are those of recipes/accurate.yaml: -> ensemble.json.

And what one more member brings: every ensemble of the networks that member.py trained -> ensembles.md.
"""

import itertools
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

import evaluate
import prepare
from fashion import params, stage
from fashion.errors import ParameterError
from fashion.files import atomic_write, write_json
from fashion.params import TEST_IMAGES, TRAINING_IMAGES, PrepareParams

RECIPES, HERE = Path("recipes"), Path("studies/seeds")


def read_recipe() -> tuple[PrepareParams, list[int]]:
    """Return the split and the members' seeds.

    Raises:
        ParameterError: the ensemble is not of networks that recipes/accurate.yaml trains, scored in the same way.
    """
    ensemble, accurate = (params.load(RECIPES / f"{name}.yaml") for name in ("ensemble", "accurate"))
    network = next(iter(accurate.ensemble.values()))
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
        UserError: the data is damaged, or a member is not among the networks that were trained.
        OSError: a file cannot be read or written.
    """
    _, validation = prepare.split(prepare.read_raw("train", TRAINING_IMAGES), split)
    data = {"validation": validation, "test": prepare.read_raw("t10k", TEST_IMAGES)}
    members = {}
    for path in (HERE / "probabilities").glob("accurate-*.npz"):
        with np.load(path, allow_pickle=False) as probabilities:
            members[int(path.stem.removeprefix("accurate-"))] = dict(probabilities)
    if unknown := set(seeds) - set(members):
        raise ParameterError(
            f"{RECIPES}/ensemble.yaml: no network of seed {min(unknown)} is measured; add it to {HERE}/dvc.yaml"
        )

    def score(chosen: Sequence[int]) -> dict[str, dict[str, float]]:
        return {
            part: evaluate.score(images, np.mean([members[seed][part] for seed in chosen], axis=0))
            for part, images in data.items()
        }

    write_json(HERE / "results/ensemble.json", score(seeds))
    lines = ["| members | ensembles | validation, their mean | test, their mean |", "| --- | --- | --- | --- |"]
    for size in range(1, len(members) + 1):
        scores = [score(chosen) for chosen in itertools.combinations(sorted(members), size)]
        means = [f"{100 * np.mean([one[part]['accuracy'] for one in scores]):.2f} %" for part in data]
        lines.append(f"| {size} | {len(scores)} | {' | '.join(means)} |")
    with atomic_write(HERE / "ensembles.md") as file:
        file.write(("\n".join(lines) + "\n").encode())
    print("\n".join(lines))


if __name__ == "__main__":
    stage.run(main, __doc__, reads=lambda _: read_recipe())
