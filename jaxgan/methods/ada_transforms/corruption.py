"""Transformations that hide an image: white noise, and a square that is cut out."""

import jax
import jax.numpy as jnp

from jaxgan.typing import Array, Key


def noise(key: Key, image: Array, *, std: float = 0.1) -> Array:
    """Adds white Gaussian noise whose standard deviation is std |N(0, 1)|."""
    strength, pixels = jax.random.split(key)
    sigma = std * jnp.abs(jax.random.normal(strength))
    return image + sigma * jax.random.normal(pixels, image.shape)


def cutout(key: Key, image: Array, *, size: float = 0.5) -> Array:
    """Sets a part of ``size`` times the height and width to 0, the middle grey.

    The part's centre is uniform over the image, so it may reach beyond the border.
    """
    centre, kept = jax.random.uniform(key, (2,)), jnp.zeros(image.shape[:2], bool)
    for axis, n in enumerate(image.shape[:2]):
        away = jnp.abs((jnp.arange(n) + 0.5) / n - centre[axis]) >= size / 2
        kept = kept | jnp.expand_dims(away, 1 - axis)
    return jnp.where(kept[..., None], image, 0.0)
