"""R3GAN's networks: Huang et al. 2024, arXiv:2501.05441.

A generator and a discriminator that mirror each other, without normalisation, tanh,
style or noise: stages of residual blocks, one stage for each resolution from 4x4 on. A
block of width C is

    x + W3 lrelu(b2 + W2 lrelu(b1 + W1 x))          C -> 2C -> 2C -> C channels

with 1x1 convolutions W1 and W3 and a grouped 3x3 convolution W2. W3 is initialised to
0, so that every block starts as the identity. The other weights are drawn from
N(0, gain^2 / fan-in), with gain 1 outside the blocks and, inside,

    gain = sqrt(2 / (1 + 0.2^2)) L^(-1/4)           L blocks in the whole network,

which keeps the size of an update independent of L (Zhang et al. 2019, arXiv:1901.09321,
for m = 3 layers per block: the exponent is -1 / (2m - 2)).

Between two stages maps are resampled with `jaxgan.layers.resample.BILINEAR`, after a
1x1 convolution in the generator and before it in the discriminator, where their widths
differ. At 4x4 the generator weights a learned image for each channel by a number that
is linear in the latent; the discriminator, conversely, takes the inner product of each
channel with a learned image.

Conditional on a label, the generator concatenates an embedding of it, as large as the
latent, to the latent; the discriminator takes the inner product of its features with an
embedding (Miyato & Koyama 2018, arXiv:1802.05637) that has a number for each channel of
its 4x4 map. With these sizes the networks have as many parameters as the paper's.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.checks import InputError
from jaxgan.layers.resample import BILINEAR, down, up
from jaxgan.nets.conv import Conv
from jaxgan.nets.labels import one_hot

BASE = 4
"""Height and width of the coarsest stage's maps, in pixels."""

SLOPE = 0.2
"""LeakyReLU's slope for negative inputs."""


def scaled_normal(gain: float) -> nn.initializers.Initializer:
    """Returns N(0, gain^2 / fan-in), where a group's fan-in counts its own channels."""
    return nn.initializers.variance_scaling(gain**2, "fan_in", "normal")


def block_gain(blocks: int) -> float:
    """Returns the gain of the weights inside a network's ``blocks`` blocks.

    Example:
        >>> f"{block_gain(1):.4f} {block_gain(16):.4f}"
        '1.3868 0.6934'
    """
    return (2 / (1 + SLOPE**2)) ** 0.5 * blocks**-0.25


class Block(nn.Module):
    """The residual block, ``[b h w c] -> [b h w c]``.

    Attributes:
        group_size: channels per group of the 3x3 convolution.
        expansion: inner channels for each outer one.
        gain: gain of the first two convolutions' initialisation.
        dtype: dtype of the computation; parameters are float32.
    """

    group_size: int
    expansion: int
    gain: float
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w c"]) -> Float[Array, "b h w c"]:
        outer, inner = x.shape[-1], self.expansion * x.shape[-1]
        if inner % self.group_size:
            raise InputError(
                f"A stage of {outer} channels has {inner} inside its blocks, which is "
                f"not a multiple of group_size={self.group_size}. Choose other widths, "
                "or a group size that divides it."
            )
        conv = partial(_conv, kernel_init=scaled_normal(self.gain), dtype=self.dtype)
        groups = inner // self.group_size
        y = nn.leaky_relu(conv(inner, use_bias=True)(x), SLOPE)
        y = conv(inner, kernel=3, groups=groups, use_bias=True)(y)
        y = nn.leaky_relu(y, SLOPE)
        return x + conv(outer, kernel_init=nn.initializers.zeros)(y)


class Generator(nn.Module):
    """``z [b z] -> image [b h w c]``, unbounded.

    Attributes:
        resolution: the image's height and width in pixels, 4 times a power of two.
        channels: the image's channels ``c``.
        widths: channels of each stage, from 4x4 pixels to the image's.
        blocks: blocks of each stage.
        group_size: channels per group of the 3x3 convolutions.
        expansion: inner channels of a block for each outer one.
        num_classes: number of classes to condition on; 0 for none.
        dtype: dtype of the finest stages; parameters and images are float32.
        fine_stages: number of those stages; coarser ones compute in float32.

    Example:
        >>> import jax
        >>> generator, z = Generator(8, 3, widths=(32, 16)), jnp.zeros((2, 64))
        >>> make = lambda key: generator.init_with_output(key, z, train=True)[0]
        >>> print(jax.eval_shape(make, jax.random.key(0)).shape)
        (2, 8, 8, 3)
    """

    resolution: int
    channels: int
    widths: Sequence[int] = (768, 768, 768, 768)
    blocks: int = 2
    group_size: int = 16
    expansion: int = 2
    num_classes: int = 0
    dtype: Any = jnp.float32
    fine_stages: int = 4

    @nn.compact
    def __call__(
        self, z: Float[Array, "b z"], condition=None, *, train: bool
    ) -> Float[Array, "b h w c"]:
        check_widths((self.resolution, self.resolution), self.widths)
        label = one_hot(condition, self.num_classes)
        if label is not None:
            embedding = _dense(z.shape[-1], name="embedding")(label)
            z = jnp.concatenate([z, embedding], axis=-1)

        x = GenerativeBasis(self.widths[0], name="basis")(z)
        for stage, width in enumerate(self.widths):
            dtype = _dtype_of(self, stage)
            if stage > 0:
                if width != x.shape[-1]:
                    x = _conv(width, dtype=dtype, name=f"project_{stage}")(x)
                x = up(x, BILINEAR)
            x = _play_blocks(self, x.astype(dtype), stage)
        x = _conv(self.channels, dtype=x.dtype, name="to_image")(x)
        return x.astype(jnp.float32)


