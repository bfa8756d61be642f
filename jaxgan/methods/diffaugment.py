"""DiffAugment, Zhao et al. 2020 (arXiv:2006.10738): both losses use augmented images.

    D minimises  E f_D(D(T(x)), D(T(G(z))))
    G minimises  E f_G(D(T(G(z))))    eq. 4, 5

where T is random and differentiable, so that its gradient reaches G. All images are
always transformed. The generator's target stays the same: no other distribution looks
like the data after T.
"""

import jax
import jax.numpy as jnp

from jaxgan.checks import InputError
from jaxgan.methods.ada_transforms import Transform
from jaxgan.typing import Array, Key
from jaxgan.view import Augment


def brightness(key: Key, image: Array) -> Array:
    """Adds a number drawn from U(-1/2, 1/2) to the image."""
    return image + jax.random.uniform(key, minval=-0.5, maxval=0.5)


def saturation(key: Key, image: Array) -> Array:
    """Multiplies the distance from grey, the channels' mean, by a draw from U(0, 2).

    An image of one channel is its own mean, and does not change.
    """
    grey = image.mean(axis=-1, keepdims=True)
    return grey + jax.random.uniform(key, maxval=2.0) * (image - grey)


def contrast(key: Key, image: Array) -> Array:
    """Multiplies the distance from the image's mean by a draw from U(1/2, 3/2)."""
    mean = image.mean()
    return mean + jax.random.uniform(key, minval=0.5, maxval=1.5) * (image - mean)


def translation(key: Key, image: Array) -> Array:
    """Shifts the image by up to 1/8 of its height and width, in whole pixels.

    All shifts are equally likely. Borders are filled with 0.
    """
    for axis, own in enumerate(jax.random.split(key)):
        size = image.shape[axis]
        most = _rounded(size / 8)
        places = jnp.arange(size) - jax.random.randint(own, (), -most, most + 1)
        moved = jnp.take(image, places, axis=axis, mode="clip")
        shape = [1, 1, 1]
        shape[axis] = size
        inside = (places >= 0) & (places < size)
        image = jnp.where(inside.reshape(shape), moved, 0.0)
    return image


def cutout(key: Key, image: Array) -> Array:
    """Sets a part of half the image's height and width to 0.

    The part's centre is uniform over the image, so it may reach beyond the border.
    """
    kept = jnp.zeros(image.shape[:2], bool)
    for axis, own in enumerate(jax.random.split(key)):
        size = image.shape[axis]
        part = _rounded(size / 2)
        # The centre of an odd part is a pixel; of an even part, it is between two.
        centre = jax.random.randint(own, (), 0, size + 1 - part % 2)
        from_first = jnp.arange(size) - (centre - part // 2)
        outside = (from_first < 0) | (from_first >= part)
        kept = kept | jnp.expand_dims(outside, 1 - axis)
    return jnp.where(kept[..., None], image, 0.0)


def _rounded(size: float) -> int:
    """Returns the nearest integer; halves are rounded up."""
    return int(size + 0.5)


COLOUR = (brightness, saturation, contrast)
TRANSLATION = (translation,)
CUTOUT = (cutout,)
ALL = (*COLOUR, *TRANSLATION, *CUTOUT)
"""The paper's policy, in its order."""


def diffaugment(transforms: tuple[Transform, ...] = ALL) -> Augment:
    """Makes an augmentation that applies a policy to all images D sees.

    Args:
        transforms: the policy, functions ``(key, image [h w c]) -> [h w c]``; each is
            applied to every image. By default all of the paper's.

    Raises:
        InputError: for a policy without transformations.

    Example:
        >>> augment = diffaugment((*TRANSLATION, *CUTOUT))
    """
    if not transforms:
        raise InputError(
            "diffaugment was given no transformations. Give some, or use augment=None."
        )

    def one(key: Key, image: Array) -> Array:
        for i, transform in enumerate(transforms):
            image = transform(jax.random.fold_in(key, i), image)
        return image

    return Augment(view=lambda x, keys, turn: jax.vmap(one)(keys, x))
