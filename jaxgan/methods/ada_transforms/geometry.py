"""Scaling, rotation, stretching and shifts by fractions of a pixel, as one map.

All draws are composed into one affine map, so that an image is resampled once. Its
resolution is doubled with a wavelet's low-pass filter, it is read by bilinear
interpolation, and its resolution is halved with the same filter. The filters cancel
each other where nothing moves.

The paper composes flips, quarter turns and shifts by whole pixels into the same map.
Here they come first and copy pixels (`jaxgan.methods.ada_transforms.blit`), so that an
image which is moved by whole pixels only is not resampled. The results differ in what
fills the borders.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxgan.methods.ada_transforms.wavelets import MARGIN, doubling, halving
from jaxgan.typing import Array, Key, Scalar


class Motion(NamedTuple):
    """An affine map about the image's centre, as its parts in order.

    Attributes:
        scale: a factor for both axes.
        before: the angle of the first rotation, in radians.
        stretch: a factor for the horizontal axis; the vertical axis has its inverse.
        after: the angle of the second rotation, in radians.
        by: a shift in pixels, down and to the right, ``[2]``.
    """

    scale: Array
    before: Array
    stretch: Array
    after: Array
    by: Array


def move(
    key: Key,
    p: Scalar,
    image: Array,
    *,
    scale: float = 0.2,
    stretch: float = 0.2,
    by: float = 0.125,
) -> Array:
    """Applies a random affine map to the image, which is reflected at its borders.

    Scaling, stretching and the shift are each drawn with probability p. Each of the two
    rotations is drawn with probability 1 - sqrt(1 - p), so that there is one with
    probability p.

    Args:
        key: the key of the draws.
        p: the probability.
        image: ``[h w c]``, h and w at least 2.
        scale: standard deviation of the scale's binary logarithm.
        stretch: standard deviation of the stretch's binary logarithm.
        by: standard deviation of the shift, relative to the height and the width.

    Example:
        >>> print(move(jax.random.key(0), 1.0, jnp.ones((8, 8, 3))).shape)
        (8, 8, 3)
    """
    strengths = {"scale": scale, "stretch": stretch, "by": by}
    motion = draw(key, p, image.shape[:2], **strengths)
    identity = still()
    same = [jnp.array_equal(*pair) for pair in zip(motion, identity, strict=True)]
    return jnp.where(jnp.stack(same).all(), image, moved(image, motion))


def still() -> Motion:
    """Returns the map that moves nothing."""
    one, zero = jnp.ones(()), jnp.zeros(())
    return Motion(one, zero, one, zero, jnp.zeros(2))


def draw(
    key: Key,
    p: Scalar,
    size: tuple[int, ...],
    *,
    scale: float,
    stretch: float,
    by: float,
) -> Motion:
    """Draws a map for an image of a given height and width; see `move`."""
    coins, normals, angles = jax.random.split(key, 3)
    rotates = 1 - jnp.sqrt(1 - p)
    chances = jnp.stack([jnp.asarray(x) for x in (p, rotates, p, rotates, p)])
    play = jax.random.uniform(coins, (5,)) < chances
    normal = jax.random.normal(normals, (4,))
    angle = jax.random.uniform(angles, (2,), minval=-jnp.pi, maxval=jnp.pi)
    return Motion(
        scale=jnp.where(play[0], jnp.exp2(scale * normal[0]), 1.0),
        before=jnp.where(play[1], angle[0], 0.0),
        stretch=jnp.where(play[2], jnp.exp2(stretch * normal[1]), 1.0),
        after=jnp.where(play[3], angle[1], 0.0),
        by=jnp.where(play[4], by * jnp.array(size) * normal[2:], 0.0),
    )


def moved(image: Array, motion: Motion) -> Array:
    """Applies a map to the image ``[h w c]``, reading each pixel at its origin."""
    size = image.shape[:2]
    finer, coarser = ([f(n) for n in size] for f in (doubling, halving))
    fine = _on_both_axes(finer, image)
    fine = bilinear(fine, *origins(motion, size))
    return _on_both_axes(coarser, fine)


def origins(motion: Motion, size: tuple[int, ...]) -> Array:
    """Computes where the fine pixels are read from, ``[2, 2h + 10, 2w + 10]``.

    These are rows and columns of the fine image, and may lie outside of it.
    """
    # Fine pixels 2 i and 2 i + 1 are the halves of pixel i: i is at 2 i + 1/2.
    centres = [n - 0.5 for n in size]
    lines = [jnp.arange(2 * n + 2 * MARGIN) - MARGIN - (n - 0.5) for n in size]
    places = jnp.stack(jnp.meshgrid(*lines, indexing="ij"))
    places = places - 2 * motion.by[:, None, None]
    factors = jnp.stack([motion.stretch, 1 / motion.stretch])
    back = _rotation(-motion.before) * factors[None] @ _rotation(-motion.after)
    places = jnp.einsum("ij,jqr->iqr", back / motion.scale, places, precision="highest")
    return places + jnp.array(centres)[:, None, None]


def _rotation(angle: Array) -> Array:
    """Returns the matrix that turns (down, right) by an angle, ``[2 2]``."""
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    return jnp.stack([cos, -sin, sin, cos]).reshape(2, 2)


def bilinear(image: Array, rows: Array, columns: Array) -> Array:
    """Interpolates between the pixels of a periodic image, ``[... c]``.

    Args:
        image: one period, ``[h w c]``.
        rows: the rows to read at, ``[...]``.
        columns: the columns to read at, ``[...]``.
    """
    height, width = image.shape[:2]
    top, left = jnp.floor(rows), jnp.floor(columns)
    down, right = (rows - top)[..., None], (columns - left)[..., None]
    y, x = top.astype(jnp.int32), left.astype(jnp.int32)
    pixel = lambda y, x: image[y % height, x % width]
    upper = (1 - right) * pixel(y, x) + right * pixel(y, x + 1)
    lower = (1 - right) * pixel(y + 1, x) + right * pixel(y + 1, x + 1)
    return (1 - down) * upper + down * lower


def _on_both_axes(maps, image: Array) -> Array:
    """Applies one matrix along an image's rows, and another along its columns."""
    vertical, horizontal = map(jnp.asarray, maps)
    # On a GPU the default precision of a product is 10 bits.
    image = jnp.einsum("qi,ijc->qjc", vertical, image, precision="highest")
    return jnp.einsum("rj,qjc->qrc", horizontal, image, precision="highest")
