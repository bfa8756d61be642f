"""DCGAN: Radford, Metz & Chintala 2016, arXiv:1511.06434.

A fractionally-strided generator and a strided discriminator, no pooling and no hidden
dense layers, batch norm, N(0, 0.02) initialisation, ReLU and LeakyReLU 0.2. Kernels are
4x4, a multiple of the stride, so that every pixel of the generator's output sums the
same number of products. One class covers every size: a 4x4 map (7x7 for 28x28, 3x3 for
48x48) is doubled until it is large enough, and channels halve with every doubling. An
image that is not square grows from a map of the same shape: 256x64 from 16x4.

Conditional on a label, the generator concatenates the one-hot label to the latent, and
the discriminator concatenates an embedding of it, as one plane, to the image.
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.checks import InputError
from jaxgan.nets.conv import Conv, ConvTranspose
from jaxgan.nets.labels import one_hot

_BASES = (4, 7, 3)
_LEAST = 8
_kernel_init = nn.initializers.normal(0.02)


def doublings(size: int | tuple[int, int]) -> tuple[tuple[int, int], int]:
    """Returns the base map's height and width, and its number of doublings to ``size``.

    The smaller side grows from 3, 4 or 7 pixels, the larger one by as many doublings.

    Args:
        size: the image's height and width in pixels; a number makes it square.

    Raises:
        InputError: unless each side is 3, 4 or 7 times a power of two, and at least 8.

    Example:
        >>> doublings(28), doublings((256, 64))
        (((7, 7), 2), ((16, 4), 4))
    """
    height, width = (size, size) if isinstance(size, int) else size
    times = min(_times(height), _times(width))
    if times < 1:
        raise InputError(
            "The networks make images with sides of 8, 12, 14, 16, 24, 28, 32, 48, 56, "
            f"64, ... pixels (3, 4 or 7 times a power of two), not {height}x{width} "
            "(height x width). Choose such sides with --resolution."
        )
    return (height >> times, width >> times), times


def _times(side: int) -> int:
    """Returns how many doublings of 3, 4 or 7 pixels make ``side``; 0 if none do."""
    for base in _BASES if side >= _LEAST else ():
        times = (side // base).bit_length() - 1
        if times >= 1 and base << times == side:
            return times
    return 0


class Generator(nn.Module):
    """``z [b z] -> image [b h w c]`` in [-1, 1].

    Attributes:
        resolution: the image's ``(h, w)``, or one number for both.
        channels: the image's channels ``c``.
        width: channels of the last hidden map; twice as many at each coarser one.
        num_classes: number of classes to condition on; 0 for none.
        dtype: dtype of the computation; parameters, statistics and output are float32.
        axis_name: the mapped axis over which batch norm takes its statistics, or None.
    """

    resolution: int | tuple[int, int]
    channels: int
    width: int = 64
    num_classes: int = 0
    dtype: Any = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(
        self, z: Float[Array, "b z"], condition=None, *, train: bool
    ) -> Float[Array, "b h w c"]:
        (height, width), times = doublings(self.resolution)
        label = one_hot(condition, self.num_classes)
        x = z if label is None else jnp.concatenate([z, label], axis=-1)
        features = self.width << (times - 1)

        shape = (height, width, features)
        x = nn.Dense(
            height * width * features,
            use_bias=False,
            kernel_init=_kernel_init,
            dtype=self.dtype,
        )(x)
        x = x.reshape(-1, *shape)
        for _ in range(times - 1):
            x = nn.relu(self._norm(x, train))
            features //= 2
            x = ConvTranspose(features, use_bias=False, dtype=self.dtype)(x)
        x = nn.relu(self._norm(x, train))
        x = ConvTranspose(self.channels, dtype=self.dtype)(x)
        return jnp.tanh(x.astype(jnp.float32))

    def _norm(self, x, train: bool):
        return _batch_norm(x, train, self.dtype, self.axis_name)


class Discriminator(nn.Module):
    """``image [b h w c] -> logits [b]``.

    Attributes:
        width: channels of the first map; twice as many at each coarser one.
        batch_norm: whether all layers but the first have batch norm, as in the paper.
            Without it, each example is judged by itself, as gradient penalties need.
        num_classes: number of classes to condition on; 0 for none.
        slope: LeakyReLU's slope for negative inputs.
        dtype: dtype of the computation; parameters, statistics and logits are float32.
        axis_name: the mapped axis over which batch norm takes its statistics, or None.
    """

    width: int = 64
    batch_norm: bool = True
    num_classes: int = 0
    slope: float = 0.2
    dtype: Any = jnp.float32
    axis_name: str | None = None

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], condition=None, *, train: bool
    ) -> Float[Array, " b"]:
        _, height, width, _ = x.shape
        _, times = doublings((height, width))
        label = one_hot(condition, self.num_classes)
        if label is not None:
            plane = nn.Dense(height * width, name="label_plane")(label)
            plane = plane.reshape(-1, height, width, 1)
            x = jnp.concatenate([x, plane], axis=-1)

        for i in range(times):
            normalised = self.batch_norm and i > 0
            x = Conv(self.width << i, use_bias=not normalised, dtype=self.dtype)(x)
            if normalised:
                x = _batch_norm(x, train, self.dtype, self.axis_name)
            x = nn.leaky_relu(x, self.slope)
        x = x.reshape(x.shape[0], -1)
        logits = nn.Dense(1, kernel_init=_kernel_init, dtype=self.dtype)(x)
        return logits.astype(jnp.float32)[:, 0]


def _batch_norm(x, train: bool, dtype, axis_name: str | None):
    return nn.BatchNorm(
        use_running_average=not train,
        momentum=0.9,
        epsilon=1e-5,
        dtype=dtype,
        scale_init=lambda key, shape, dtype: 1 + _kernel_init(key, shape, dtype),
        axis_name=axis_name,
    )(x)
