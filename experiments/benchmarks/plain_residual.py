"""SNGAN's and R3GAN's residual networks, written the obvious way, in Flax's own layers.

The names of their layers are jaxgan's, and so are the shapes of their weights.
"""

from functools import partial
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from experiments.benchmarks.works import Work


def networks(work: Work) -> tuple[nn.Module, nn.Module]:
    """Returns the generator and the discriminator."""
    if work.network == "sngan":
        return SNGANGenerator(work), SNGANDiscriminator(work)
    return R3GANGenerator(work), R3GANDiscriminator(work)


def _xavier(gain_squared: float = 1.0) -> Any:
    return nn.initializers.variance_scaling(gain_squared, "fan_avg", "uniform")


def _main(width: int, name: str) -> nn.Module:
    """Returns a 3x3 convolution of a block."""
    return nn.Conv(width, (3, 3), kernel_init=_xavier(2.0), name=name)


def _shortcut(width: int) -> nn.Module:
    return nn.Conv(width, (1, 1), kernel_init=_xavier(), name="shortcut")


def _doubled(x):
    return x.repeat(2, axis=1).repeat(2, axis=2)


def _halved(x):
    return nn.avg_pool(x, (2, 2), (2, 2))


class UpBlock(nn.Module):
    """``[b h w c] -> [b 2h 2w c]``, batch-normalised."""

    width: int

    @nn.compact
    def __call__(self, x, train: bool):
        norm = partial(nn.BatchNorm, use_running_average=not train, momentum=0.9)
        y = _doubled(nn.relu(norm(name="norm_1")(x)))
        y = nn.relu(norm(name="norm_2")(_main(self.width, "conv_1")(y)))
        y = _main(self.width, "conv_2")(y)
        return y + _doubled(_shortcut(self.width)(x))


class SNGANGenerator(nn.Module):
    """``[b z] -> [b h w c]``."""

    work: Work

    @nn.compact
    def __call__(self, z, train: bool = True):
        width = self.work.width
        x = nn.Dense(4 * 4 * width, kernel_init=_xavier(), name="dense")(z)
        x = x.reshape(-1, 4, 4, width)
        for i in range(3):
            x = UpBlock(width, name=f"block_{i}")(x, train)
        x = nn.BatchNorm(use_running_average=not train, momentum=0.9, name="norm")(x)
        channels = self.work.image_shape[2]
        conv = nn.Conv(channels, (3, 3), kernel_init=_xavier(), name="image")
        return jnp.tanh(conv(nn.relu(x)))


class DownBlock(nn.Module):
    """``[b h w i] -> [b h w c]``, or of half the size."""

    width: int
    halve: bool
    first: bool

    @nn.compact
    def __call__(self, x, train: bool):
        normalised = lambda layer, x: nn.SpectralNorm(layer)(x, update_stats=train)
        y = x if self.first else nn.relu(x)
        y = nn.relu(normalised(_main(self.width, "conv_1"), y))
        y = normalised(_main(self.width, "conv_2"), y)
        if not self.halve:
            return x + y
        return normalised(_shortcut(self.width), _halved(x)) + _halved(y)


class SNGANDiscriminator(nn.Module):
    """``[b h w c] -> [b]``."""

    work: Work

    @nn.compact
    def __call__(self, x, train: bool = True):
        width = self.work.width // 2
        for i in range(4):
            block = DownBlock(width, halve=i < 2, first=i == 0, name=f"block_{i}")
            x = block(x, train)
        logit = nn.Dense(1, kernel_init=_xavier(), name="logit")
        x = nn.relu(x).sum(axis=(1, 2))
        return nn.SpectralNorm(logit)(x, update_stats=train)[:, 0]


def _scaled(gain: float = 1.0) -> Any:
    return nn.initializers.variance_scaling(gain**2, "fan_in", "normal")


def _plain(width: int, **how: Any) -> nn.Module:
    how = {"kernel_init": _scaled(), **how}
    return nn.Conv(width, (1, 1), use_bias=False, **how)


def _with_border(x):
    """Pads the image with a border of zeros."""
    return jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))


def _up(x):
    """Doubles the size bilinearly, with zeros beyond the border."""
    x = _with_border(x)
    batch, height, width, channels = x.shape
    size = batch, 2 * height, 2 * width, channels
    return jax.image.resize(x, size, "bilinear")[:, 2:-2, 2:-2]


def _down(x):
    """Halves the size by weights (1, 3, 3, 1) / 8 along each axis, as nested means."""
    x = nn.avg_pool(_with_border(x), (2, 2))
    return _halved(nn.avg_pool(x, (2, 2)))


class Block(nn.Module):
    """x + W3 lrelu(b2 + W2 lrelu(b1 + W1 x)), of one size and width."""

    group_size: int
    gain: float

    @nn.compact
    def __call__(self, x):
        width = x.shape[-1]
        init = _scaled(self.gain)
        y = nn.Conv(2 * width, (1, 1), kernel_init=init)(x)
        y = nn.Conv(
            2 * width,
            (3, 3),
            feature_group_count=2 * width // self.group_size,
            kernel_init=init,
        )(nn.leaky_relu(y, 0.2))
        y = nn.leaky_relu(y, 0.2)
        return x + _plain(width, kernel_init=nn.initializers.zeros)(y)


def _block(work: Work, stage: int) -> nn.Module:
    gain = (2 / 1.04) ** 0.5 * len(work.widths) ** -0.25
    return Block(work.group_size, gain, name=f"block_{stage}_0")


class GenerativeBasis(nn.Module):
    """``[b z] -> [b 4 4 c]``: learned images, weighted by numbers linear in z."""

    width: int

    @nn.compact
    def __call__(self, z):
        shape = 4, 4, self.width
        images = self.param("images", nn.initializers.normal(1.0), shape)
        dense = nn.Dense(
            self.width, use_bias=False, kernel_init=_scaled(), name="linear"
        )
        return dense(z)[:, None, None] * images[None]


class DiscriminativeBasis(nn.Module):
    """``[b 4 4 c] -> [b]``, linear in each channel's product with a learned image."""

    @nn.compact
    def __call__(self, x):
        images = self.param("images", nn.initializers.normal(1 / 4), x.shape[1:])
        dense = nn.Dense(1, use_bias=False, kernel_init=_scaled(), name="linear")
        return dense((x * images[None]).sum(axis=(1, 2)))[:, 0]


class R3GANGenerator(nn.Module):
    """``[b z] -> [b h w c]``."""

    work: Work

    @nn.compact
    def __call__(self, z, train: bool = True):
        widths = self.work.widths
        x = GenerativeBasis(widths[0], name="basis")(z)
        for stage, width in enumerate(widths):
            if stage > 0:
                if width != x.shape[-1]:
                    x = _plain(width, name=f"project_{stage}")(x)
                x = _up(x)
            x = _block(self.work, stage)(x)
        return _plain(self.work.image_shape[2], name="to_image")(x)


class R3GANDiscriminator(nn.Module):
    """``[b h w c] -> [b]``."""

    work: Work

    @nn.compact
    def __call__(self, x, train: bool = True):
        widths = self.work.widths
        x = _plain(widths[-1], name="from_image")(x)
        for stage in reversed(range(len(widths))):
            x = _block(self.work, stage)(x)
            if stage > 0:
                x = _down(x)
                if widths[stage - 1] != x.shape[-1]:
                    x = _plain(widths[stage - 1], name=f"project_{stage}")(x)
        return DiscriminativeBasis(name="basis")(x)
