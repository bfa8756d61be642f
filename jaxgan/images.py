"""Pixels: images are stored as uint8 in [0, 255] and used as floats in [-1, 1].

A pixel ``p`` becomes the float ``x = 2 p / 255 - 1``.
"""

import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float, UInt8


def as_float(image: ArrayLike) -> Float[Array, "..."]:
    """Converts uint8 to float32 in [-1, 1], and floating values to float32.

    Raises:
        TypeError: for any other dtype, whose range would be a guess.
    """
    image = jnp.asarray(image)
    if image.dtype == jnp.uint8:
        return image.astype(jnp.float32) * (2 / 255) - 1
    if jnp.issubdtype(image.dtype, jnp.floating):
        return image.astype(jnp.float32)
    raise TypeError(
        f'batch["image"] must be uint8 in [0, 255] or floating in [-1, 1], got '
        f"{image.dtype}."
    )


def as_uint8(image: ArrayLike) -> UInt8[Array, "..."]:
    """Returns the nearest pixel values; values outside [-1, 1] are clipped.

    Pixels in uint8 are returned as they are.

    Example:
        >>> as_uint8(jnp.array([-1.0, 0.0, 1.0, 3.0])).tolist()
        [0, 128, 255, 255]
    """
    image = jnp.asarray(image)
    if image.dtype == jnp.uint8:
        return image
    pixels = jnp.round((image.astype(jnp.float32) + 1) * 127.5)
    return jnp.clip(pixels, 0, 255).astype(jnp.uint8)
