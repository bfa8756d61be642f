"""Normalisation layers: per example, or batch norm with a conditional gain and bias.

Group norm and layer norm are `flax.linen.GroupNorm` and `flax.linen.LayerNorm`. With
``reduction_axes=(1, 2, 3), feature_axes=-1`` the latter normalises a whole image.

Batch norms mix the examples of a batch, so a critic with a gradient penalty must not
use them. They take their statistics over all devices if ``axis_name`` is given.
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from jaxgan.layers.dense import Dense
from jaxgan.layers.weight import Weight

_SELF_MODULATION_UNITS = 32


class InstanceNorm(nn.Module):
    """Instance norm, ``[b h w c]``: mean 0 and variance 1 per channel; same shape.

    y = (x - mean) / sqrt(variance + epsilon), both over the image's pixels. There is no
    learned gain or bias, as in PyTorch; `flax.linen.InstanceNorm` has them.

    Attributes:
        epsilon: added to the variance.

    Example:
        >>> x = jnp.array([1.0, 3.0]).reshape(1, 1, 2, 1)
        >>> print(InstanceNorm().apply({}, x)[0, 0, :, 0].round(3))
        [-1.  1.]

    References:
        Ulyanov, Vedaldi & Lempitsky 2016, arXiv:1607.08022.
    """

    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        y = x.astype(jnp.float32)
        # Not E x^2 - (E x)^2, which loses digits where the mean is large.
        y = y - y.mean(axis=(1, 2), keepdims=True)
        variance = jnp.square(y).mean(axis=(1, 2), keepdims=True)
        return (y * lax.rsqrt(variance + self.epsilon)).astype(x.dtype)


class PixelNorm(nn.Module):
    """Pixel norm: a mean square of 1 for each pixel or latent vector; same shape.

    y = x / sqrt(mean of x^2 over the last axis + epsilon).

    Attributes:
        epsilon: added to the mean square.

    Example:
        >>> print(PixelNorm().apply({}, jnp.array([[1.0, 7.0]])))
        [[0.2 1.4]]

    References:
        Karras et al. 2018, arXiv:1710.10196, section 4.2.
    """

    epsilon: float = 1e-8

    @nn.compact
    def __call__(self, x: Float[Array, "... c"]) -> Float[Array, "... c"]:
        y = x.astype(jnp.float32)
        square = jnp.square(y).mean(axis=-1, keepdims=True)
        return (y * lax.rsqrt(square + self.epsilon)).astype(x.dtype)


class ConditionalBatchNorm(nn.Module):
    """Batch norm whose gain and bias are linear in a condition; same shape.

    y = (1 + A c) x^ + B c, with x^ the normalised x. For a class label c is one-hot, so
    each class has its own gain and bias (`jaxgan.nets.labels.one_hot`); BigGAN's c is
    an embedding of the class and a part of the latent.

    Attributes:
        kernel_init: initialiser of A and B ``[k c]``: by default zeros, which start as
            plain batch norm.
        weight: transformation of A and B, such as `jaxgan.layers.spectral_norm`, which
            needs another initialisation.
        momentum: momentum of the running averages.
        epsilon: added to the variance.
        dtype: dtype of the computation; parameters and statistics are float32.
        axis_name: the mapped axis over which it takes its statistics, or None.

    Example:
        >>> import jax
        >>> norm, x = ConditionalBatchNorm(), jnp.ones((4, 2, 2, 3))
        >>> condition = jax.nn.one_hot(jnp.array([0, 1, 1, 0]), 2)
        >>> variables = norm.init(jax.random.key(0), x, condition, train=False)
        >>> print(jax.tree.map(jnp.shape, variables["params"]))
        {'bias': {'kernel': (2, 3)}, 'gain': {'kernel': (2, 3)}}

    References:
        Dumoulin, Shlens & Kudlur 2017, arXiv:1610.07629; in GANs Miyato & Koyama 2018,
        arXiv:1802.05637; with a vector Brock et al. 2019, arXiv:1809.11096.
    """

    kernel_init: nn.initializers.Initializer = nn.initializers.zeros
    weight: Weight | None = None
    momentum: float = 0.9
    epsilon: float = 1e-5
    dtype: Any = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(
        self,
        x: Float[Array, "b h w c"],
        condition: Float[Array, "b k"],
        *,
        train: bool,
    ) -> Float[Array, "b h w c"]:
        def linear(name: str) -> Array:
            return Dense(
                x.shape[-1],
                use_bias=False,
                kernel_init=self.kernel_init,
                weight=self.weight,
                dtype=self.dtype,
                name=name,
            )(condition)

        gain, bias = 1 + linear("gain"), linear("bias")
        return _modulated(_batch_normalised(self, x, train), gain, bias)


class SelfModulatedBatchNorm(nn.Module):
    """Batch norm whose gain and bias are functions of the latent; same shape.

    y = (1 + gamma(z)) x^ + beta(z), with x^ the normalised x, and gamma and beta linear
    in 32 rectified hidden units, which are linear in z. The paper's gamma is ours plus
    1. The layer needs no labels; with some, z may be the latent concatenated with an
    embedding of them.

    Attributes:
        momentum: momentum of the running averages.
        epsilon: added to the variance.
        dtype: dtype of the computation; parameters and statistics are float32.
        axis_name: the mapped axis over which it takes its statistics, or None.

    Example:
        >>> import jax
        >>> norm, z = SelfModulatedBatchNorm(), jnp.ones((4, 8))
        >>> x = jnp.ones((4, 2, 2, 3))
        >>> variables = norm.init(jax.random.key(0), x, z, train=False)
        >>> print(variables["params"]["gamma"]["kernel"].shape)
        (32, 3)

    References:
        Chen, Lucic, Houlsby & Gelly 2019, arXiv:1810.01365, eq. 3 and 4; 32 units as in
        the authors' compare_gan.
    """

    momentum: float = 0.9
    epsilon: float = 1e-5
    dtype: Any = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], z: Float[Array, "b z"], *, train: bool
    ) -> Float[Array, "b h w c"]:
        features, dtype = x.shape[-1], self.dtype
        hidden = nn.relu(Dense(_SELF_MODULATION_UNITS, dtype=dtype, name="hidden")(z))
        gamma = 1 + Dense(features, dtype=dtype, name="gamma")(hidden)
        beta = Dense(features, dtype=dtype, name="beta")(hidden)
        return _modulated(_batch_normalised(self, x, train), gamma, beta)


def _batch_normalised(norm: Any, x: Array, train: bool) -> Array:
    """Applies batch norm with the fields of a module, without a gain and a bias."""
    return nn.BatchNorm(
        use_running_average=not train,
        momentum=norm.momentum,
        epsilon=norm.epsilon,
        use_scale=False,
        use_bias=False,
        dtype=norm.dtype,
        axis_name=norm.axis_name,
    )(x)


def _modulated(x: Array, gain: Array, bias: Array) -> Array:
    return x * gain[:, None, None, :] + bias[:, None, None, :]
