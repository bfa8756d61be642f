"""The networks' convolutional layers, built on the fast maps."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.layers.weight import Weight, kernel_of
from jaxgan.nets.conv.maps import conv, conv_transpose
from jaxgan.nets.conv.reference import Padding


def _halving_padding(kernel: int, stride: int) -> Padding:
    """Returns the padding that makes a multiple of ``stride`` shrink by ``stride``."""
    total = kernel - stride
    pair = (total // 2, total - total // 2)
    return pair, pair


class Conv(nn.Module):
    """Strided convolution: ``[b h w i] -> [b h/s w/s features]``.

    Parameters are float32; it computes in ``dtype``. Each of ``groups`` groups of
    input channels makes ``features / groups`` output channels. ``weight`` transforms
    the kernel, like `jaxgan.layers.spectral_norm`.
    """

    features: int
    kernel: int = 4
    stride: int = 2
    groups: int = 1
    use_bias: bool = True
    kernel_init: nn.initializers.Initializer = nn.initializers.normal(0.02)
    dtype: Any = jnp.float32
    weight: Weight | None = None

    @nn.compact
    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b g q o"]:
        channels = x.shape[-1] // self.groups
        shape = (self.kernel, self.kernel, channels, self.features)
        w = kernel_of(self, shape, out_axis=3)
        y = conv(
            x.astype(self.dtype),
            w.astype(self.dtype),
            strides=(self.stride, self.stride),
            padding=_halving_padding(self.kernel, self.stride),
            groups=self.groups,
        )
        return _add_bias(self, y) if self.use_bias else y


class ConvTranspose(nn.Module):
    """Fractionally-strided convolution: ``[b h w i] -> [b s·h s·w features]``.

    Parameters are float32; it computes in ``dtype``. ``weight`` transforms the kernel,
    like `jaxgan.layers.spectral_norm`.
    """

    features: int
    kernel: int = 4
    stride: int = 2
    use_bias: bool = True
    kernel_init: nn.initializers.Initializer = nn.initializers.normal(0.02)
    dtype: Any = jnp.float32
    weight: Weight | None = None

    @nn.compact
    def __call__(self, x: Float[Array, "b g q o"]) -> Float[Array, "b h w i"]:
        shape = (self.kernel, self.kernel, self.features, x.shape[-1])
        w = kernel_of(self, shape, out_axis=2)
        y = conv_transpose(
            x.astype(self.dtype),
            w.astype(self.dtype),
            size=(x.shape[1] * self.stride, x.shape[2] * self.stride),
            strides=(self.stride, self.stride),
            padding=_halving_padding(self.kernel, self.stride),
        )
        return _add_bias(self, y) if self.use_bias else y


def _add_bias(module: nn.Module, y):
    bias = module.param("bias", nn.initializers.zeros, (y.shape[-1],), jnp.float32)
    return y + bias.astype(y.dtype).reshape(1, 1, 1, -1)
