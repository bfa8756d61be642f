"""The classic pair of multi-layer perceptrons.

Two hidden layers each: ReLU in the generator, as in Goodfellow et al. 2014
(arXiv:1406.2661, section 5), LeakyReLU in the discriminator. Conditional on a label,
they concatenate its one-hot vector to their input (Mirza & Osindero 2014,
arXiv:1411.1784).
"""

import math
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.nets.labels import one_hot


class Generator(nn.Module):
    """``z [b z] -> image [b h w c]`` in [-1, 1], or points of any ``image_shape``.

    Attributes:
        image_shape: the shape of one example.
        width: units of each hidden layer.
        depth: number of hidden layers.
        num_classes: number of classes to condition on; 0 for none.
        bounded: whether tanh comes last, for pixels; False for unbounded data.
        dtype: dtype of the computation; parameters and output are float32.
    """

    image_shape: tuple[int, ...]
    width: int = 256
    depth: int = 2
    num_classes: int = 0
    bounded: bool = True
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, z: Float[Array, "b z"], condition=None, *, train: bool
    ) -> Float[Array, "b ..."]:
        x = _with_label(z, condition, self.num_classes)
        for _ in range(self.depth):
            x = nn.relu(nn.Dense(self.width, dtype=self.dtype)(x))
        x = nn.Dense(math.prod(self.image_shape), dtype=self.dtype)(x)
        x = x.astype(jnp.float32).reshape(-1, *self.image_shape)
        return jnp.tanh(x) if self.bounded else x


class Discriminator(nn.Module):
    """``image [b ...] -> logits [b]``.

    Attributes:
        width: units of each hidden layer.
        depth: number of hidden layers.
        num_classes: number of classes to condition on; 0 for none.
        slope: LeakyReLU's slope for negative inputs.
        dtype: dtype of the computation; parameters and logits are float32.
    """

    width: int = 256
    depth: int = 2
    num_classes: int = 0
    slope: float = 0.2
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float[Array, "b ..."], condition=None, *, train: bool
    ) -> Float[Array, " b"]:
        x = _with_label(x.reshape(x.shape[0], -1), condition, self.num_classes)
        for _ in range(self.depth):
            x = nn.leaky_relu(nn.Dense(self.width, dtype=self.dtype)(x), self.slope)
        return nn.Dense(1, dtype=self.dtype)(x).astype(jnp.float32)[:, 0]


def _with_label(x, condition, num_classes: int):
    label = one_hot(condition, num_classes)
    return x if label is None else jnp.concatenate([x, label], axis=-1)
