"""SRResNet and SRGAN's discriminator in PyTorch, built from its own layers, NCHW.

Initialised as jaxgan's are; there is no norm. PyTorch's convolutions of stride 2 pad
images at the start, jaxgan's at the end, so these networks equal jaxgan's with the rows
and columns of images, kernels and maps reversed. Random crops are rotated and flipped
anyway.
"""

# pyright: reportMissingImports=false

import itertools
import math

from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu

from experiments.benchmarks import super_resolution
from experiments.benchmarks.torch_weights import lecun, scaled
from experiments.benchmarks.works import Work

_USUAL, _SMALL, _FAINT = (math.sqrt(gain) for gain in (2.0, 0.1, 1e-3))


def players(work: Work) -> tuple[nn.Module, ...]:
    """Returns the generator, and SRGAN's discriminator."""
    if work.network == "srresnet":
        return (Generator(work),)
    return Generator(work), Discriminator(work)


class Block(nn.Module):
    """``[b c h w] -> [b c h w]``: two convolutions, added to the input."""

    def __init__(self, width: int):
        super().__init__()
        self.conv_1 = _conv(width, width)
        self.conv_2 = _conv(width, width, gain=_SMALL)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_2(_leaky(self.conv_1(x)))


class Generator(nn.Module):
    """``[b c h w] -> [b c s·h s·w]``, added to a bicubic enlargement of the input."""

    def __init__(self, work: Work):
        super().__init__()
        width, channels = work.width, work.image_shape[2]
        blocks = super_resolution.BLOCKS
        self.scale = work.scale
        self.first = _conv(channels, width)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(blocks)))
        self.last_block = _conv(width, width, gain=_SMALL)
        self.doublings = nn.ModuleList(
            _conv(width, width) for _ in range(super_resolution.doublings(work))
        )
        self.image = _conv(width, channels, gain=_FAINT)

    def forward(self, x: Tensor) -> Tensor:
        first = _leaky(self.first(x))
        y = first + self.last_block(self.blocks(first))
        for double in self.doublings:
            y = _leaky(double(interpolate(y, scale_factor=2, mode="nearest")))
        size = [self.scale * side for side in x.shape[2:]]
        # With antialias it has Pillow's kernel, as jaxgan's has.
        base = interpolate(x, size, mode="bicubic", antialias=True)
        return base + self.image(y).float()


class Discriminator(nn.Module):
    """``[b c h w] -> [b]``, and the maps of stride 2, which are the features."""

    def __init__(self, work: Work):
        super().__init__()
        widths = super_resolution.judge_widths(work)
        self.maps = nn.ModuleList(
            _conv(into, out, stride=1 + i % 2)
            for i, (into, out) in enumerate(itertools.pairwise(widths))
        )
        hidden = super_resolution.HIDDEN * work.d_width
        self.hidden = lecun(nn.Linear(widths[-1], hidden))
        self.logit = lecun(nn.Linear(hidden, 1))

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        features = []
        for i, layer in enumerate(self.maps):
            x = _leaky(layer(x))
            if i % 2:
                features.append(x.float())
        hidden = _leaky(self.hidden(x.mean((2, 3))))
        return self.logit(hidden)[:, 0].float(), features


def _conv(into: int, out: int, *, stride: int = 1, gain: float = _USUAL) -> nn.Module:
    return scaled(nn.Conv2d(into, out, 3, stride, 1), gain)


def _leaky(x: Tensor) -> Tensor:
    return leaky_relu(x, super_resolution.SLOPE, inplace=True)
