"""The optimizer Muon."""

import numpy as np
import pytest

from fashion.training.muon import orthogonalize


@pytest.mark.parametrize("shape", [(288, 64), (9, 32), (1600, 64)])
def test_muon_brings_all_singular_values_near_1(shape):
    matrix = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    values = np.linalg.svd(orthogonalize(matrix), compute_uv=False)
    assert values.min() > 0.5 and values.max() < 1.3
