"""Amplified and damped frequencies of an image."""

import jax
import jax.numpy as jnp

from jaxgan.methods.ada_transforms.wavelets import octaves
from jaxgan.typing import Array, Key, Scalar

_POWER = (10 / 13, 1 / 13, 1 / 13, 1 / 13)
"""The expected share of the image's power in each octave, for a spectrum of 1/f."""


def amplify(key: Key, p: Scalar, image: Array, *, std: float = 1.0) -> Array:
    """Amplifies each of four octaves of the image's frequencies with probability p.

    An octave's factor is t, with log2(t) from N(0, std^2). All four are then divided by
    a number that keeps the expected power. An image's rows and columns are filtered
    with the same factors.

    Args:
        key: the key of the draws.
        p: the probability.
        image: ``[h w c]``, h and w at least 2.
        std: standard deviation of a factor's binary logarithm.

    Example:
        >>> print(amplify(jax.random.key(0), 1.0, jnp.ones((8, 8, 3))).shape)
        (8, 8, 3)
    """
    gains = draw(key, p, std=std)
    return jnp.where((gains == 1).all(), image, filtered(image, gains))


def draw(key: Key, p: Scalar, *, std: float) -> Array:
    """Draws the four octaves' factors, from the lowest; 1 where none is amplified."""
    coins, normals = jax.random.split(key)
    play = jax.random.bernoulli(coins, p, (4, 1))
    factors = jnp.exp2(std * jax.random.normal(normals, (4, 1)))
    # Row i amplifies octave i.
    gains = jnp.where(jnp.eye(4, dtype=bool), factors, 1.0)
    power = (jnp.array([_POWER]) * gains**2).sum(axis=1, keepdims=True)
    return jnp.where(play, gains / jnp.sqrt(power), 1.0).prod(axis=0)


def filtered(image: Array, gains: Array) -> Array:
    """Multiplies the image's octaves by factors ``[4]``, along rows and columns."""
    down, right = (
        jnp.einsum("k,kij->ij", gains, jnp.asarray(octaves(n)), precision="highest")
        for n in image.shape[:2]
    )
    image = jnp.einsum("qi,ijc->qjc", down, image, precision="highest")
    return jnp.einsum("rj,qjc->qrc", right, image, precision="highest")
