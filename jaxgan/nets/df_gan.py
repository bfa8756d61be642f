"""DF-GAN's networks: Tao et al. 2022, arXiv:2008.05865, section 3.

A single generator produces the full resolution. A caption, concatenated to the latent,
sets the scale and the shift of every channel twice before each 3x3 convolution ("deep
fusion"). The discriminator's features of an image do not depend on the caption; two
convolutions at the end use both.

The authors' blocks have 3x3 convolutions at every resolution, which for small images
cost ten times as much as DCGAN's; ``width`` makes them narrow.
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.layers.resample import average_pool, upsample_nearest
from jaxgan.means import in_float32
from jaxgan.nets.conv import Conv
from jaxgan.nets.dcgan import doublings

SLOPE = 0.2
"""LeakyReLU's slope for negative inputs."""

_MOST = 8  # channels of the widest map, relative to the finest
_init = nn.initializers.lecun_normal()


def widths(times: int, width: int) -> list[int]:
    """Returns the maps' channels, coarsest to finest: at most 8 times ``width``.

    Example:
        >>> widths(3, 32), widths(6, 32)
        ([256, 128, 64, 32], [256, 256, 256, 256, 128, 64, 32])
    """
    return [width * min(_MOST, 2**i) for i in reversed(range(times + 1))]


class Affine(nn.Module):
    """A scale and a shift of every channel, each by two layers from the condition.

    It starts as the identity: the last layer's weights are zero, and its biases 1 for
    the scale and 0 for the shift.
    """

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], condition: Float[Array, "b d"]
    ) -> Float[Array, "b h w c"]:
        channels, zeros = x.shape[-1], nn.initializers.zeros

        def made(name: str, bias: Any) -> Array:
            hidden = nn.relu(nn.Dense(channels, name=f"{name}_1")(condition))
            last = nn.Dense(
                channels, kernel_init=zeros, bias_init=bias, name=f"{name}_2"
            )
            return last(hidden)[:, None, None, :].astype(x.dtype)

        return made("scale", nn.initializers.ones) * x + made("shift", zeros)


class UpBlock(nn.Module):
    """``[b h w i] -> [b 2h 2w features]``: a residual block, fused with the caption.

    Attributes:
        features: output channels.
        dtype: dtype of the computation.
    """

    features: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Array, condition: Array) -> Array:
        def fused(y: Array) -> Array:
            for _ in range(2):
                y = nn.leaky_relu(Affine()(y, condition), SLOPE)
            return _conv(self.features, 3, dtype=self.dtype)(y)

        x = upsample_nearest(x)
        shortcut = x
        if x.shape[-1] != self.features:
            shortcut = _conv(self.features, 1, dtype=self.dtype, name="shortcut")(x)
        return shortcut + fused(fused(x))


class DownBlock(nn.Module):
    """``[b h w i] -> [b h/2 w/2 features]``: a residual block.

    Attributes:
        features: output channels.
        dtype: dtype of the computation.
    """

    features: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Array) -> Array:
        y = Conv(self.features, kernel_init=_init, dtype=self.dtype)(x)
        y = nn.leaky_relu(y, SLOPE)
        y = nn.leaky_relu(_conv(self.features, 3, dtype=self.dtype)(y), SLOPE)
        gain = self.param("gain", nn.initializers.zeros, ())
        shortcut = average_pool(x)
        if x.shape[-1] != self.features:
            shortcut = _conv(self.features, 1, dtype=self.dtype, name="shortcut")(
                shortcut
            )
        return shortcut + gain.astype(x.dtype) * y


class Generator(nn.Module):
    """``(z [b z], text [b d]) -> image [b h w channels]`` in [-1, 1].

    Attributes:
        resolution: the image's ``(h, w)``, or one number for both.
        channels: the image's channels.
        width: channels of the finest map; twice as many at each coarser one, up to 8
            times as many.
        dtype: dtype of the computation; parameters and images are float32.
    """

    resolution: int | tuple[int, int]
    channels: int = 3
    width: int = 32
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, z: Float[Array, "b z"], text: Float[Array, "b d"]
    ) -> Float[Array, "b h w c"]:
        (height, width), times = doublings(self.resolution)
        first, *others = widths(times, self.width)
        condition = jnp.concatenate([z, text], axis=-1)
        x = nn.Dense(height * width * first, dtype=self.dtype)(z)
        x = x.reshape(-1, height, width, first)
        for features in others:
            x = UpBlock(features, dtype=self.dtype)(x, condition)
        x = _conv(self.channels, 3, dtype=self.dtype)(nn.leaky_relu(x, SLOPE))
        return jnp.tanh(in_float32(x))


class Discriminator(nn.Module):
    """``(image [b h w c], text [b d]) -> logits [b]``.

    Attributes:
        width: channels of the finest map; twice as many at each coarser one, up to 8
            times as many.
        dtype: dtype of the computation; parameters and logits are float32.
    """

    width: int = 32
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], text: Float[Array, "b d"]
    ) -> Float[Array, " b"]:
        _, height, width, _ = x.shape
        _, times = doublings((height, width))
        *others, first = widths(times, self.width)
        x = _conv(first, 3, dtype=self.dtype)(x)
        for features in reversed(others):
            x = DownBlock(features, dtype=self.dtype)(x)
        text = jnp.broadcast_to(
            text[:, None, None, :].astype(x.dtype), (*x.shape[:3], text.shape[-1])
        )
        x = jnp.concatenate([x, text], axis=-1)
        x = nn.leaky_relu(_conv(2 * self.width, 3, dtype=self.dtype)(x), SLOPE)
        # Equals the authors' 4x4 convolution of a 4x4 map without padding.
        logits = nn.Dense(1, dtype=self.dtype)(x.reshape(len(x), -1))
        return in_float32(logits)[:, 0]


def _conv(features: int, kernel: int, **how: Any) -> Conv:
    return Conv(features, kernel, 1, kernel_init=_init, **how)
