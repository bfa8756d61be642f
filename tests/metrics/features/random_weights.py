"""Weights of the published networks' shapes, drawn by name: the same everywhere."""

import math
from collections.abc import Mapping

import numpy as np


def random_arrays(
    shapes: Mapping[str, tuple[int, ...]], seed: int
) -> dict[str, np.ndarray]:
    """Float32 arrays that keep a ReLU network's activations near 1.

    Uniform draws, in the order of the names: kernels as He et al. 2015 scale them,
    running variances and norms' scales near 1, shifts near 0.
    """
    rng = np.random.Generator(np.random.PCG64(seed))

    def draw(name: str, shape: tuple[int, ...]) -> np.ndarray:
        uniform = 2 * rng.random(shape, np.float32) - 1
        if len(shape) > 1:
            return uniform * np.float32(math.sqrt(6 / math.prod(shape[1:])))
        positive = "var" in name or ("bn" in name and name.endswith("weight"))
        return uniform * np.float32(0.2) + np.float32(positive)

    return {name: draw(name, shapes[name]) for name in sorted(shapes)}
