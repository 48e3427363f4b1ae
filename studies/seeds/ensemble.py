"""Score recipes/ensemble.yaml from the probabilities of networks of recipes/accurate.yaml: -> results/ensemble.json.

And what one more member brings: every ensemble of those networks -> ensembles.md.
"""

import itertools
from collections.abc import Iterable

import numpy as np

from fashion import paths
from fashion.data import release
from fashion.data.facts import CLASSES
from fashion.data.split import split
from fashion.params import Params, load
from fashion.pipeline import stage, tables
from fashion.pipeline.errors import ParameterError
from fashion.pipeline.files import read_arrays, write_json, write_text
from fashion.scoring.ensemble import average
from fashion.scoring.metrics import score

ENSEMBLE, ACCURATE = (paths.RECIPES / f"{name}.yaml" for name in ("ensemble", "accurate"))
HEADINGS = ("members", "ensembles", "validation, their mean", "test, their mean")


def read_recipe() -> Params:
    """Return the recipe of the ensemble.

    Raises:
        ParameterError: the ensemble is not of networks that recipes/accurate.yaml trains, scored in the same way.
    """
    ensemble, accurate = load(ENSEMBLE), load(ACCURATE)
    network = next(iter(accurate.ensemble.values()))
    members = list(ensemble.ensemble.values())
    same_networks = all(member == network.model_copy(update={"seed": member.seed}) for member in members)
    if not same_networks or (ensemble.prepare, ensemble.evaluate) != (accurate.prepare, accurate.evaluate):
        raise ParameterError(f"{ENSEMBLE}: differs from {ACCURATE} in more than the seeds")
    return ensemble


def main(recipe: Params) -> None:
    """Average and score.

    Raises:
        ParameterError: a member is not among the networks that were trained.
        UserError: the data is damaged.
    """
    _, validation = split(release.read_training_set(), recipe.prepare)
    splits = {"validation": validation, "test": release.read_test_set()}
    shapes = {name: (-1, len(data), CLASSES) for name, data in splits.items()}
    probabilities = read_arrays(paths.SEEDS_STUDY / "probabilities/accurate.npz", **shapes)
    members = list(recipe.ensemble.values())
    seeds, trained = [member.seed for member in members], range(len(probabilities["test"]))
    if unknown := set(seeds) - set(trained):
        raise ParameterError(f"{ENSEMBLE}: no network of seed {min(unknown)} is measured; its seeds are below {len(trained)}")

    def score_of(networks: Iterable[int]) -> dict[str, dict[str, float]]:
        of_members = {name: of_split[list(networks)] for name, of_split in probabilities.items()}
        predicted = average(of_members, validation.labels, recipe.evaluate, [members[0].train.label_smoothing])
        return {name: score(data, predicted.ensemble[name]) for name, data in splits.items()}

    write_json(paths.SEEDS_STUDY / "results/ensemble.json", {"seeds": {"0": score_of(seeds)}})
    rows = []
    for size in range(1, len(trained) + 1):
        scores = [score_of(networks) for networks in itertools.combinations(trained, size)]
        means = [np.mean([score[name]["accuracy"] for score in scores]) for name in splits]
        rows.append([size, len(scores), *(f"{100 * mean:.2f} %" for mean in means)])
    page = tables.markdown(rows, HEADINGS) + "\n"
    write_text(paths.SEEDS_STUDY / "ensembles.md", page)
    print(page, end="")


if __name__ == "__main__":
    stage.run(main, __doc__, reads=lambda _: [read_recipe()])
