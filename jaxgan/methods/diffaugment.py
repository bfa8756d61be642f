"""DiffAugment, Zhao et al. 2020 (arXiv:2006.10738): both players see changed images.

    D minimises  E f_D(D(T(x)), D(T(G(z))))
    G minimises  E f_G(D(T(G(z))))    eq. 4, 5

where T is random and differentiable, so that its gradient reaches G. All images are
always changed. What the generator must learn stays the same: T of no other distribution
looks like T of the data.
"""

import jax
import jax.numpy as jnp

from jaxgan.checks import InputError
from jaxgan.methods.ada_transforms import Transform
from jaxgan.typing import Array, Key
from jaxgan.view import Augment


def brightness(key: Key, image: Array) -> Array:
    """The image plus a number of U(-1/2, 1/2)."""
    return image + jax.random.uniform(key, minval=-0.5, maxval=0.5)


def saturation(key: Key, image: Array) -> Array:
    """The image with its distance from grey, the channels' mean, times U(0, 2).

    An image of one channel is its own mean: it stays as it is.
    """
    grey = image.mean(axis=-1, keepdims=True)
    return grey + jax.random.uniform(key, maxval=2.0) * (image - grey)


def contrast(key: Key, image: Array) -> Array:
    """The image with its distance from its mean times U(1/2, 3/2)."""
    mean = image.mean()
    return mean + jax.random.uniform(key, minval=0.5, maxval=1.5) * (image - mean)


def translation(key: Key, image: Array) -> Array:
    """The image moved by up to 1/8 of its height and width, in whole pixels.

    Every number of pixels is as likely. Borders are filled with 0.
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
    """The image with 0 in a part of half its height and width.

    The part's centre is uniform over the image, so it may reach over the border.
    """
    kept = jnp.zeros(image.shape[:2], bool)
    for axis, own in enumerate(jax.random.split(key)):
        size = image.shape[axis]
        part = _rounded(size / 2)
        # The centre is a pixel of an odd part, and lies between two of an even one.
        centre = jax.random.randint(own, (), 0, size + 1 - part % 2)
        from_first = jnp.arange(size) - (centre - part // 2)
        outside = (from_first < 0) | (from_first >= part)
        kept = kept | jnp.expand_dims(outside, 1 - axis)
    return jnp.where(kept[..., None], image, 0.0)


def _rounded(size: float) -> int:
    """The nearest whole number; halves are rounded up."""
    return int(size + 0.5)


COLOUR = (brightness, saturation, contrast)
TRANSLATION = (translation,)
CUTOUT = (cutout,)
ALL = (*COLOUR, *TRANSLATION, *CUTOUT)
"""The paper's policy, in its order."""


def diffaugment(transforms: tuple[Transform, ...] = ALL) -> Augment:
    """Transformations of all images that the discriminator sees, one after another.

    Args:
        transforms: the policy, functions ``(key, image [h w c]) -> [h w c]``; each is
            played on every image. By default all of the paper's.

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
