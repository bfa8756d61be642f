"""DCGAN conditioned on a caption: Reed et al. 2016, arXiv:1605.05396.

Each network passes a caption's embedding through a dense layer. The generator
concatenates the result to the latent; the discriminator repeats it at every position of
its last map, 4x4, and a 1x1 convolution combines both. Here only the generator is
normalised, by group norm, so that every example is judged by itself, as gradient
penalties need; the paper has batch norm.

`ProjectionDiscriminator` compares captions with whole images instead, by an inner
product (Miyato & Koyama 2018, arXiv:1802.05637). On drawn scenes it tells digits apart
after a fraction of the updates.
"""

import math
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.means import in_float32
from jaxgan.nets.conv import Conv, ConvTranspose
from jaxgan.nets.dcgan import doublings

SLOPE = 0.2
"""LeakyReLU's slope for negative inputs."""

_GROUPS = 8


class Generator(nn.Module):
    """``(z [b z], text [b d]) -> image [b h w channels]`` in [-1, 1].

    Attributes:
        resolution: the image's ``(h, w)``, or one number for both.
        channels: the image's channels.
        width: channels of the last hidden map; twice as many at each coarser one.
        text: size of the embedding after the dense layer.
        dtype: dtype of the computation; parameters and images are float32.
    """

    resolution: int | tuple[int, int]
    channels: int = 3
    width: int = 32
    text: int = 64
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, z: Float[Array, "b z"], text: Float[Array, "b d"]
    ) -> Float[Array, "b h w c"]:
        (height, width), times = doublings(self.resolution)
        features = self.width << (times - 1)
        text = nn.Dense(self.text, dtype=self.dtype, name="text_dense")(text)
        x = jnp.concatenate([z.astype(self.dtype), nn.leaky_relu(text, SLOPE)], axis=-1)
        x = nn.Dense(height * width * features, dtype=self.dtype)(x)
        x = x.reshape(-1, height, width, features)
        for _ in range(times - 1):
            features //= 2
            x = ConvTranspose(features, dtype=self.dtype)(self._rectified(x))
        x = ConvTranspose(self.channels, dtype=self.dtype)(self._rectified(x))
        return jnp.tanh(in_float32(x))

    def _rectified(self, x: Array) -> Array:
        groups = math.gcd(_GROUPS, x.shape[-1])
        return nn.relu(nn.GroupNorm(num_groups=groups, dtype=self.dtype)(x))


class Discriminator(nn.Module):
    """``(image [b h w c], text [b d]) -> logits [b]``.

    Attributes:
        width: channels of the first map; twice as many at each coarser one.
        text: size of the embedding after the dense layer.
        hidden: channels of the 1x1 convolution over map and text.
        dtype: dtype of the computation; parameters and logits are float32.
    """

    width: int = 32
    text: int = 64
    hidden: int = 256
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], text: Float[Array, "b d"]
    ) -> Float[Array, " b"]:
        x = _halved(x, self.width, self.dtype)
        text = nn.Dense(self.text, dtype=self.dtype, name="text_dense")(text)
        text = nn.leaky_relu(text, SLOPE)[:, None, None, :]
        text = jnp.broadcast_to(text, (*x.shape[:3], self.text))
        x = jnp.concatenate([x, text], axis=-1)
        x = nn.leaky_relu(nn.Dense(self.hidden, dtype=self.dtype)(x), SLOPE)
        logits = nn.Dense(1, dtype=self.dtype)(x.reshape(len(x), -1))
        return in_float32(logits)[:, 0]


class ProjectionDiscriminator(nn.Module):
    """``(image [b h w c], text [b d]) -> logits [b]``.

    With features h of the image, a dense layer's from its last map, and a linear map V
    of the caption, the logit is ``w h + b + <h, V text> / sqrt(hidden)``.

    Attributes:
        width: channels of the first map; twice as many at each coarser one.
        hidden: number of the features.
        dtype: dtype of the computation; parameters and logits are float32.
    """

    width: int = 32
    hidden: int = 256
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], text: Float[Array, "b d"]
    ) -> Float[Array, " b"]:
        x = _halved(x, self.width, self.dtype).reshape(len(x), -1)
        seen = nn.leaky_relu(nn.Dense(self.hidden, dtype=self.dtype)(x), SLOPE)
        text = nn.Dense(self.hidden, dtype=self.dtype, name="text_dense")(text)
        fits = in_float32(seen * text).sum(axis=1) * self.hidden**-0.5
        return in_float32(nn.Dense(1, dtype=self.dtype)(seen))[:, 0] + fits


def _halved(x: Array, features: int, dtype: Any) -> Array:
    """Returns the last map of convolutions that halve images to `doublings`' base."""
    _, height, width, _ = x.shape
    _, times = doublings((height, width))
    for i in range(times):
        x = nn.leaky_relu(Conv(features << i, dtype=dtype)(x), SLOPE)
    return x
