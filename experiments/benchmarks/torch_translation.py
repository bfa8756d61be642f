"""pix2pix's and CycleGAN's networks in PyTorch, built from its own layers, NCHW.

Initialised as jaxgan's are, by N(0, 0.02), except at full resolution. Instance norm has
no parameters.
"""

# pyright: reportMissingImports=false

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from experiments.benchmarks import translation
from experiments.benchmarks.torch_weights import scaled, small
from experiments.benchmarks.works import Work


def players(work: Work, **how: bool) -> tuple[nn.Module, ...]:
    """Returns generators, then as many discriminators; for ``how`` see `instance_norm`.

    pix2pix has one of each. CycleGAN has those from A to B and from B to A, and the
    judges of A and of B.
    """
    pairs = work.network == "pix2pix"
    dropout, count = (translation.DROPOUT, 1) if pairs else (0.0, 2)
    generators = [UNet(work, dropout=dropout, **how) for _ in range(count)]
    return *generators, *(PatchGANs(work, **how) for _ in range(count))


def normed(work: Work, channels: int, *, grouped: bool = False) -> nn.Module:
    """Returns `instance_norm`, or the identity if the work has no norm."""
    return instance_norm(channels, grouped=grouped) if work.norm else nn.Identity()


def instance_norm(channels: int, *, grouped: bool = False) -> nn.Module:
    """Returns a layer that gives each channel of each image mean 0 and variance 1.

    Args:
        channels: the images' channels.
        grouped: whether to use group norm with groups of one channel: the same function
            by another kernel, which on a CPU takes half the time.
    """
    if grouped:
        return nn.GroupNorm(channels, channels, affine=False)
    return nn.InstanceNorm2d(channels)


class UNet(nn.Module):
    """``[b c h h] -> [b c h h]``: a U-Net that adds its output to its input."""

    def __init__(self, work: Work, *, dropout: float, grouped: bool = False):
        super().__init__()
        layers = translation.unet_channels(work)
        depth = self.depth = len(layers["down"])
        norm = lambda width: normed(work, width, grouped=grouped)
        self.inward = _fine(layers["in"])
        self.down = nn.ModuleList(
            small(nn.Conv2d(into, out, 4, 2, 1)) for into, out in layers["down"]
        )
        self.up = nn.ModuleList(
            small(nn.ConvTranspose2d(into, out, 4, 2, 1)) for into, out in layers["up"]
        )
        self.outward = _fine(layers["out"][:-1])
        self.last = nn.ModuleList(
            small(nn.Conv2d(into, out, 3, 1, 1)) for into, out in layers["out"][-1:]
        )
        self.down_norms = nn.ModuleList(
            norm(out) if 0 < i < depth - 1 else nn.Identity()
            for i, (_, out) in enumerate(layers["down"])
        )
        self.up_norms = nn.ModuleList(
            norm(out) if i else nn.Identity() for i, (_, out) in enumerate(layers["up"])
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for i, layer in enumerate(self.inward):
            y = layer(leaky_relu(y, translation.SLOPE) if i else y)
        skips = [y] if len(self.inward) else []
        for i in range(self.depth):
            y = leaky_relu(y, translation.SLOPE) if skips else y
            y = self.down_norms[i](self.down[i](y))
            skips.append(y)
        y = skips.pop()
        for i in range(self.depth - 1, 0, -1):
            y = self.up_norms[i](self.up[i](torch.relu(y)))
            if i == self.depth - 1:
                y = self.dropout(y)
            y = torch.cat([skips.pop(), y], 1)
        y = self.up[0](torch.relu(y))
        if skips:
            y = torch.cat([skips.pop(), y], 1)
        for layer in (*self.outward, *self.last):
            y = layer(torch.relu(y))
        return x + y.float()


def _fine(layers: Sequence[tuple[int, int]]) -> nn.ModuleList:
    """Returns convolutions at full resolution, at He et al.'s scale."""
    return nn.ModuleList(
        scaled(nn.Conv2d(into, out, 3, 1, 1), math.sqrt(2)) for into, out in layers
    )


class PatchGAN(nn.Module):
    """``[b c h h] -> [b n]``, a logit for each patch."""

    def __init__(self, work: Work, layers: int, *, grouped: bool):
        super().__init__()
        widths = translation.patch_widths(work, layers)
        channels = [translation.judged_channels(work), *widths]
        maps: list[nn.Module] = []
        for i, (into, out) in enumerate(itertools.pairwise(channels)):
            stride = 2 if i < layers else 1
            maps.append(small(nn.Conv2d(into, out, 4, stride, 1)))
            if i:
                maps.append(normed(work, out, grouped=grouped))
            maps.append(nn.LeakyReLU(translation.SLOPE))
        maps.append(small(nn.Conv2d(widths[-1], 1, 4, 1, 1)))
        self.maps = nn.Sequential(*maps)

    def forward(self, x: Tensor) -> Tensor:
        return self.maps(x).float().flatten(1)


class PatchGANs(nn.Module):
    """The logits of all PatchGANs ``[b n]``; a PatchGAN with fewer repeats them.

    Each thus has the same weight in a mean over the logits, as in
    `jaxgan.nets.patchgan.MultiPatch`.
    """

    def __init__(self, work: Work, *, grouped: bool = False):
        super().__init__()
        judge = lambda layers: PatchGAN(work, layers, grouped=grouped)
        self.judges = nn.ModuleList(judge(layers) for layers in work.patches)

    def forward(self, x: Tensor) -> Tensor:
        rows = [judge(x) for judge in self.judges]
        most = max(row.shape[1] for row in rows)
        return torch.cat([_repeated(row, most) for row in rows], 1)


def _repeated(row: Tensor, most: int) -> Tensor:
    """Repeats the logits, ``[b n] -> [b most]``, each equally often to within one."""
    count = row.shape[1]
    if count == most:
        return row
    return row.index_select(1, torch.arange(most, device=row.device) * count // most)
