"""CycleGAN's generator: Zhu et al. 2017, arXiv:1703.10593, appendix 7.2.

A residual network on the image at a quarter of its height and width:

    c7s1-64, d128, d256, R256 x n, u128, u64, c7s1-channels

c7s1 is a 7x7 convolution, d a 3x3 one of stride 2, R a block of two 3x3 ones that is
added to its input, u a fractionally-strided 3x3 one of stride 2. All but the last are
followed by instance norm without gain and bias and, except for the second of each R, by
ReLU. c7s1 and R pad images by reflection, so that no border of zeros appears
in the translation; d and u pad with zeros. The design is that of Johnson, Alahi & Li
2016, arXiv:1603.08155. Kernels are drawn from N(0, 0.02^2).

Its discriminator is `jaxgan.nets.patchgan.Discriminator`.
"""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.checks import InputError
from jaxgan.layers.norms import InstanceNorm
from jaxgan.nets.conv import conv_transpose
from jaxgan.nets.patchgan import PaddedConv
from jaxgan.nets.unet import translation


class Generator(nn.Module):
    """``image [b h w i] -> image [b h w channels]`` in [-1, 1].

    Attributes:
        channels: the translation's channels.
        width: channels of the first map; 4 times as many in the blocks.
        blocks: number of residual blocks; None, as in the paper: 9 for images of 256
            pixels or more a side, and 6 for smaller ones.
        residual: whether the input is added to the output, instead of tanh; see
            `jaxgan.nets.unet.Generator`.
        dtype: dtype of the computation; parameters and images are float32.

    Raises:
        InputError: unless both sides are multiples of 4 pixels, and at least 8, or if
            a residual would have other channels than the input.

    Example:
        >>> import jax
        >>> network, image = Generator(3), jnp.zeros((1, 256, 256, 3))
        >>> init = lambda key: network.init(key, image, train=False)
        >>> shapes = jax.eval_shape(init, jax.random.key(0))
        >>> sum(leaf.size for leaf in jax.tree.leaves(shapes))
        11378179
    """

    channels: int
    width: int = 64
    blocks: int | None = None
    residual: bool = False
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w i"], *, train: bool
    ) -> Float[Array, "b h w c"]:
        _check_size(x.shape[1], x.shape[2])
        blocks = self.blocks
        blocks = blocks_of(x.shape[1], x.shape[2]) if blocks is None else blocks
        width, conv = self.width, partial(PaddedConv, dtype=self.dtype)

        y = rectified(conv(width, kernel=7, name="first")(reflected(x, 3)))
        for i in (1, 2):
            down = conv(width << i, kernel=3, stride=2, padding=1, name=f"down_{i}")
            y = rectified(down(y))
        for i in range(blocks):
            y = Block(dtype=self.dtype, name=f"block_{i}")(y)
        for i in (1, 0):
            y = rectified(UpConv(width << i, dtype=self.dtype, name=f"up_{i}")(y))
        y = conv(self.channels, kernel=7, name="last")(reflected(y, 3))
        return translation(x, y, residual=self.residual)


class Block(nn.Module):
    """The residual block R, ``[b h w c] -> [b h w c]``.

    Attributes:
        dtype: dtype of the computation; parameters are float32.
    """

    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        conv = partial(PaddedConv, x.shape[-1], kernel=3, dtype=self.dtype)
        y = rectified(conv(name="conv_1")(reflected(x, 1)))
        return x + InstanceNorm()(conv(name="conv_2")(reflected(y, 1)))


class UpConv(nn.Module):
    """Fractionally-strided 3x3 convolution: ``[b h w i] -> [b 2h 2w features]``.

    The pixel (p, q) is spread by the kernel over those from (2p - 1, 2q - 1) to
    (2p + 1, 2q + 1). Parameters are float32.

    Attributes:
        features: the result's channels.
        dtype: dtype of the computation.
    """

    features: int
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b g q o"]:
        _, height, width, channels = x.shape
        shape = (3, 3, self.features, channels)
        w = self.param("kernel", nn.initializers.normal(0.02), shape, jnp.float32)
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        y = conv_transpose(
            x.astype(self.dtype),
            w.astype(self.dtype),
            size=(2 * height, 2 * width),
            strides=(2, 2),
            padding=((1, 0), (1, 0)),
        )
        return y + bias.astype(y.dtype).reshape(1, 1, 1, -1)


def blocks_of(height: int, width: int) -> int:
    """Returns the paper's number of residual blocks for images of this size.

    Example:
        >>> blocks_of(128, 128), blocks_of(256, 256)
        (6, 9)
    """
    return 9 if min(height, width) >= 256 else 6


def rectified(x: jax.Array) -> jax.Array:
    """Applies instance norm in the calling module, then ReLU."""
    return nn.relu(InstanceNorm()(x))


def reflected(x: Float[Array, "b h w c"], pixels: int) -> Float[Array, "b g q c"]:
    """Pads images by reflection about the centres of their outermost pixels.

    Args:
        x: the images, of more than ``pixels`` pixels a side.
        pixels: rows and columns to add on each side.

    Example:
        >>> line = jnp.broadcast_to(jnp.arange(3.0).reshape(1, 1, 3, 1), (1, 3, 3, 1))
        >>> print(reflected(line, 2)[0, 0, :, 0])
        [2. 1. 0. 1. 2. 1. 0.]
    """
    ends = (pixels, pixels)
    return jnp.pad(x, ((0, 0), ends, ends, (0, 0)), mode="reflect")


def _check_size(height: int, width: int) -> None:
    """Raises InputError unless the image can be halved twice, and then reflected."""
    if height % 4 or width % 4 or min(height, width) < 8:
        raise InputError(
            "CycleGAN's generator takes images whose sides are multiples of 4 pixels, "
            f"from 8 on, not {height}x{width} (height x width). Resize or crop them; "
            "--resolution resizes images."
        )
