"""Gaussian noise added to a network's activations, from its random stream "noise".

Each example's noise is drawn separately, so that it is the same on any number of
devices. In evaluation there is none, unless asked for.
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

_STREAM = "noise"


class Noise(nn.Module):
    """``x + std n``, with n from N(0, 1) for each element of x; same shape.

    Attributes:
        std: standard deviation.
        always: whether there is noise in evaluation too.

    Example:
        >>> x, key = jnp.zeros((2, 3)), jax.random.key(0)
        >>> noisy = Noise(0.1).apply({}, x, train=True, rngs={"noise": key})
        >>> print((noisy != 0).all(), Noise(0.1).apply({}, x, train=False).any())
        True False

    References:
        Noise between a discriminator's layers: Salimans et al. 2016, arXiv:1606.03498,
        in their code.
    """

    std: float
    always: bool = False

    @nn.compact
    def __call__(self, x: Float[Array, "b ..."], *, train: bool) -> Float[Array, "..."]:
        if not (train or self.always):
            return x
        noise = jax.random.normal(self.make_rng(_STREAM), x.shape)
        return x + (self.std * noise).astype(x.dtype)


class PixelNoise(nn.Module):
    """``x + s n``, with one n from N(0, 1) per pixel and a learned strength s.

    A pixel's channels share its n: ``[b h w c]``, same shape. s is initially zero.

    Attributes:
        per_channel: whether each channel has its own strength, as in StyleGAN; in
            StyleGAN2 all share one.
        always: whether there is noise in evaluation too.

    Example:
        >>> x, key = jnp.ones((1, 2, 2, 3)), jax.random.key(0)
        >>> params = {"strength": jnp.array(0.1)}
        >>> how = {"train": True, "rngs": {"noise": key}}
        >>> y = PixelNoise().apply({"params": params}, x, **how)
        >>> print(y.shape, (y == y[..., :1]).all())
        (1, 2, 2, 3) True

    References:
        Karras et al. 2019, arXiv:1812.04948, figure 1 ("B"); 2020, arXiv:1912.04958,
        section 2.
    """

    per_channel: bool = False
    always: bool = False

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], *, train: bool
    ) -> Float[Array, "b h w c"]:
        shape = (x.shape[-1],) if self.per_channel else ()
        strength = self.param("strength", nn.initializers.zeros, shape, jnp.float32)
        if not (train or self.always):
            return x
        noise = jax.random.normal(self.make_rng(_STREAM), (*x.shape[:-1], 1))
        return x + (noise * strength.reshape(1, 1, 1, -1)).astype(x.dtype)
