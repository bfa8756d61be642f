"""A network that reads every factor of a picture, with a head for each.

It is trained on real pictures only, which are randomly bent, blurred and made noisy, so
that it reads the handwriting of people it has not seen.
"""

import dataclasses
from collections.abc import Sequence
from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, Int32

from jaxgan import scan
from jaxgan.images import as_float
from jaxgan.nets.conv import Conv
from jaxgan.typing import Key

BEND = 1.5  # standard deviation of a pixel's displacement, in pixels of a 32x32 image
SLIGHT = 0.5  # the same for pictures that look as in training
MOST_BLUR = 0.7
MOST_NOISE = 0.15  # of a range of 2
_KNOTS = 6  # of the displacement along an axis
_CLIP = 1.0  # of the gradient's norm
_SHARPNESS = 4.0  # of the smooth maximum


class Network(nn.Module):
    """``image [b h w c] -> logits [b k]``, those of all heads side by side.

    The heads see the largest value of each feature anywhere, which tells a shape
    wherever it is, and a coarse map of the features, which tells where.

    Attributes:
        sizes: how many values each factor has; k is their sum.
        width: channels of the first convolution.
        hidden: units of the layers below the heads.
    """

    sizes: tuple[int, ...]
    width: int = 32
    hidden: int = 256

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b k"]:
        init = nn.initializers.he_normal()
        layer = lambda x, features, **how: nn.relu(
            nn.GroupNorm(8)(Conv(features, kernel_init=init, **how)(x))
        )
        dense = lambda x: nn.relu(nn.Dense(self.hidden, kernel_init=init)(x))
        x = layer(layer(x, self.width), 2 * self.width)
        x = layer(x, 4 * self.width, kernel=3, stride=1)
        coarse = layer(x, 2 * self.width).reshape(len(x), -1)
        both = jnp.concatenate([dense(_largest(x)), dense(coarse)], axis=1)
        return nn.Dense(sum(self.sizes))(both)


def _largest(x: Float[Array, "b h w c"]) -> Float[Array, "b c"]:
    """Returns a smooth maximum of each channel, nearly its largest value.

    The gradient of the maximum itself is 0 / 0 where XLA computes x again in the
    backward pass and rounds it differently, so that no value equals the maximum.
    """
    return jax.nn.logsumexp(_SHARPNESS * x, axis=(1, 2)) / _SHARPNESS


@dataclasses.dataclass(frozen=True, eq=False)
class Reader:
    """A trained network."""

    network: Network
    params: Any

    def read(self, images: Any, *, batch: int = 500) -> Int32[np.ndarray, "n f"]:
        """Returns the factors of images ``[n h w c]``, uint8 or floats in [-1, 1]."""
        parts = [images[i : i + batch] for i in range(0, len(images), batch)]
        read = partial(_read, self.network, self.params)
        return np.concatenate([np.asarray(read(part)) for part in parts])


def train(
    key: Key,
    images: Any,
    factors: Int[np.ndarray, "n f"],
    sizes: Sequence[int],
    *,
    steps: int = 4_000,
    batch: int = 64,
    learning_rate: float = 2e-3,
    bend: float = BEND,
    width: int = 32,
    hidden: int = 256,
) -> Reader:
    """Trains a reader of the factors of ``images [n h w c]``, uint8.

    The loss is the sum of the heads' cross-entropies; Adam's rate decays to 0 along a
    cosine; batches are drawn with replacement and changed by `bent`.

    Args:
        key: for the initial weights, the batches and their changes.
        images: the pictures to learn from.
        factors: the values of their factors.
        sizes: how many values each factor has.
        steps: updates.
        batch: images per update.
        learning_rate: the initial one.
        bend: see `bent`.
        width: see `Network`.
        hidden: see `Network`.
    """
    network = Network(tuple(sizes), width, hidden)
    params = _descend(
        network, key, jnp.asarray(images), jnp.asarray(factors, jnp.int32), steps,
        batch, learning_rate, bend,
    )  # fmt: skip
    return Reader(network, params)


@partial(jax.jit, static_argnums=0)
def _read(network, params, images):
    logits = network.apply(params, as_float(images))
    return jnp.stack([each.argmax(axis=1) for each in _heads(network, logits)], 1)


