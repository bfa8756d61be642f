"""Random jitter of training images: enlarged, cropped back at random, moved, mirrored.

Isola et al. 2017 (arXiv:1611.07004, appendix 6.2) resize images of 256 pixels to 286,
crop 256 at a random place and mirror half of them; Zhu et al. 2017 do the same with
each of two unpaired sets. Small images blur when they are enlarged; moving them by
whole pixels keeps each as sharp as it is. Jitter changes only what the players train
on: samples are drawn from images as they are.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxgan.checks import InputError
from jaxgan.game import Game, Objective
from jaxgan.methods.derived import Derived, derived
from jaxgan.turn import Nets, Turn
from jaxgan.typing import Array, Batch, Key


def jittered(
    game: Game,
    *groups: Sequence[str],
    pixels: int = 30,
    shift: int = 0,
    mirror: bool = True,
) -> Derived:
    """Returns the game on jittered images.

    Args:
        game: the game; its batches are dicts.
        groups: names of the batch's entries ``[b h w c]``. The entries of one group,
            such as an input and its target, get the same jitter; their sizes must be
            equal.
        pixels: the number of pixels by which height and width are enlarged, bilinearly,
            before a crop to the original size; 0 for none, at most the images' side.
        shift: the most pixels by which images are moved, up or down and to the left or
            to the right; their borders are repeated. 0 for none.
        mirror: whether half of the examples are mirrored left to right.

    Raises:
        InputError: no group was given, or ``pixels`` or ``shift`` is negative; when the
            game is played, for entries of one group that differ in size, or are smaller
            than ``pixels``.

    Example:
        >>> import flax.linen as nn, jaxgan
        >>> from jaxgan.methods.pix2pix import pix2pix
        >>> from jaxgan.nets import patchgan, unet
        >>> translator = unet.Generator(1, width=8)
        >>> judge = patchgan.Discriminator(1, width=8)
        >>> game = pix2pix(generator=translator, discriminator=judge)
        >>> game = jittered(game, ("input", "target"), pixels=4)
        >>> pairs = {name: jnp.ones((2, 32, 32, 1)) for name in ("input", "target")}
        >>> state = jaxgan.init(game, jax.random.key(0), pairs)
    """
    if not groups or pixels < 0 or shift < 0:
        raise InputError(
            "jittered needs the names of the entries to jitter, and 0 pixels or more; "
            f"got {groups}, pixels={pixels} and shift={shift}."
        )
    kept = tuple(tuple(group) for group in groups)
    how = functools.partial(jitter, pixels=pixels, shift=shift, mirror=mirror)

    def moved(objective: Objective) -> Objective:
        loss = functools.partial(_loss, objective.loss, kept, pixels, how)
        return dataclasses.replace(objective, loss=loss)

    objectives = {name: moved(each) for name, each in game.objectives.items()}
    return derived(game, objectives=objectives)


def jitter(
    key: Key, images: Sequence[Array], *, pixels: int, mirror: bool, shift: int = 0
) -> list[Array]:
    """Applies the same jitter to images ``[h w c]`` of one size.

    Args:
        key: the key of the draws.
        images: the images; they may differ in their channels.
        pixels: see `jittered`.
        mirror: see `jittered`.
        shift: see `jittered`.
    """
    height, width, _ = images[0].shape
    crop_key, mirror_key, shift_key = jax.random.split(key, 3)
    top, left = jax.random.randint(crop_key, (2,), 0, pixels + 1)
    down, right = jax.random.randint(shift_key, (2,), 0, 2 * shift + 1)
    turned = jax.random.bernoulli(mirror_key) & mirror

    def one(image: Array) -> Array:
        channels = image.shape[-1]
        if pixels:
            size = (height + pixels, width + pixels, channels)
            image = jax.image.resize(image, size, "linear")
            start, shape = (top, left, 0), (height, width, channels)
            image = jax.lax.dynamic_slice(image, start, shape)
        if shift:
            edges = ((shift, shift), (shift, shift), (0, 0))
            large, start = jnp.pad(image, edges, mode="edge"), (down, right, 0)
            image = jax.lax.dynamic_slice(large, start, image.shape)
        return jnp.where(turned, image[:, ::-1], image)

    return [one(image) for image in images]


def _loss(
    loss: Callable[..., Any],
    groups: tuple[tuple[str, ...], ...],
    pixels: int,
    changed: Callable[..., list[Array]],
    nets: Nets,
    batch: Batch,
    turn: Turn,
) -> Any:
    """Computes a loss on a jittered batch."""
    batch = dict(batch)
    for group in groups:
        images = [batch[name] for name in group]
        sizes = {name: batch[name].shape[1:3] for name in group}
        if len(set(sizes.values())) > 1:
            raise InputError(
                f"Images that are jittered alike must be of one size, got {sizes}. "
                "Resize them, or name them in separate groups."
            )
        smallest = min(min(size) for size in sizes.values())
        if pixels > smallest:
            raise InputError(
                f"Images of {smallest} pixels cannot be enlarged by {pixels} for their "
                f"jitter: choose at most {smallest}, such as {max(1, smallest // 8)}."
            )
        keys = turn.draws(f"jitter/{'/'.join(group)}")
        batch |= dict(zip(group, jax.vmap(changed)(keys, images), strict=True))
    return loss(nets, batch, turn)