class Discriminator(nn.Module):
    """``image [b h w c] -> logits [b]``; each example is judged by itself.

    Attributes:
        widths: channels of each stage, from 4x4 pixels to the image's: those of the
            generator, in the same order.
        blocks: blocks of each stage.
        group_size: channels per group of the 3x3 convolutions.
        expansion: inner channels of a block for each outer one.
        num_classes: number of classes to condition on; 0 for none.
        dtype: dtype of the finest stages; parameters and logits are float32.
        fine_stages: number of those stages; coarser ones compute in float32.

    Example:
        >>> import jax
        >>> critic, images = Discriminator(widths=(32, 16)), jnp.zeros((2, 8, 8, 3))
        >>> judge = lambda key: critic.init_with_output(key, images, train=True)[0]
        >>> print(jax.eval_shape(judge, jax.random.key(0)).shape)
        (2,)
    """

    widths: Sequence[int] = (768, 768, 768, 768)
    blocks: int = 2
    group_size: int = 16
    expansion: int = 2
    num_classes: int = 0
    dtype: Any = jnp.float32
    fine_stages: int = 4

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], condition=None, *, train: bool
    ) -> Float[Array, " b"]:
        check_widths(x.shape[1:3], self.widths)
        label = one_hot(condition, self.num_classes)

        last = len(self.widths) - 1
        x = _conv(self.widths[last], dtype=_dtype_of(self, last), name="from_image")(x)
        for stage in range(last, -1, -1):
            x = _play_blocks(self, x.astype(_dtype_of(self, stage)), stage)
            if stage > 0:
                x, width = down(x, BILINEAR), self.widths[stage - 1]
                if width != x.shape[-1]:
                    x = _conv(width, dtype=x.dtype, name=f"project_{stage}")(x)

        features = 1 if label is None else self.widths[0]
        x = DiscriminativeBasis(features, name="basis")(x)
        if label is None:
            return x[:, 0]
        gain = features**-0.5
        return (x * _dense(features, gain, name="embedding")(label)).sum(axis=-1)


class GenerativeBasis(nn.Module):
    """``z [b z] -> [b 4 4 c]``: learned images, weighted by numbers linear in z.

    Attributes:
        features: the number ``c`` of images.
    """

    features: int

    @nn.compact
    def __call__(self, z: Float[Array, "b z"]) -> Float[Array, "b 4 4 c"]:
        shape = (BASE, BASE, self.features)
        images = self.param("images", nn.initializers.normal(1.0), shape, jnp.float32)
        weights = _dense(self.features, name="linear")(z)
        return weights[:, None, None, :] * images[None]


class DiscriminativeBasis(nn.Module):
    """``x [b 4 4 c] -> [b f]``, linear in inner products with learned images.

    A depthwise convolution with a kernel as large as the map has one inner product for
    each channel, over its 16 pixels.

    Attributes:
        features: the number ``f`` of outputs.
    """

    features: int

    @nn.compact
    def __call__(self, x: Float[Array, "b 4 4 c"]) -> Float[Array, "b f"]:
        spread = nn.initializers.normal(1 / BASE)  # gain 1, for a fan-in of 4 x 4
        images = self.param("images", spread, x.shape[1:], jnp.float32)
        products = (x.astype(jnp.float32) * images[None]).sum(axis=(1, 2))
        return _dense(self.features, name="linear")(products)


def check_widths(size: Sequence[int], widths: Sequence[int]) -> None:
    """Raises InputError unless as many stages as widths make images of that size."""
    side = BASE << (len(widths) - 1) if widths else 0
    if tuple(size) != (side, side):
        raise InputError(
            f"The {len(widths)} widths {tuple(widths)} are for stages that make images "
            f"of {side}x{side} pixels, but the images are {size[0]}x{size[1]} (height "
            "x width). Give a width for each of 4x4, 8x8, ... to the images' size, "
            "which must be square and 4 times a power of two; --resolution resizes "
            "them, with --crop where they are not square."
        )


def _play_blocks(network: Generator | Discriminator, x: Any, stage: int) -> Any:
    """Applies a stage's blocks one after another."""
    gain = block_gain(network.blocks * len(network.widths))
    for i in range(network.blocks):
        x = Block(
            network.group_size,
            network.expansion,
            gain,
            dtype=x.dtype,
            name=f"block_{stage}_{i}",
        )(x)
    return x


def _dtype_of(network: Generator | Discriminator, stage: int) -> Any:
    """Returns the dtype of a stage, counted from the coarsest."""
    fine = stage >= len(network.widths) - network.fine_stages
    return network.dtype if fine else jnp.float32


def _conv(features: int, **how: Any) -> Conv:
    """Makes a convolution of stride 1, by default 1x1, without bias and of gain 1."""
    plain = {"kernel": 1, "use_bias": False, "kernel_init": scaled_normal(1.0)}
    return Conv(features, stride=1, **{**plain, **how})


def _dense(features: int, gain: float = 1.0, **how: Any) -> nn.Dense:
    init = scaled_normal(gain)
    return nn.Dense(features, use_bias=False, kernel_init=init, **how)
