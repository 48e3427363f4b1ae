"""Train a recipe with one seed and score it: data/raw -> a JSON file with accuracies and losses.

They are those of the finished network on train, validation and test, and those that Keras' `fit` reports of the last epoch: the
mean over the training steps, while the network still changes and sees the images as they are augmented.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src"))

import evaluate
import prepare
from fashion import code, params, stage, training
from fashion.backend import keras, tf
from fashion.checkpoint import Checkpoint
from fashion.errors import ParameterError
from fashion.files import atomic_write, sha256
from fashion.params import TEST_IMAGES, TRAINING_IMAGES, EvaluateParams, MemberParams, PrepareParams


def read_recipe(recipe: str, seed: str) -> tuple[PrepareParams, MemberParams, EvaluateParams]:
    """Return a recipe's split, its first member with another seed, and its way of scoring.

    Raises:
        ParameterError: the file is no recipe, or the seed is no whole number.
    """
    if not seed.isdecimal():
        raise ParameterError(f"the seed is {seed!r}, not a whole number from 0")
    read = params.load(Path(recipe))
    first = next(iter(read.ensemble.values()))
    return read.prepare, first.model_copy(update={"seed": int(seed)}), read.evaluate


def main(split: PrepareParams, member: MemberParams, scoring: EvaluateParams, recipe: str, seed: str, result: str) -> None:
    """Split, train and score.

    Raises:
        UserError: the data is damaged, or the training diverged.
        OSError: a file cannot be read or written.
    """
    train, validation = prepare.split(prepare.read_raw("train", TRAINING_IMAGES), split)
    test = prepare.read_raw("t10k", TEST_IMAGES)
    checkpoint = Checkpoint(
        Path(result).stem,
        determined_by={
            "params": [split.model_dump(), member.model_dump()],
            "code": sorted(code.imported().values()),
            "data": [sha256(path) for path in sorted(prepare.RAW.iterdir())],
            "libraries": [keras.__version__, tf.__version__],
        },
    )
    model, history = training.fit(member, train, validation, checkpoint)
    scores = {"last_epoch": {"accuracy": history[-1]["train_accuracy"], "loss": history[-1]["train_loss"]}}
    scores |= {
        name: evaluate.score(data, evaluate.predict([model], data.images, scoring.flip_averaging))
        for name, data in (("train", train), ("validation", validation), ("test", test))
    }
    with atomic_write(Path(result)) as file:
        file.write((json.dumps(scores, indent=2) + "\n").encode())
    checkpoint.remove()


if __name__ == "__main__":
    stage.run(
        main,
        __doc__,
        reads=lambda _, recipe, seed, result: read_recipe(recipe, seed),
        recipe="a file like params.yaml",
        seed="the seed, a whole number",
        result="the JSON file to write",
    )
