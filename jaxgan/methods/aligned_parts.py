"""Random crops of aligned pairs of a small image and a large one.

An example's crop, rotation, reflection and colours are drawn from its own key at each
update: the numbers of devices and microbatches do not change them.
"""

import jax
import jax.numpy as jnp
from jax import lax

from jaxgan.checks import InputError
from jaxgan.turn import Turn
from jaxgan.typing import Array, Batch, Key

LEAST_CONTRAST = 0.4
"""The least factor by which `recoloured` lowers the contrast."""


def parts(
    batch: Batch, turn: Turn, *, crop: int | None, scale: int, recolour: bool = False
) -> Batch:
    """Crops each example at random, and puts the crop in one of eight orientations.

    Input and target stay aligned: the crop begins at a pixel of the input.

    Args:
        batch: ``{"input": [b h w c], "target": [b s·h s·w c]}``.
        turn: the turn whose stream "part" is drawn from.
        crop: the side of the target's crop in pixels; None: all of a square target.
        scale: s.
        recolour: whether each example's colours are changed, see `recoloured`.

    Raises:
        InputError: the shapes do not fit each other, or the crop does not fit in them.
    """
    small, whole = batch["input"], batch["target"]
    side = _checked_side(small.shape, whole.shape, crop, scale)

    def one(key: Key, small: Array, whole: Array) -> tuple[Array, Array]:
        places, turns, colours = jax.random.split(key, 3)
        last = jnp.array([size - side + 1 for size in small.shape[:2]])
        y, x = jax.random.randint(places, (2,), 0, last)
        corner = jnp.stack([y, x, jnp.zeros_like(y)])
        cut = lambda image, corner, side: lax.dynamic_slice(
            image, corner, (side, side, image.shape[-1])
        )
        ways = jax.random.bernoulli(turns, shape=(3,))
        small = turned(cut(small, corner, side), ways)
        whole = turned(cut(whole, scale * corner, scale * side), ways)
        return recoloured(colours, small, whole) if recolour else (small, whole)

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


def recoloured(key: Key, small: Array, whole: Array) -> tuple[Array, Array]:
    """Changes the colours of two images ``[h w c]`` at random, of both alike.

    Exchanges channels, lowers the contrast and adds to each channel:

        x_i  ->  g x_p(i) + (1 - g) m_i

    for a random permutation p, g uniform in [0.4, 1] and m_i in [-1, 1], which keeps
    values in [-1, 1]. A discriminator that has only a few photos to learn from would
    otherwise know their colours, and a generator learn their materials.

    Args:
        key: the key of the draws.
        small: an image in [-1, 1].
        whole: another one, of any size, with as many channels.

    Example:
        >>> low, high = (jnp.full((2, 2, 3), value) for value in (-1.0, 1.0))
        >>> low, high = recoloured(jax.random.key(0), low, high)
        >>> bool((low >= -1).all() and (high <= 1).all() and (low < high).all())
        True
    """
    channels = small.shape[-1]
    order_key, gain_key, mean_key = jax.random.split(key, 3)
    order = jax.random.permutation(order_key, channels)
    gain = jax.random.uniform(gain_key, minval=LEAST_CONTRAST, maxval=1.0)
    mean = jax.random.uniform(mean_key, (1, 1, channels), minval=-1.0, maxval=1.0)
    # Products and sums are exact, and faster in a loop than looking channels up.
    picked = jnp.eye(channels)[order][None, None]
    exchanged = lambda image: (image[..., None, :] * picked).sum(axis=-1)
    changed = lambda image: gain * exchanged(image) + (1 - gain) * mean
    return changed(small), changed(whole)


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
