"""SNGAN's and R3GAN's residual networks in PyTorch, from its own layers, NCHW.

Initialised as jaxgan's are. Shortcuts and projections are computed on the smaller of
two maps, as in jaxgan. R3GAN's images are resampled by a depthwise convolution, as is
usual.
"""

# pyright: reportMissingImports=false

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations

from experiments.benchmarks.torch_weights import scaled
from experiments.benchmarks.works import Work


def generator(work: Work) -> nn.Module:
    """Returns ``[b z] -> [b c h w]``."""
    return SNGANGenerator(work) if work.network == "sngan" else R3GANGenerator(work)


def discriminator(work: Work) -> nn.Module:
    """Returns ``[b c h w] -> [b]``."""
    if work.network == "sngan":
        return SNGANDiscriminator(work)
    return R3GANDiscriminator(work)


def _xavier(layer: nn.Module, gain: float = 1.0) -> nn.Module:
    nn.init.xavier_uniform_(layer.weight, gain)  # pyright: ignore
    nn.init.zeros_(layer.bias)  # pyright: ignore
    return layer


def _main(into: int, out: int) -> nn.Module:
    """Returns a 3x3 convolution of a block."""
    return _xavier(nn.Conv2d(into, out, 3, padding=1), math.sqrt(2))


def _shortcut(into: int, out: int) -> nn.Module:
    return _xavier(nn.Conv2d(into, out, 1))


def _doubled(x: Tensor) -> Tensor:
    return functional.interpolate(x, scale_factor=2, mode="nearest")


class UpBlock(nn.Module):
    """``[b c h w] -> [b c 2h 2w]``, batch-normalised."""

    def __init__(self, width: int):
        super().__init__()
        self.norm_1 = nn.BatchNorm2d(width)
        self.conv_1 = _main(width, width)
        self.norm_2 = nn.BatchNorm2d(width)
        self.conv_2 = _main(width, width)
        self.shortcut = _shortcut(width, width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv_1(_doubled(torch.relu(self.norm_1(x))))
        y = self.conv_2(torch.relu(self.norm_2(y)))
        return y + _doubled(self.shortcut(x))


class SNGANGenerator(nn.Module):
    """A dense layer, three blocks, then batch norm and a convolution."""

    def __init__(self, work: Work):
        super().__init__()
        width = work.width
        self.shape = (width, 4, 4)
        self.dense = _xavier(nn.Linear(work.latent_dim, 4 * 4 * width))
        self.blocks = nn.Sequential(*(UpBlock(width) for _ in range(3)))
        self.norm = nn.BatchNorm2d(width)
        self.image = _xavier(nn.Conv2d(width, work.image_shape[2], 3, padding=1))

    def forward(self, z: Tensor) -> Tensor:
        x = self.blocks(self.dense(z).reshape(-1, *self.shape))
        return torch.tanh(self.image(torch.relu(self.norm(x))))


class DownBlock(nn.Module):
    """``[b i h w] -> [b c h w]``, or of half the size.

    A network's first block begins with a convolution, the others with a ReLU.
    """

    def __init__(self, into: int, out: int, *, halve: bool, first: bool):
        super().__init__()
        self.halve, self.first = halve, first
        self.conv_1 = _normalised(_main(into, out))
        self.conv_2 = _normalised(_main(out, out))
        self.shortcut = _normalised(_shortcut(into, out)) if halve else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        pool = nn.AvgPool2d(2) if self.halve else nn.Identity()
        y = self.conv_1(x if self.first else torch.relu(x))
        y = pool(self.conv_2(torch.relu(y)))
        return y + self.shortcut(pool(x))


class SNGANDiscriminator(nn.Module):
    """Four blocks, two of which halve; a sum over all pixels, and a dense layer."""

    def __init__(self, work: Work):
        super().__init__()
        width = work.width // 2
        self.blocks = nn.Sequential(
            DownBlock(work.image_shape[2], width, halve=True, first=True),
            DownBlock(width, width, halve=True, first=False),
            DownBlock(width, width, halve=False, first=False),
            DownBlock(width, width, halve=False, first=False),
        )
        self.logit = _normalised(_xavier(nn.Linear(width, 1)))

    def forward(self, x: Tensor) -> Tensor:
        return self.logit(torch.relu(self.blocks(x)).sum((2, 3)))[:, 0]


def _normalised(layer: nn.Module) -> nn.Module:
    """Adds spectral norm, with one step of power iteration in each forward pass."""
    return parametrizations.spectral_norm(layer)


class Resample(nn.Module):
    """Resampling to twice or half the size, bilinear, with zeros beyond the border."""

    kernel: Tensor

    def __init__(self, *, up: bool):
        super().__init__()
        self.up = up
        line = torch.tensor([1.0, 3.0, 3.0, 1.0]) / (4 if up else 8)
        self.register_buffer("kernel", torch.outer(line, line), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        apply = functional.conv_transpose2d if self.up else functional.conv2d
        kernel = self.kernel.to(x.dtype).expand(channels, 1, 4, 4)
        return apply(x, kernel, stride=2, padding=1, groups=channels)


class Block(nn.Module):
    """x + W3 lrelu(b2 + W2 lrelu(b1 + W1 x)), of one size and width."""

    def __init__(self, width: int, group_size: int, gain: float):
        super().__init__()
        inner = 2 * width
        groups = inner // group_size
        self.layers = nn.Sequential(
            scaled(nn.Conv2d(width, inner, 1), gain),
            nn.LeakyReLU(0.2),
            scaled(nn.Conv2d(inner, inner, 3, padding=1, groups=groups), gain),
            nn.LeakyReLU(0.2),
            scaled(_plain(inner, width), 0.0),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


def _plain(into: int, out: int) -> nn.Conv2d:
    return nn.Conv2d(into, out, 1, bias=False)


def _stages(widths: Sequence[int], group_size: int, *, up: bool) -> list[nn.Module]:
    """Returns a block for each width, with resampling and projection in between."""
    gain = math.sqrt(2 / 1.04) * len(widths) ** -0.25
    modules: list[nn.Module] = [Block(widths[0], group_size, gain)]
    for before, after in itertools.pairwise(widths):
        project = [scaled(_plain(before, after))] if before != after else []
        resample = [Resample(up=up)]
        modules += project + resample if up else resample + project
        modules.append(Block(after, group_size, gain))
    return modules


class R3GANGenerator(nn.Module):
    """Learned images of 4x4 pixels, weighted by numbers linear in z; then stages."""

    def __init__(self, work: Work):
        super().__init__()
        widths = work.widths
        self.linear = scaled(nn.Linear(work.latent_dim, widths[0], bias=False))
        self.images = nn.Parameter(torch.randn(widths[0], 4, 4))
        self.stages = nn.Sequential(
            *_stages(widths, work.group_size, up=True),
            scaled(_plain(widths[-1], work.image_shape[2])),
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.stages(self.linear(z)[:, :, None, None] * self.images)


class R3GANDiscriminator(nn.Module):
    """The stages in reverse; then each channel's product with a learned image."""

    def __init__(self, work: Work):
        super().__init__()
        widths = work.widths[::-1]
        self.stages = nn.Sequential(
            scaled(_plain(work.image_shape[2], widths[0])),
            *_stages(widths, work.group_size, up=False),
        )
        self.images = nn.Parameter(torch.randn(widths[-1], 4, 4) / 4)
        self.linear = scaled(nn.Linear(widths[-1], 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return self.linear((self.stages(x) * self.images).sum((2, 3)))[:, 0]
