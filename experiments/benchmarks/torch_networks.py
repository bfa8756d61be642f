"""The networks of a work in PyTorch, built from its own layers, NCHW.

Initialised as jaxgan's are: LeCun's normal for multi-layer perceptrons, N(0, 0.02) for
DCGAN. `torch_residual` has the residual networks.
"""

# pyright: reportMissingImports=false

import torch
from torch import Tensor, nn

from experiments.benchmarks import residual, torch_residual
from experiments.benchmarks.torch_weights import Layer, draw_lecun, lecun, small
from experiments.benchmarks.works import Work


def generator(work: Work) -> nn.Module:
    """Returns ``[b z] -> [b c h w]`` or points; members add an axis in front."""
    if work.network == "mlp":
        return MLPGenerator(work)
    if work.network in residual.NETWORKS:
        return torch_residual.generator(work)
    return _small(DCGANGenerator(work))


def discriminator(work: Work) -> nn.Module:
    """Returns ``[b c h w]`` or points ``-> [b]``; members add an axis in front."""
    if work.network == "mlp":
        return MLPDiscriminator(work)
    if work.network in residual.NETWORKS:
        return torch_residual.discriminator(work)
    return _small(DCGANDiscriminator(work))


class ManyLinear(nn.Module):
    """A dense layer for each of n members: ``[n b i] -> [n b o]``."""

    def __init__(self, members: int, into: int, out: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(members, into, out))
        self.bias = nn.Parameter(torch.zeros(members, 1, out))
        draw_lecun(self.weight, into)

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x, self.weight)


def _linear(work: Work, into: int, out: int) -> nn.Module:
    if work.members > 1:
        return ManyLinear(work.members, into, out)
    return lecun(nn.Linear(into, out))


class MLPGenerator(nn.Module):
    """Two hidden layers with ReLU; tanh at the end for images."""

    def __init__(self, work: Work):
        super().__init__()
        self.image = len(work.image_shape) == 3
        height, *rest = work.image_shape
        self.shape = (rest[1], height, rest[0]) if self.image else work.image_shape
        self.layers = nn.Sequential(
            _linear(work, work.latent_dim, work.width),
            nn.ReLU(),
            _linear(work, work.width, work.width),
            nn.ReLU(),
            _linear(work, work.width, work.pixels),
        )

    def forward(self, z: Tensor) -> Tensor:
        x = self.layers(z)
        x = x.reshape(*x.shape[:-1], *self.shape)
        return torch.tanh(x) if self.image else x


class MLPDiscriminator(nn.Module):
    """Two hidden layers with LeakyReLU."""

    def __init__(self, work: Work):
        super().__init__()
        self.dimensions = len(work.image_shape)
        self.layers = nn.Sequential(
            _linear(work, work.pixels, work.width),
            nn.LeakyReLU(0.2),
            _linear(work, work.width, work.width),
            nn.LeakyReLU(0.2),
            _linear(work, work.width, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.flatten(-self.dimensions))[..., 0]


class DCGANGenerator(nn.Module):
    """A dense layer, then maps that double in size; batch norm before each."""

    def __init__(self, work: Work):
        super().__init__()
        base, times = work.maps
        features = work.width << (times - 1)
        self.dense = nn.Linear(work.latent_dim, features * base * base, bias=False)
        self.shape = (features, base, base)
        maps: list[nn.Module] = []
        for _ in range(times - 1):
            maps += [
                nn.BatchNorm2d(features),
                nn.ReLU(),
                nn.ConvTranspose2d(features, features // 2, 4, 2, 1, bias=False),
            ]
            features //= 2
        maps += [
            nn.BatchNorm2d(features),
            nn.ReLU(),
            nn.ConvTranspose2d(features, work.image_shape[2], 4, 2, 1),
            nn.Tanh(),
        ]
        self.maps = nn.Sequential(*maps)

    def forward(self, z: Tensor) -> Tensor:
        return self.maps(self.dense(z).reshape(-1, *self.shape))


class DCGANDiscriminator(nn.Module):
    """Maps that halve in size, then a dense layer."""

    def __init__(self, work: Work):
        super().__init__()
        base, times = work.maps
        maps: list[nn.Module] = []
        channels = work.image_shape[2]
        for i in range(times):
            norm = work.batch_norm and i > 0
            features = work.width << i
            maps.append(nn.Conv2d(channels, features, 4, 2, 1, bias=not norm))
            if norm:
                maps.append(nn.BatchNorm2d(features))
            maps.append(nn.LeakyReLU(0.2))
            channels = features
        self.maps = nn.Sequential(*maps)
        self.dense = nn.Linear(channels * base * base, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.dense(self.maps(x).flatten(1))[:, 0]


def _small(module: nn.Module) -> nn.Module:
    """Applies DCGAN's initialisation."""
    for part in module.modules():
        if isinstance(part, Layer):
            small(part)
        elif isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.weight, mean=1.0, std=0.02)
    return module
