"""pix2pix's U-Net generator: Isola et al. 2017, arXiv:1611.07004, appendix 6.1.1.

4x4 convolutions of stride 2 halve the image down to one pixel, and as many
fractionally-strided ones double it again. Skip connections concatenate maps of the same
size on the way down and on the way up. LeakyReLU 0.2 comes before the convolutions
down, ReLU before those up. A norm follows all convolutions but the first, the last, and
the innermost one down: one pixel minus its own mean would be zero.

The paper's only noise is dropout of 1/2 in the three innermost blocks up. They are
among the blocks with the most channels, 8 times the width; a smaller image has fewer of
these. So with d halvings dropout is in the min(3, d - 4) innermost blocks, but in at
least one: in 3 for 256 and for 128 pixels, 2 for 64, 1 for 32. Sampling uses it too:
see `jaxgan.methods.pix2pix`.

The paper normalises by the statistics of the batch, which is one image, in sampling
too: that is instance norm. Kernels are drawn from N(0, 0.02^2).

The paper's finest skip connection is at half the image's resolution, so details of a
pixel or two, such as accents on small letters, blur. With ``fine``, 3x3 convolutions
of stride 1 come before the first halving and after the last doubling, and there is a
skip connection at full resolution too, as in Ronneberger et al. 2015, arXiv:1505.04597.
They have no norm; their kernels are drawn at He et al.'s scale, arXiv:1502.01852.
"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.checks import InputError
from jaxgan.layers.norms import InstanceNorm
from jaxgan.nets.conv import Conv, ConvTranspose

SLOPE = 0.2
"""LeakyReLU's slope for negative inputs."""

_MOST_HALVINGS = 8  # of the paper's 256 pixels
_MOST = 8  # channels of the widest map, relative to the first


class Generator(nn.Module):
    """``image [b h w i] -> image [b h w channels]``.

    The output is in [-1, 1] by tanh or, if ``residual``, the input plus the network's
    result, unbounded. At a learning rate of 1e-3 tanh may saturate early and stay so,
    which a residual output cannot; and where most of an image does not change, there is
    less to learn.

    Dropout uses the random stream "dropout", in `jaxgan.sample` too. Fields other than
    ``channels``, ``width``, ``depth``, ``fine``, ``norm`` and ``use_bias`` do not
    change the variables: ``generator.clone(noise=False)`` can use those of
    ``generator``.

    Attributes:
        channels: the translation's channels.
        width: channels of the map at half the resolution; twice as many at each coarser
            one, up to 8 times as many.
        depth: number of halvings; None: as many as both sides allow, up to 8.
        fine: features of the convolutions at full resolution before the first halving;
            after the last doubling come as many, in reverse order, and one more for the
            output. The paper has none.
        norm: makes the norm after a convolution, or None. It must not mix examples.
        use_bias: whether all convolutions but the last have biases. They do in the
            authors' code with instance norm, but not with batch norm, with which their
            network for 256 pixels has 54,413,955 parameters.
        dropout: the dropout probability.
        noise: whether dropout is on in test mode too.
        residual: whether the input is added, instead of tanh; None: if it has
            ``channels`` channels.
        dtype: dtype of the computation; parameters and images are float32.

    Raises:
        InputError: for images that cannot be halved that often, a dropout outside
            [0, 1), fewer than 1 of ``fine``'s features, or a residual with other
            channels than the input.

    Example:
        >>> import jax
        >>> network, image = Generator(3), jnp.zeros((1, 256, 256, 3))
        >>> init = lambda key: network.init(key, image, train=False)
        >>> shapes = jax.eval_shape(init, jax.random.key(0))
        >>> sum(leaf.size for leaf in jax.tree.leaves(shapes))
        54409603
    """

    channels: int
    width: int = 64
    depth: int | None = None
    fine: tuple[int, ...] = ()
    norm: Callable[[], Any] | None = InstanceNorm
    use_bias: bool = True
    dropout: float = 0.5
    noise: bool = True
    residual: bool | None = None
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(
        self, x: Float[Array, "b h w i"], *, train: bool
    ) -> Float[Array, "b h w c"]:
        depth = _checked_depth(x.shape[1], x.shape[2], self.depth)
        if not 0 <= self.dropout < 1:
            raise InputError(
                "The dropout probability must be at least 0 and below 1, got "
                f"{self.dropout:g}."
            )
        if min(self.fine, default=1) < 1:
            raise InputError(
                "A U-Net's convolutions at full resolution need at least 1 feature "
                f"each, got fine={self.fine}."
            )
        residual = self.residual
        residual = x.shape[-1] == self.channels if residual is None else residual
        features = [self.width * min(2**i, _MOST) for i in range(depth)]
        how = {"use_bias": self.use_bias, "dtype": self.dtype}

        y = x
        for i, count in enumerate(self.fine):
            y = nn.leaky_relu(y, SLOPE) if i > 0 else y
            y = self._fine(count, f"in_{i}")(y)
        skips = [y] if self.fine else []
        for i in range(depth):
            y = nn.leaky_relu(y, SLOPE) if skips else y
            y = Conv(features[i], name=f"down_{i}", **how)(y)
            y = self._normalised(y) if 0 < i < depth - 1 else y
            skips.append(y)

        y = skips.pop()
        for i in range(depth - 1, 0, -1):
            y = ConvTranspose(features[i - 1], name=f"up_{i}", **how)(nn.relu(y))
            y = self._normalised(y)
            if i >= depth - dropped(depth):
                off = not (train or self.noise)
                y = nn.Dropout(self.dropout, deterministic=off)(y)
            y = jnp.concatenate([skips.pop(), y], axis=-1)
        if not self.fine:
            y = ConvTranspose(self.channels, name="up_0", dtype=self.dtype)(nn.relu(y))
            return translation(x, y, residual=residual)

        y = ConvTranspose(self.fine[-1], name="up_0", **how)(nn.relu(y))
        y = jnp.concatenate([skips.pop(), y], axis=-1)
        for i, count in reversed(list(enumerate(self.fine))):
            y = self._fine(count, f"out_{i}")(nn.relu(y))
        last = {"kernel": 3, "stride": 1, "name": "out", "dtype": self.dtype}
        y = Conv(self.channels, **last)(nn.relu(y))
        return translation(x, y, residual=residual)

    def _fine(self, features: int, name: str) -> Conv:
        return Conv(
            features,
            kernel=3,
            stride=1,
            use_bias=self.use_bias,
            kernel_init=nn.initializers.he_normal(),
            dtype=self.dtype,
            name=name,
        )

    def _normalised(self, x: Any) -> Any:
        return x if self.norm is None else self.norm()(x)


