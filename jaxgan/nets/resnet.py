"""The residual networks that SNGAN and WGAN-GP share.

Blocks have two 3x3 convolutions, each after a ReLU, with normalisation, if any, before
the ReLU; the shortcut is a 1x1 convolution where size or width change, else the
identity. The shortcut's convolution commutes with the resampling, whose weights sum to
1 at every pixel, so it is applied to the smaller image.

Convolutions of blocks are initialised by Xavier's uniform distribution with gain
sqrt 2, shortcuts and all else with gain 1; biases are zero.
"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.layers.dense import Dense, Embed
from jaxgan.layers.norms import ConditionalBatchNorm
from jaxgan.layers.resample import average_pool, upsample_nearest
from jaxgan.layers.weight import Weight
from jaxgan.nets.conv import Conv
from jaxgan.nets.labels import one_hot
from jaxgan.nets.resnet_sizes import plan_for, scaled

Resample = Callable[[jax.Array], jax.Array]
"""A function from a map ``[b h w c]`` to one of another size."""

Pool = Callable[[jax.Array], jax.Array]
"""A function from a map ``[b h w c]`` to a vector for each example, ``[b c]``."""


def xavier_uniform(gain: float = 1.0) -> nn.initializers.Initializer:
    """Returns U(-a, a), a = gain sqrt(6 / (fan in + fan out)): Glorot & Bengio 2010."""
    return nn.initializers.variance_scaling(gain**2, "fan_avg", "uniform")


def sum_pool(x: Float[Array, "b h w c"]) -> Float[Array, "b c"]:
    """Sums over all pixels."""
    return x.sum(axis=(1, 2))


def mean_pool(x: Float[Array, "b h w c"]) -> Float[Array, "b c"]:
    """Averages over all pixels."""
    return x.mean(axis=(1, 2))


_MAIN, _OTHER = xavier_uniform(2**0.5), xavier_uniform()


class UpBlock(nn.Module):
    """``[b h w i] -> [b 2h 2w features]``, batch-normalised.

    Attributes:
        features: channels after each of the two convolutions.
        upsample: doubles an image's height and width.
        dtype: dtype of the computation.
        axis_name: the mapped axis over which batch norm takes its statistics, or None.
    """

    features: int
    upsample: Resample = upsample_nearest
    dtype: Any = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w i"], condition=None, *, train: bool
    ) -> Float[Array, "b g q o"]:
        how = {"train": train, "dtype": self.dtype, "axis_name": self.axis_name}

        def convolved(x: Array, name: str) -> Array:
            return _conv(self.features, 3, _MAIN, dtype=self.dtype, name=name)(x)

        y = self.upsample(nn.relu(batch_norm(x, condition, name="norm_1", **how)))
        y = convolved(y, "conv_1")
        y = convolved(nn.relu(batch_norm(y, condition, name="norm_2", **how)), "conv_2")
        shortcut = _conv(self.features, 1, _OTHER, dtype=self.dtype, name="shortcut")
        return y + self.upsample(shortcut(x))


class Block(nn.Module):
    """``[b h w i] -> [b h w features]``, or half as high and wide.

    The first convolution keeps the number of channels, except in the first block.

    Attributes:
        features: channels after the block.
        halve: whether 2x2 average pooling comes last.
        first: whether the block begins with a convolution, as the first of a network
            does: a ReLU would cut off the dark values of an image.
        weight: transformation of all kernels, such as `jaxgan.layers.spectral_norm`.
        norm: makes the norm that comes before each ReLU, or None.
        dtype: dtype of the computation.
    """

    features: int
    halve: bool = False
    first: bool = False
    weight: Weight | None = None
    norm: Callable[[], Any] | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b g q o"]:
        how = {"dtype": self.dtype, "weight": self.weight}

        def rectified(x: Array) -> Array:
            return nn.relu(x if self.norm is None else self.norm()(x))

        hidden = self.features if self.first else x.shape[-1]
        y = x if self.first else rectified(x)
        y = rectified(_conv(hidden, 3, _MAIN, name="conv_1", **how)(y))
        y = _conv(self.features, 3, _MAIN, name="conv_2", **how)(y)
        y = average_pool(y) if self.halve else y
        if self.halve or x.shape[-1] != self.features:
            x = average_pool(x) if self.halve else x
            x = _conv(self.features, 1, _OTHER, name="shortcut", **how)(x)
        return y + x.astype(y.dtype)


class Generator(nn.Module):
    """``z [b z] -> image [b h w c]`` in [-1, 1].

    A dense layer makes the first map, and blocks double it; then follow batch norm,
    ReLU, a 3x3 convolution and tanh. Conditional on a label, the blocks' batch norms
    have a gain and a bias for each class.

    Attributes:
        resolution: the image's ``(h, w)``, or one number for both; see
            `jaxgan.nets.resnet_sizes.PLANS`.
        channels: the image's channels ``c``.
        width: channels of the narrowest map; others in proportion. None: as published.
        num_classes: number of classes to condition on; 0 for none.
        upsample: function that doubles an image's height and width, such as
            `jaxgan.layers.resample.upsample_bilinear`.
        dtype: dtype of the computation; parameters, statistics and output are float32.
        axis_name: the mapped axis over which batch norm takes its statistics, or None.
    """

    resolution: int | tuple[int, int]
    channels: int
    width: int | None = None
    num_classes: int = 0
    upsample: Resample = upsample_nearest
    dtype: Any = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(
        self, z: Float[Array, "b z"], condition=None, *, train: bool
    ) -> Float[Array, "b h w c"]:
        size, dtype = self.resolution, self.dtype
        plan = plan_for(*((size, size) if isinstance(size, int) else size))
        first, *others = scaled(plan.generator, self.width)
        label = one_hot(condition, self.num_classes)
        how = {"dtype": dtype, "axis_name": self.axis_name}

        shape = plan.base, plan.base, first
        units = plan.base**2 * first
        x = Dense(units, kernel_init=_OTHER, dtype=dtype, name="dense")(z)
        x = x.reshape(-1, *shape)
        for i, features in enumerate(others):
            block = UpBlock(features, self.upsample, name=f"block_{i}", **how)
            x = block(x, label, train=train)
        x = nn.relu(batch_norm(x, None, train=train, name="norm", **how))
        x = _conv(self.channels, 3, _OTHER, dtype=dtype, name="image")(x)
        return jnp.tanh(x.astype(jnp.float32))


class Discriminator(nn.Module):
    """``image [b h w c] -> logits [b]``; each example is judged by itself.

    The first blocks halve the map. After the last come ReLU, a sum or a mean h over all
    pixels, and a dense layer. Conditional on a label, <e(label), h> is added, with an
    embedding e: the projection of Miyato & Koyama 2018 (arXiv:1802.05637).

    Attributes:
        width: channels of the narrowest map; others in proportion. None: as published.
        num_classes: number of classes to condition on; 0 for none.
        pool: reduces the last map to h.
        weight: transformation of all weights, such as `jaxgan.layers.spectral_norm`,
            or None.
        norm: makes the norm that comes before each ReLU of all blocks but the first, or
            None. It must not mix examples.
        dtype: dtype of the computation; parameters and logits are float32.
    """

    width: int | None = None
    num_classes: int = 0
    pool: Pool = sum_pool
    weight: Weight | None = None
    norm: Callable[[], Any] | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], condition=None, *, train: bool
    ) -> Float[Array, " b"]:
        plan = plan_for(x.shape[1], x.shape[2])
        label = one_hot(condition, self.num_classes)
        for i, features in enumerate(scaled(plan.discriminator, self.width)):
            x = Block(
                features,
                halve=i < plan.halvings,
                first=i == 0,
                weight=self.weight,
                norm=self.norm if i > 0 else None,
                dtype=self.dtype,
                name=f"block_{i}",
            )(x)
        h = self.pool(nn.relu(x).astype(jnp.float32))
        how = {"kernel_init": _OTHER, "weight": self.weight}
        logits = Dense(1, name="logit", **how)(h)[:, 0]
        if label is not None:
            embed = Embed(self.num_classes, h.shape[-1], name="embedding", **how)
            logits = logits + (embed(jnp.asarray(condition)) * h).sum(axis=-1)
        return logits


def batch_norm(
    x: Array, condition: Any, *, train: bool, dtype: Any, axis_name: Any, name: str
) -> Array:
    """Applies batch norm in the calling module, conditional if given a condition."""
    how = {"momentum": 0.9, "epsilon": 1e-5, "dtype": dtype, "axis_name": axis_name}
    if condition is None:
        return nn.BatchNorm(use_running_average=not train, name=name, **how)(x)
    return ConditionalBatchNorm(name=name, **how)(x, condition, train=train)


def _conv(features: int, kernel: int, init: Any, **how: Any) -> Conv:
    return Conv(features, kernel, stride=1, kernel_init=init, **how)
