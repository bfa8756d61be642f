"""PatchGAN: discriminators of an image's patches, Isola et al. 2017 (arXiv:1611.07004).

The networks are fully convolutional: each logit of a coarse grid judges the patch of
the image around it. There are n 4x4 convolutions of stride 2, one of stride 1 and one
more to the logits. Channels double from layer to layer, up to 8 times the first's. For
n = 3 this is the paper's appendix 6.1.2,

    C64-C128-C256-C512, strides 2, 2, 2, 1;  1 channel, stride 1;  patches of 70x70,

and n = 0 is its PixelGAN: C64-C128 with 1x1 convolutions. LeakyReLU 0.2 follows all
layers but the last, and a norm comes before it in all but the first. Batch norm on the
paper's batches of one is instance norm, which is the norm here. Its means and variances
are of the whole image, so that pixels outside a patch slightly affect its logit.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgan.checks import InputError
from jaxgan.layers.norms import InstanceNorm
from jaxgan.layers.weight import Weight, kernel_of
from jaxgan.nets.conv import conv

SLOPE = 0.2
"""LeakyReLU's slope for negative inputs."""

_MOST = 8  # channels of the widest layer, relative to the first


def receptive_field(layers: int) -> int:
    """Returns the height and width in pixels of the patch that a logit sees.

    Two 4x4 convolutions of stride 1 see 7 pixels, and each of stride 2 below them turns
    r pixels into 2 r + 2: so 9 * 2^layers - 2, and 1 for the pixels of ``layers=0``.

    Args:
        layers: number of convolutions of stride 2.

    Example:
        >>> [receptive_field(layers) for layers in range(4)]
        [1, 16, 34, 70]
    """
    return 9 * 2**layers - 2 if layers else 1


class PaddedConv(nn.Module):
    """Convolution with explicit zero padding, equal on all sides: ``[b h w i]``.

    A side of n pixels becomes one of ``floor((n + 2 padding - kernel) / stride) + 1``.
    Parameters are float32.

    Attributes:
        features: the result's channels.
        kernel: the kernel's height and width.
        stride: along both axes.
        padding: rows and columns of zeros on each side.
        use_bias: whether there is a bias, initially zero.
        kernel_init: initialiser of the kernel ``[k k i features]``.
        dtype: dtype of the computation.
        weight: transformation of the kernel, such as `jaxgan.layers.spectral_norm`.

    Example:
        >>> import jax
        >>> layer, x = PaddedConv(3, kernel=4, padding=1), jnp.ones((1, 8, 8, 2))
        >>> print(layer.init_with_output(jax.random.key(0), x)[0].shape)
        (1, 7, 7, 3)
    """

    features: int
    kernel: int
    stride: int = 1
    padding: int = 0
    use_bias: bool = True
    kernel_init: nn.initializers.Initializer = nn.initializers.normal(0.02)
    dtype: Any = jnp.float32
    weight: Weight | None = None

    @nn.compact
    def __call__(self, x: Float[Array, "b h w i"]) -> Float[Array, "b g q o"]:
        shape = (self.kernel, self.kernel, x.shape[-1], self.features)
        w = kernel_of(self, shape, out_axis=3).astype(self.dtype)
        pads, strides = (self.padding, self.padding), (self.stride, self.stride)
        y = conv(x.astype(self.dtype), w, strides=strides, padding=(pads, pads))
        if not self.use_bias:
            return y
        bias = self.param("bias", nn.initializers.zeros, (self.features,), jnp.float32)
        return y + bias.astype(y.dtype).reshape(1, 1, 1, -1)


