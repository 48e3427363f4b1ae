"""Say what a recipe asks of the hardware, or what the hardware can do, as JSON."""

import argparse
import json
import time
from pathlib import Path

from fashion import params
from fashion.backend import keras, tf
from fashion.data.facts import CLASSES
from fashion.networks.build import build
from fashion.params import MemberParams, Params
from fashion.pipeline.errors import ParameterError, one_line_errors
from fashion.training import precision, pruning

SIZE, REPEATS = 2048, 10


def peak(dtype: str) -> float:
    """Return the speed of a product of two square matrices: the fastest of REPEATS, in GFLOP/s."""
    matrix = tf.cast(tf.random.stateless_normal((SIZE, SIZE), seed=(0, 0)), dtype)
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        tf.linalg.matmul(matrix, matrix).numpy()
        seconds.append(time.perf_counter() - started)
    return 2 * SIZE**3 / min(seconds) / 1e9


def training_flops(model: keras.Model) -> int:
    """Return the floating-point operations of one training image in convolutions and dense layers.

    A layer takes a product forward, one for the gradient of its weights and one for that of its inputs. The first layer has no
    gradient of its inputs, and if it is not trained, none at all.
    """
    layers = [layer for layer in model.layers if hasattr(layer, "kernel")]
    places = [layer.output.shape[1] * layer.output.shape[2] if len(layer.output.shape) == 4 else 1 for layer in layers]
    forward = [2 * layer.kernel.shape.num_elements() * place for layer, place in zip(layers, places)]
    first = forward[0] * (2 if layers[0].trainable else 1)
    # Nothing flows back into the outputs of a layer that is not trained.
    second = forward[1] * (3 if layers[0].trainable else 2)
    return first + second + 3 * sum(forward[2:])


def member_work(member: MemberParams, images: int) -> dict[str, int]:
    """Return the parameters of a member's network, its training's steps, and their floating-point operations.

    Args:
        member: its parameters.
        images: how many training images there are.

    Raises:
        ParameterError: it is a backbone, whose layers are not counted.
    """
    if member.model.name == "backbone":
        raise ParameterError("model.name: backbone: the operations of its layers are not counted")
    model = build(member.model)
    batch_size, steps = pruning.batch_size_and_steps(member.train, images)
    flops = training_flops(model) * sum(steps) * batch_size
    return {"parameters": model.count_params(), "steps": sum(steps), "flops": flops}


def work(recipe: Params) -> dict[str, int | str]:
    """Return the sums over a recipe's members of what `member_work` says, and the precision that it takes on this processor."""
    images = recipe.prepare.images
    images -= CLASSES * round(recipe.prepare.validation_fraction * images / CLASSES)
    members = [member_work(member, images) for member in recipe.ensemble.values()]
    sums = {name: sum(member[name] for member in members) for name in members[0]}
    return {**sums, "precision": precision.choose(recipe.train.precision)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", nargs="?", type=Path, help="a file like params.yaml; without it, the hardware is measured")
    recipe = parser.parse_args().recipe
    with one_line_errors():
        if recipe:
            print(json.dumps(work(params.load(recipe))))
        else:
            print(json.dumps({dtype: peak(dtype) for dtype in ("float32", "bfloat16")}))
