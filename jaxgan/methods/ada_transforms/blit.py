"""Transformations that copy whole pixels: flips, quarter turns and shifts."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.typing import Array, Key


def flip(key: Key, image: Array) -> Array:
    """Returns the image or its mirror image, each with probability 1/2."""
    return jnp.where(jax.random.bernoulli(key), image[:, ::-1], image)


def quarter_turn(key: Key, image: Array) -> Array:
    """Turns the image by 0, 90, 180 or 270 degrees, each with probability 1/4.

    An image that is not square is turned about its centre (half a pixel off if the
    height and the width differ by an odd number), and reflection fills the rest.
    """
    turns = jax.random.randint(key, (), 0, 4)
    image = jnp.where(turns % 2 == 1, _turned(image), image)
    return jnp.where(turns >= 2, image[::-1, ::-1], image)


def _turned(image: Array) -> Array:
    """Turns the image by a quarter turn counterclockwise."""
    height, width = image.shape[:2]
    # The pixel at (y, x) shows the one whose row is x and whose column is -y, all
    # counted from the centre.
    rows = np.arange(width) + (height - width) // 2
    columns = np.arange(height)[::-1] - (height - width) // 2
    image = image[reflected(rows, height)][:, reflected(columns, width)]
    return image.swapaxes(0, 1)


def shift(key: Key, image: Array) -> Array:
    """Shifts the image by up to 1/8 of its height and width, in whole pixels.

    Borders are filled by reflection, which does not repeat the last pixel.
    """
    for axis, own in enumerate(jax.random.split(key)):
        size = image.shape[axis]
        by = size * jax.random.uniform(own, minval=-1 / 8, maxval=1 / 8)
        places = jnp.arange(size) - jnp.round(by).astype(jnp.int32)
        image = jnp.take(image, reflected(places, size), axis=axis)
    return image


def reflected(places: Any, size: int) -> Any:
    """Mirrors positions on a line at 0 and ``size - 1`` until they lie in between.

    Args:
        places: integers, a JAX or NumPy array.
        size: at least 2.

    Example:
        >>> print(reflected(jnp.arange(-4, 8), 4))
        [2 3 2 1 0 1 2 3 2 1 0 1]
    """
    last = size - 1
    return last - abs(last - places % (2 * last))