class Discriminator(nn.Module):
    """``(image [b h w c], input [b h w i] or None) -> logits [b h' w']``.

    The input, which pix2pix translates into the image, is concatenated to it. A side of
    n pixels has ``floor(n / 2^layers) - 2`` logits, or n for ``layers=0``.

    Attributes:
        layers: number of convolutions of stride 2; see `receptive_field`.
        width: channels of the first layer.
        norm: makes the norm before each LeakyReLU but the first, or None. It must not
            mix examples.
        use_bias: whether the convolutions that a norm follows have biases. They do in
            the authors' code with instance norm, which cancels them.
        weight: transformation of all kernels, such as `jaxgan.layers.spectral_norm`.
        dtype: dtype of the computation; parameters and logits are float32.

    Raises:
        InputError: for images too small for a logit, or an input of another size.

    Example:
        >>> import jax
        >>> judge, image = Discriminator(layers=3), jnp.zeros((1, 256, 256, 3))
        >>> play = lambda key: judge.init_with_output(key, image, image, train=True)
        >>> logits, variables = jax.eval_shape(play, jax.random.key(0))
        >>> sum(leaf.size for leaf in jax.tree.leaves(variables)), logits.shape
        (2767809, (1, 30, 30))
    """

    layers: int = 3
    width: int = 64
    norm: Callable[[], Any] | None = InstanceNorm
    use_bias: bool = True
    weight: Weight | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], condition=None, *, train: bool
    ) -> Float[Array, "b g q"]:
        _check_size(x.shape[1:3], self.layers)
        if condition is not None:
            x = _beside(x, condition)
        how = {"dtype": self.dtype, "weight": self.weight}
        kernel, padding = (4, 1) if self.layers else (1, 0)
        convolution = partial(PaddedConv, kernel=kernel, padding=padding, **how)

        for i in range(self.layers + 1 if self.layers else 2):
            features = self.width * min(2**i, _MOST)
            stride = 2 if i < self.layers else 1
            bias = self.use_bias or i == 0
            layer = {"stride": stride, "use_bias": bias, "name": f"conv_{i}"}
            x = convolution(features, **layer)(x)
            if self.norm is not None and i > 0:
                x = self.norm()(x)
            x = nn.leaky_relu(x, SLOPE)
        return convolution(1, name="logit")(x).astype(jnp.float32)[..., 0]


class MultiPatch(nn.Module):
    """Several discriminators, with patches of different sizes: ``[b n]``, all logits.

    Games take the mean over an example's logits, in which the discriminator of the
    smallest patches would outweigh the others. So the logits of the others are repeated
    until all have equally many; the numbers of repeats differ by at most one. The mean
    of any function of the logits is then the mean over the discriminators of their
    means; within one, a logit repeated 4 times weighs less than one repeated 5 times.

    Attributes:
        discriminators: a tuple of modules such as `Discriminator`.

    Example:
        >>> import jax
        >>> judge = MultiPatch((Discriminator(1, width=4), Discriminator(2, width=4)))
        >>> images = jnp.zeros((2, 32, 32, 3))
        >>> play = lambda key: judge.init_with_output(key, images, train=True)[0]
        >>> print(jax.eval_shape(play, jax.random.key(0)).shape)
        (2, 392)
    """

    discriminators: tuple[nn.Module, ...]

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w c"], condition=None, *, train: bool
    ) -> Float[Array, "b n"]:
        judged = [each(x, condition, train=train) for each in self.discriminators]
        return weighed_alike(judged)


def weighed_alike(logits: Sequence[Float[Array, "b ..."]]) -> Float[Array, "b n"]:
    """Concatenates the logits of several discriminators, the same number of each.

    Args:
        logits: the logits of each discriminator, ``[b ...]``; those of all but the one
            with the most are repeated.

    Example:
        >>> print(weighed_alike([jnp.ones((1, 1)), jnp.arange(4.0).reshape(1, 2, 2)]))
        [[1. 1. 1. 1. 0. 1. 2. 3.]]
    """
    rows = [each.reshape(len(each), -1) for each in logits]
    most = max(row.shape[1] for row in rows)
    places = [np.arange(most) * row.shape[1] // most for row in rows]
    repeated = [row[:, at] for row, at in zip(rows, places, strict=True)]
    return jnp.concatenate(repeated, axis=1)


def _check_size(size: Sequence[int], layers: int) -> None:
    """Raises InputError for a negative ``layers``, or images too small for a logit."""
    if layers < 0:
        raise InputError(f"A PatchGAN has 0 or more layers, got layers={layers}.")
    least = 3 * 2**layers if layers else 1
    if min(size) < least:
        raise InputError(
            f"A PatchGAN with layers={layers} judges images of {least} or more pixels "
            f"a side, not {size[0]}x{size[1]} (height x width). Take fewer layers, or "
            "larger images."
        )


def _beside(image: Array, condition: Any) -> Array:
    """Concatenates the channels of the image and of its input."""
    if jnp.shape(condition)[:-1] != image.shape[:-1]:
        raise InputError(
            f"The input must have the image's size, got shapes "
            f"{jnp.shape(condition)} and {image.shape}. Resize the input."
        )
    return jnp.concatenate([image, condition.astype(image.dtype)], axis=-1)
