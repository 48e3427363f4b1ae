"""The optimizer Muon."""

import numpy as np
import pytest
from small_training import MEMBER

from fashion.backend import keras
from fashion.networks.build import HEAD
from fashion.training.muon import orthogonalize
from fashion.training.optimizer import ScheduleTable, make_optimizer

# Of each step.
RATES = (0.5, 0.2)


@pytest.mark.parametrize("shape", [(288, 64), (9, 32), (1600, 64)])
def test_muon_brings_all_singular_values_near_1(shape):
    matrix = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    values = np.linalg.svd(orthogonalize(matrix), compute_uv=False)
    assert values.min() > 0.5 and values.max() < 1.3


def orthogonalized(matrix: np.ndarray) -> np.ndarray:
    """The same by hand: the polynomial of each singular value, five times."""
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    values = values / np.linalg.norm(values)
    for _ in range(5):
        values = 3.4445 * values - 4.7750 * values**3 + 2.0315 * values**5
    return left * values @ right


def muon(start: np.ndarray, gradients: list[np.ndarray]) -> np.ndarray:
    """Weight decay, then Nesterov momentum, orthogonalized and scaled by the root of outputs over inputs."""
    value, moment = start, 0
    for rate, gradient in zip(RATES, gradients):
        moment = 0.9 * moment + gradient
        matrix = (gradient + 0.9 * moment).reshape(-1, start.shape[-1])
        scale = np.sqrt(matrix.shape[1] / matrix.shape[0])
        value = value * (1 - 0.1 * rate) - rate * scale * orthogonalized(matrix).reshape(start.shape)
    return value


def adam(start: np.ndarray, gradients: list[np.ndarray]) -> np.ndarray:
    """Adam at a tenth of the rate, without weight decay."""
    value, mean, squares = start, 0, 0
    for step, (rate, gradient) in enumerate(zip(RATES, gradients), start=1):
        mean, squares = 0.9 * mean + 0.1 * gradient, 0.95 * squares + 0.05 * gradient**2
        value = value - 0.1 * rate * (mean / (1 - 0.9**step)) / np.sqrt(squares / (1 - 0.95**step))
    return value


def test_kernels_follow_muon_with_weight_decay_and_all_else_follows_adam_without():
    rng = np.random.default_rng(0)
    shapes = {"first/kernel": (3, 3, 2, 6), "second/kernel": (4, 6), "first/bias": (6,), f"{HEAD}/kernel": (6, 10)}
    start = [rng.normal(size=shape) for shape in shapes.values()]
    gradients = [[rng.normal(size=shape) for shape in shapes.values()] for _ in RATES]
    variables = []
    for path, value in zip(shapes, start):
        layer, name = path.split("/")
        with keras.name_scope(layer):
            variables.append(keras.Variable(value, dtype="float32", name=name))
    recipe = MEMBER.train.model_copy(update={"optimizer": "muon", "momentum": 0.9, "weight_decay": 0.1})
    optimizer = make_optimizer(recipe, ScheduleTable(np.array(RATES, np.float32)))
    for step in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(gradient, "float32") for gradient in step], variables)
    rules = (muon, muon, adam, adam)
    for rule, variable, value, *of_each_step in zip(rules, variables, start, *gradients):
        np.testing.assert_allclose(variable.numpy(), rule(value, of_each_step), atol=1e-4, err_msg=variable.path)
