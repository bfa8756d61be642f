"""Keys that draw separately for every example of a batch.

A network asks for randomness by ``self.make_rng(name)`` and draws an array for all the
examples that it sees, ``[b ...]``. With an ordinary key, an example's draws would
depend on how many others are on its device. With a key made by `by_example`, row i of a
draw comes from ``fold_in(key, index[i])`` alone, where ``index`` holds the examples'
global indices. Such a key may be split and folded like any other, so that dropout and
noise work under ``nn.scan``, ``nn.vmap``, ``nn.remat`` and in any layer.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend import random as extend
from jaxtyping import Array, Int

from jaxgan.typing import Key

_WORDS = 2  # of an ordinary key, threefry2x32
_UINTS = {8: jnp.uint8, 16: jnp.uint16, 32: jnp.uint32, 64: jnp.uint64}


def by_example(key: Key, index: Int[Array, " b"], *, others_alike: bool = False) -> Key:
    """Makes a key that draws each row of ``[b ...]`` from that example's index.

    Args:
        key: an ordinary key, the same on all devices.
        index: the examples' global indices, ``[b]``.
        others_alike: whether a draw whose first dimension is not b uses the ordinary
            key, instead of raising an error.

    Raises:
        ValueError: by ``jax.random``, for a draw whose first dimension is not b, since
            it may depend on how many examples are on a device.

    Example:
        >>> import numpy as np
        >>> key = jax.random.key(0)
        >>> draw = lambda *index: jax.random.normal(
        ...     by_example(key, jnp.array(index)), (len(index), 2)
        ... )
        >>> bool((draw(0, 1, 2, 3)[2:] == draw(2, 3)).all())
        True
    """
    data = jnp.concatenate([jax.random.key_data(key), index.astype(jnp.uint32)])
    return jax.random.wrap_key_data(
        data, impl=_implementation(len(index), others_alike)
    )


@functools.lru_cache
def _implementation(examples: int, others_alike: bool) -> Any:
    """Makes the PRNG for ``examples`` examples: a key is words, then the indices."""
    name = f"by_example_{examples}{'_others_alike' if others_alike else ''}"

    def ordinary(data):
        return jax.random.wrap_key_data(data[:_WORDS], impl="threefry2x32")

    def seed(value):
        words = jax.random.key_data(jax.random.key(value, impl="threefry2x32"))
        return jnp.concatenate([words, jnp.arange(examples, dtype=jnp.uint32)])

    def split(data, shape):
        words = jax.random.key_data(jax.random.split(ordinary(data), shape))
        index = jnp.broadcast_to(data[_WORDS:], (*words.shape[:-1], examples))
        return jnp.concatenate([words, index], axis=-1)

    def fold_in(data, number):
        words = jax.random.key_data(jax.random.fold_in(ordinary(data), number))
        return jnp.concatenate([words, data[_WORDS:]])

    def random_bits(data, width, shape):
        key, bits = ordinary(data), _UINTS[width]
        if shape[:1] != (examples,):
            if others_alike:
                return jax.random.bits(key, shape, bits)
            raise ValueError(
                "A GAN's networks draw separately for each example, so the first "
                f"dimension of a draw is the batch: expected {examples} there, got "
                f"shape {tuple(shape)}."
            )
        draw = lambda i: jax.random.bits(jax.random.fold_in(key, i), shape[1:], bits)
        return jax.vmap(draw)(data[_WORDS:])

    return extend.define_prng_impl(
        key_shape=(_WORDS + examples,),
        seed=seed,
        split=split,
        random_bits=random_bits,
        fold_in=fold_in,
        name=name,
        tag="by_example",
    )