def halvings(height: int, width: int) -> int:
    """Returns how often both sides can be halved, at most 8 times.

    Example:
        >>> halvings(256, 256), halvings(32, 32), halvings(96, 64)
        (8, 5, 5)
    """
    sides = height | width
    return min(_MOST_HALVINGS, (sides & -sides).bit_length() - 1)


def dropped(depth: int) -> int:
    """Returns the number of innermost blocks up with dropout, for ``depth`` halvings.

    Example:
        >>> {2**depth: dropped(depth) for depth in range(5, 9)}
        {32: 1, 64: 2, 128: 3, 256: 3}
    """
    return min(3, max(1, depth - 4))


def translation(
    x: Float[Array, "b h w i"], y: Float[Array, "b h w c"], *, residual: bool
) -> Float[Array, "b h w c"]:
    """Returns ``x + y`` for a residual, else ``tanh(y)``; float32.

    Args:
        x: the network's input.
        y: the output of its last layer.
        residual: which of the two.

    Raises:
        InputError: for a residual, if x and y have different channels.
    """
    y = y.astype(jnp.float32)
    if not residual:
        return jnp.tanh(y)
    if x.shape[-1] != y.shape[-1]:
        raise InputError(
            "A residual needs the same number of channels in the input, which has "
            f"{x.shape[-1]}, and the output, which has {y.shape[-1]}. Use "
            "residual=False."
        )
    return x.astype(jnp.float32) + y


def _checked_depth(height: int, width: int, depth: int | None) -> int:
    """Returns the number of halvings of images of this size.

    Raises:
        InputError: if there are fewer than 2, or fewer than asked for.
    """
    most = halvings(height, width)
    wanted = most if depth is None else depth
    if not 2 <= wanted <= most:
        asked = "" if depth is None else f" depth={depth} was asked for."
        raise InputError(
            "A U-Net halves both sides of its images 2 to 8 times, but images of "
            f"{height}x{width} pixels (height x width) can be halved {most} times."
            f"{asked} Choose sides that are multiples of a power of two, such as 32 or "
            "256; --resolution resizes images."
        )
    return wanted
