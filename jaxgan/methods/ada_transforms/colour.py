"""Affine changes of an image's colours.

A pixel's projection on the luma axis v = (1, 1, 1) / sqrt(3) is the grey v v'x of the
mean of its channels. Each transformation changes all pixels in the same way. Colours
may leave [-1, 1].

A grey image has one channel, as if all three were equal: its pixels lie on the luma
axis, which hue and saturation do not change.
"""

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.checks import InputError
from jaxgan.typing import Array, Key, Scalar


def brightness(key: Key, image: Array, *, std: float = 0.2) -> Array:
    """Adds a number drawn from N(0, std^2) to the image."""
    return image + std * jax.random.normal(key)


def contrast(key: Key, image: Array, *, std: float = 0.5) -> Array:
    """Multiplies the image by a factor whose binary logarithm is N(0, std^2)."""
    return image * jnp.exp2(std * jax.random.normal(key))


def luma_flip(key: Key, image: Array) -> Array:
    """Exchanges light and dark with probability 1/2, by the reflection x - 2 v v'x.

    Hue and saturation stay as they are.
    """
    return jnp.where(jax.random.bernoulli(key), image - 2 * _grey(image), image)


def hue(key: Key, image: Array, *, turn: float = 1.0) -> Array:
    """Turns the image's colours about the luma axis, by turn times U(-pi, pi).

    A grey image stays as it is.

    Raises:
        InputError: unless the image has one channel or three.
    """
    channels = image.shape[-1]
    if channels not in (1, 3):
        raise InputError(
            f"hue turns the colours of RGB images, but these have {channels} channels. "
            "Leave it out of the transformations."
        )
    limit = turn * np.pi
    angle = jax.random.uniform(key, minval=-limit, maxval=limit)
    return image if channels == 1 else turned(image, angle)


def turned(image: Array, angle: Scalar) -> Array:
    """Turns an RGB image ``[... 3]`` about the luma axis.

    By Rodrigues' formula, x -> v v'x + cos(angle) (x - v v'x) + sin(angle) v × x.
    """
    grey, axis = _grey(image), jnp.full(image.shape, 1 / np.sqrt(3))
    rest = jnp.cos(angle) * (image - grey)
    return grey + rest + jnp.sin(angle) * jnp.cross(axis, image)


def saturation(key: Key, image: Array, *, std: float = 1.0) -> Array:
    """Multiplies the image's distance from grey by a factor drawn as in `contrast`.

    A grey image stays as it is.
    """
    grey = _grey(image)
    return grey + (image - grey) * jnp.exp2(std * jax.random.normal(key))


def _grey(image: Array) -> Array:
    """Computes the projection on the luma axis, ``[... 1]``."""
    return image.mean(axis=-1, keepdims=True)
