"""Generators of points on a line, which start where `f_gan` can train them.

A batch must be enough to estimate the divergence between the data and a generator's
samples: it must be finite, and the samples must show what they miss.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp

from experiments.studies import bimodal
from jaxgan import nets
from jaxgan.divergences import Divergence

WIDE, NARROW = 1.2, 0.4  # standard deviations that Gaussians start with
FINITE = 100.0  # a divergence above it is a divergent integral, cut off


class Affine(nn.Module):
    """x = mean + std z with z ~ N(0, 1): one Gaussian, whose parameters can be read.

    Attributes:
        mean: draws the initial mean.
        std: the initial standard deviation.
    """

    mean: nn.initializers.Initializer
    std: float

    @nn.compact
    def __call__(self, z):
        mean = self.param("mean", self.mean, (), jnp.float32)
        std = nn.initializers.constant(self.std)
        return mean + z * self.param("std", std, (), jnp.float32)


def is_finite_when_wide(f: Divergence) -> bool:
    """Returns whether the divergence of the data from a wide Gaussian is finite."""
    return bimodal.exact(f, 0.0, WIDE) < FINITE


def affine(f: Divergence) -> Affine:
    """Returns a Gaussian that starts where a batch can estimate its divergence.

    It starts wide, over both modes, if the divergence is finite there: samples from one
    mode alone would not show, to KL say, what they miss. If the divergence is infinite
    there, as Neyman's where q's tails outweigh p's, it starts narrow and near a mode.
    """
    if is_finite_when_wide(f):
        return Affine(nn.initializers.normal(0.5), WIDE)

    def near_a_mode(key, shape, dtype):
        where, how_far = jax.random.split(key)
        chances = jnp.array(bimodal.WEIGHTS)
        mode = jax.random.choice(where, jnp.array(bimodal.MEANS), shape, p=chances)
        return (mode + 0.3 * jax.random.normal(how_far, shape)).astype(dtype)

    return Affine(near_a_mode, NARROW)


class Flexible(nn.Module):
    """A learned affine map and perceptron, plus the fixed modes ``apart * tanh(4 z)``.

    Attributes:
        width: the width of the perceptron's two hidden layers.
        std: the initial standard deviation of the affine map.
        apart: the distance from 0 of the two fixed modes; 0 for none.
    """

    width: int
    std: float
    apart: float

    @nn.compact
    def __call__(self, z):
        start = Affine(nn.initializers.zeros, self.std)(z)
        perceptron = nets.mlp.Generator((1,), width=self.width, bounded=False)
        return self.apart * jnp.tanh(4 * z) + start + perceptron(z, train=True)


def flexible(f: Divergence, width: int) -> Flexible:
    """Returns a generator that covers both modes at the start, wide or light-tailed."""
    std, apart = (1.5, 0.0) if is_finite_when_wide(f) else (0.45, 1.5)
    return Flexible(width, std, apart)
