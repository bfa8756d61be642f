"""Transformations of one image that are applied with a probability."""

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxgan.typing import Array, Key, Scalar

Transform = Callable[[Key, Array], Array]
"""``(key, image [h w c]) -> [h w c]``: one draw, differentiable in the image."""


@dataclasses.dataclass(frozen=True)
class Group:
    """Several draws that change an image together, each with a probability.

    Attributes:
        apply: ``(key, p, image [h w c]) -> [h w c]``, the image itself if nothing is
            drawn; differentiable in the image.
    """

    apply: Callable[[Key, Scalar, Array], Array]


def transformed(
    transforms: tuple[Transform | Group, ...], p: Scalar, key: Key, image: Array
) -> Array:
    """Applies each transformation to the image ``[h w c]`` with probability p.

    A `Group` applies each of its draws with probability p.

    Example:
        >>> brighter = lambda key, image: image + 1
        >>> key, image = jax.random.key(0), jnp.zeros((1, 1, 1))
        >>> print(transformed((brighter, brighter), 1.0, key, image).sum())
        2.0
    """
    for i, transform in enumerate(transforms):
        own = jax.random.fold_in(key, i)
        if isinstance(transform, Group):
            image = transform.apply(own, p, image)
        else:
            coin, own = jax.random.split(own)
            changed = transform(own, image)
            image = jnp.where(jax.random.bernoulli(coin, p), changed, image)
    return image


def less_often(share: float, *transforms: Transform | Group) -> Group:
    """Makes a group that is applied with a share of the probability p.

    Example:
        >>> brighter = lambda key, image: image + 1
        >>> often = jax.vmap(less_often(0.5, brighter).apply, in_axes=(0, None, None))
        >>> keys = jax.random.split(jax.random.key(0), 1_000)
        >>> print(round(float(often(keys, 0.6, jnp.zeros((1, 1, 1))).mean()), 1))
        0.3
    """
    return Group(lambda key, p, image: transformed(transforms, share * p, key, image))
