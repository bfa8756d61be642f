"""Affine changes of an image's colours.

With the luma axis v = (1, 1, 1) / sqrt(3), a pixel's projection on it is the grey v v'x
of the mean of its channels. Each transformation changes all pixels alike. Colours may
leave [-1, 1].

A grey image has one channel, as if all three were equal: its pixels lie on the luma
axis, which hue and saturation leave as it is.
"""

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.checks import InputError
from jaxgan.typing import Array, Key, Scalar


def brightness(key: Key, image: Array, *, std: float = 0.2) -> Array:
    """The image plus a number of N(0, std^2)."""
    return image + std * jax.random.normal(key)


def contrast(key: Key, image: Array, *, std: float = 0.5) -> Array:
    """The image times a factor, around 0: its binary logarithm is N(0, std^2)."""
    return image * jnp.exp2(std * jax.random.normal(key))


def luma_flip(key: Key, image: Array) -> Array:
    """The image or, with probability 1/2, its reflection x - 2 v v'x: light for dark.

    Hue and saturation stay as they are.
    """
    return jnp.where(jax.random.bernoulli(key), image - 2 * _grey(image), image)


def hue(key: Key, image: Array, *, turn: float = 1.0) -> Array:
    """The image with its colours turned about the luma axis, by turn U(-pi, pi).

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
    """The RGB image turned about the luma axis, ``[... 3]``.

    By Rodrigues' formula, x -> v v'x + cos(angle) (x - v v'x) + sin(angle) v × x.
    """
    grey, axis = _grey(image), jnp.full(image.shape, 1 / np.sqrt(3))
    rest = jnp.cos(angle) * (image - grey)
    return grey + rest + jnp.sin(angle) * jnp.cross(axis, image)


def saturation(key: Key, image: Array, *, std: float = 1.0) -> Array:
    """The image with its distance from grey times a factor, as `contrast`'s is drawn.

    A grey image stays as it is.
    """
    grey = _grey(image)
    return grey + (image - grey) * jnp.exp2(std * jax.random.normal(key))


def _grey(image: Array) -> Array:
    """The projection on the luma axis, ``[... 1]``."""
    return image.mean(axis=-1, keepdims=True)
