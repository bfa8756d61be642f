"""Random crops of aligned pairs of a small image and a large one.

An example's crop, rotation and reflection are drawn from its own key at each update:
the numbers of devices and microbatches do not change them.
"""

import jax
import jax.numpy as jnp
from jax import lax

from jaxgan.checks import InputError
from jaxgan.turn import Turn
from jaxgan.typing import Array, Batch, Key


def parts(batch: Batch, turn: Turn, *, crop: int | None, scale: int) -> Batch:
    """Crops each example at random, and puts the crop in one of eight orientations.

    Input and target stay aligned: the crop begins at a pixel of the input.

    Args:
        batch: ``{"input": [b h w c], "target": [b s·h s·w c]}``.
        turn: the turn whose stream "part" is drawn from.
        crop: the side of the target's crop in pixels; None: all of a square target.
        scale: s.

    Raises:
        InputError: the shapes do not fit each other, or the crop does not fit in them.
    """
    small, whole = batch["input"], batch["target"]
    side = _checked_side(small.shape, whole.shape, crop, scale)

    def one(key: Key, small: Array, whole: Array) -> tuple[Array, Array]:
        places, turns = jax.random.split(key)
        last = jnp.array([size - side + 1 for size in small.shape[:2]])
        y, x = jax.random.randint(places, (2,), 0, last)
        corner = jnp.stack([y, x, jnp.zeros_like(y)])
        cut = lambda image, corner, side: lax.dynamic_slice(
            image, corner, (side, side, image.shape[-1])
        )
        ways = jax.random.bernoulli(turns, shape=(3,))
        return (
            turned(cut(small, corner, side), ways),
            turned(cut(whole, scale * corner, scale * side), ways),
        )

    small, whole = jax.vmap(one)(turn.draws("part"), small, whole)
    return {**batch, "input": small, "target": whole}


def turned(image: Array, ways: Array) -> Array:
    """Returns a square image ``[h h c]`` in one of its eight orientations.

    Args:
        image: the image.
        ways: whether to flip it vertically, to flip it horizontally, and then to
            exchange rows and columns, ``[3]``.
    """
    image = jnp.where(ways[0], image[::-1], image)
    image = jnp.where(ways[1], image[:, ::-1], image)
    return jnp.where(ways[2], image.swapaxes(0, 1), image)


def _checked_side(
    small: tuple[int, ...], whole: tuple[int, ...], crop: int | None, scale: int
) -> int:
    """Returns the side of the input's crop in pixels."""
    if len(small) != 4 or whole[1:3] != tuple(scale * side for side in small[1:3]):
        raise InputError(
            f"Targets must be {scale} times as high and wide as inputs, got shapes "
            f"{whole} and {small}. Give data for this scale."
        )
    side = (min(whole[1:3]) if crop is None else crop) / scale
    if not side.is_integer() or not 1 <= side <= min(small[1:3]):
        raise InputError(
            f"The parts of crop={crop} pixels must be a multiple of the scale {scale} "
            f"and no larger than the targets of {whole[1]}x{whole[2]}."
        )
    return int(side)
