"""Encoders that embed captions and images in a common space.

A caption is a row of word indices, as `jaxgan.data.vocabulary` makes them, padded with
0. Both encoders end in a vector of length sqrt(dim), so that its entries are on the
scale of a latent's and only its direction carries information.
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgan.means import in_float32
from jaxgan.nets.conv import Conv

_PAD = 0  # where there is no word


class TextEncoder(nn.Module):
    """``captions [b L] -> [b dim]``.

    Each layer adds to a word's vector a function of it and of both its neighbours, so
    that n layers tell "a red seven on blue" from "a blue seven on red" if the words
    that belong together are at most n apart. A dense layer embeds the mean and the
    maximum over the words.

    Attributes:
        size: size of the vocabulary, including 0.
        dim: size of an embedding.
        width: size of a word's vector.
        depth: number of layers.
    """

    size: int
    dim: int = 64
    width: int = 64
    depth: int = 2

    @nn.compact
    def __call__(self, captions: Int[Array, "b L"]) -> Float[Array, "b d"]:
        is_word = (captions != _PAD)[..., None]
        x = nn.Embed(self.size, self.width)(captions) * is_word
        for _ in range(self.depth):
            edges = jnp.pad(x, ((0, 0), (1, 1), (0, 0)))
            near = jnp.concatenate([edges[:, :-2], x, edges[:, 2:]], axis=-1)
            x = (x + nn.relu(nn.Dense(self.width)(near))) * is_word
        count = jnp.maximum(is_word.sum(axis=1), 1)
        largest = jnp.where(is_word, x, -jnp.inf).max(axis=1)
        largest = jnp.where(jnp.isfinite(largest), largest, 0.0)
        seen = jnp.concatenate([x.sum(axis=1) / count, largest], axis=-1)
        return _scaled(nn.Dense(self.dim)(seen))


class ImageEncoder(nn.Module):
    """``image [b h w c] -> [b dim]``, the text encoder's counterpart.

    Convolutions of stride 2, each with group norm, halve the image to a side of at most
    4 pixels.

    Attributes:
        dim: size of an embedding.
        width: channels of the first map; twice as many at each coarser one.
        dtype: dtype of the computation; the embedding is float32.
    """

    dim: int = 64
    width: int = 32
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b d"]:
        init, width = nn.initializers.he_normal(), self.width
        while min(x.shape[1:3]) > 4 or width == self.width:
            x = Conv(width, kernel_init=init, dtype=self.dtype)(x)
            x = nn.relu(nn.GroupNorm(num_groups=4, dtype=self.dtype)(x))
            width *= 2
        x = nn.relu(nn.Dense(4 * self.dim, dtype=self.dtype)(x.reshape(len(x), -1)))
        return _scaled(nn.Dense(self.dim, dtype=self.dtype)(x))


def _scaled(x: Float[Array, "b d"]) -> Float[Array, "b d"]:
    """Scales vectors to length sqrt(d), in float32."""
    x = in_float32(x)
    square = jnp.mean(jnp.square(x), axis=-1, keepdims=True)
    return x / jnp.sqrt(square + 1e-8)