def _heads(network: Network, logits):
    """Returns the logits of each factor."""
    return jnp.split(logits, np.cumsum(network.sizes)[:-1], axis=1)


@partial(jax.jit, static_argnums=(0, 4, 5, 6))
def _descend(network, key, images, factors, steps: int, batch: int, rate: float, bend):
    init_key, batch_key = jax.random.split(key)
    params = network.init(init_key, as_float(images[:1]))
    falling = optax.cosine_decay_schedule(rate, steps)
    optimizer = optax.chain(optax.clip_by_global_norm(_CLIP), optax.adam(falling))
    entropy = optax.softmax_cross_entropy_with_integer_labels

    def loss(params, drawn):
        rows, key = drawn
        logits = network.apply(params, bent(key, as_float(images[rows]), bend))
        heads = zip(_heads(network, logits), factors[rows].T, strict=True)
        return jnp.stack([entropy(*each).mean() for each in heads]).sum()

    def draw(i):
        at = jax.random.fold_in(batch_key, i)
        rows = jax.random.randint(at, (batch,), 0, len(images))
        return rows, jax.random.fold_in(at, 0)

    return scan.descend(loss, params, optimizer, draw, steps=steps)


def bent(
    key: Key, images: Float[Array, "b h w c"], bend: float | Array = BEND
) -> Float[Array, "b h w c"]:
    """Bends, blurs and adds noise to images in [-1, 1], each at random.

    Bending is an elastic distortion: the place that a pixel comes from is displaced
    along both axes by normal noise, interpolated between 6x6 knots where its standard
    deviation is ``bend`` pixels of a 32x32 image; edges are extended. The image is then
    mixed with a copy blurred with the kernel (1, 2, 1), and normal noise is added, with
    a standard deviation drawn uniformly up to 0.15.
    """
    count, height, width, _ = images.shape
    bend_key, blur_key, level_key, noise_key = jax.random.split(key, 4)
    knots = jax.random.normal(bend_key, (2, count, _KNOTS, _KNOTS))
    moves = jnp.einsum("abij,yi,xj->abyx", knots, _between(height), _between(width))
    down, right = moves * bend * jnp.array([height, width]).reshape(2, 1, 1, 1) / 32
    images = _moved(images, right)
    images = _moved(images.swapaxes(1, 2), down.swapaxes(1, 2)).swapaxes(1, 2)
    mix = MOST_BLUR * jax.random.uniform(blur_key, (count, 1, 1, 1))
    images = (1 - mix) * images + mix * _blurred(_blurred(images, 1), 2)
    level = MOST_NOISE * jax.random.uniform(level_key, (count, 1, 1, 1))
    return images + level * jax.random.normal(noise_key, images.shape)


def _moved(
    images: Float[Array, "b h w c"], moves: Float[Array, "b h w"]
) -> Float[Array, "b h w c"]:
    """Takes each pixel from ``moves`` to its right, by linear interpolation.

    Computed as a product with matrices of hat functions, as gathers are slow on a CPU.
    """
    width = images.shape[2]
    source = jnp.clip(jnp.arange(width)[None, None] + moves, 0, width - 1)
    apart = jnp.abs(source[..., None] - jnp.arange(width)[None, None, None])
    return jnp.einsum("bhvw,bhwc->bhvc", jnp.maximum(1 - apart, 0), images)


def _between(size: int) -> Float[np.ndarray, "size k"]:
    """Returns float32 weights of linear interpolation between equally spaced knots."""
    place = np.linspace(0, _KNOTS - 1, size, dtype=np.float32)
    return np.maximum(1 - np.abs(place[:, None] - np.arange(_KNOTS)[None]), 0).astype(
        np.float32
    )


def _blurred(images: Float[Array, "b h w c"], axis: int) -> Float[Array, "b h w c"]:
    pads = [(1, 1) if i == axis else (0, 0) for i in range(images.ndim)]
    wide, n = jnp.pad(images, pads, mode="edge"), images.shape[axis]
    part = lambda at: jax.lax.slice_in_dim(wide, at, at + n, axis=axis)
    return (part(0) + 2 * part(1) + part(2)) / 4
