"""Generators of points on a line, which start where `f_gan` can train them.

A batch must be able to tell the divergence of what a generator makes from the data: it
must be finite, and its samples must show what they miss.
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
    """x = mean + std z with z ~ N(0, 1): one Gaussian, whose parameters one can read.

    Attributes:
        mean: draws where the mean starts.
        std: where the standard deviation starts.
    """

    mean: nn.initializers.Initializer
    std: float

    @nn.compact
    def __call__(self, z):
        mean = self.param("mean", self.mean, (), jnp.float32)
        std = nn.initializers.constant(self.std)
        return mean + z * self.param("std", std, (), jnp.float32)


def is_finite_when_wide(f: Divergence) -> bool:
    """Whether the divergence of the data from a wide Gaussian is finite."""
    return bimodal.exact(f, 0.0, WIDE) < FINITE


def affine(f: Divergence) -> Affine:
    """One Gaussian, which starts where a batch can tell its divergence from the data.

    Wide, over both modes, where the divergence is finite there: from one mode alone the
    samples would not show, to KL say, what they miss. Divergences that are infinite
    there, as Neyman's where q's tails outweigh p's, start narrow and near a mode.
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
    """An affine map and a perceptron, which learn, and the modes ``apart * tanh(4 z)``.

    Attributes:
        width: of the perceptron's two hidden layers.
        std: the affine map's at the start.
        apart: from 0, of two modes that are there from the start.
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
    """A generator that starts over both modes: wide, or with two and light tails."""
    std, apart = (1.5, 0.0) if is_finite_when_wide(f) else (0.45, 1.5)
    return Flexible(width, std, apart)
