"""Dense layers and embeddings whose weights may be transformed, as by spectral norm."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgan.layers.weight import Weight, kernel_of


class Dense(nn.Module):
    """``y = x W + b``: ``[... i] -> [... features]``.

    Parameters are float32; it computes in ``dtype``.

    Attributes:
        features: number of outputs.
        use_bias: whether there is a b, initially zero.
        kernel_init: initialiser of W ``[i features]``.
        dtype: dtype of the computation.
        weight: transformation of W, such as `jaxgan.layers.spectral_norm`.

    Example:
        >>> import jax
        >>> layer = Dense(3)
        >>> y, _ = layer.init_with_output(jax.random.key(0), jnp.ones((2, 4)))
        >>> print(y.shape)
        (2, 3)
    """

    features: int
    use_bias: bool = True
    kernel_init: nn.initializers.Initializer = nn.initializers.lecun_normal()
    dtype: Any = jnp.float32
    weight: Weight | None = None

    @nn.compact
    def __call__(self, x: Float[Array, "... i"]) -> Float[Array, "... o"]:
        w = kernel_of(self, (x.shape[-1], self.features), out_axis=1)
        y = x.astype(self.dtype) @ w.astype(self.dtype)
        if not self.use_bias:
            return y
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        return y + jnp.broadcast_to(bias.astype(y.dtype), y.shape)


class Embed(nn.Module):
    """A vector for each class: ``[b] -> [b features]``.

    A label out of range gives NaN, which stops a run: a compiled step cannot raise
    errors that depend on values.

    Attributes:
        num_classes: number of vectors.
        features: their size.
        kernel_init: initialiser of the table ``[num_classes features]``.
        dtype: dtype of the result.
        weight: transformation of the table, such as `jaxgan.layers.spectral_norm`.

    Example:
        >>> import jax
        >>> layer = Embed(10, 4)
        >>> y, _ = layer.init_with_output(jax.random.key(0), jnp.array([3, 10]))
        >>> print(y.shape, jnp.isnan(y).any(axis=1))
        (2, 4) [False  True]
    """

    num_classes: int
    features: int
    kernel_init: nn.initializers.Initializer = nn.initializers.normal(1.0)
    dtype: Any = jnp.float32
    weight: Weight | None = None

    @nn.compact
    def __call__(self, labels: Int[Array, " b"]) -> Float[Array, "b o"]:
        table = kernel_of(
            self, (self.num_classes, self.features), out_axis=0, name="embedding"
        )
        # A negative index would count from the end.
        places = jnp.where(labels < 0, self.num_classes, labels.astype(jnp.int32))
        rows = jnp.take(table, places, axis=0, mode="fill", fill_value=jnp.nan)
        return rows.astype(self.dtype)
