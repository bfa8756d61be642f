"""Layers that several architectures share, one idea per file.

Convolutions are in `jaxgan.nets.conv`.
"""

from jaxgan.layers.dense import Dense, Embed
from jaxgan.layers.noise import Noise, PixelNoise
from jaxgan.layers.norms import (
    ConditionalBatchNorm,
    InstanceNorm,
    PixelNorm,
    SelfModulatedBatchNorm,
)
from jaxgan.layers.spectral_norm import spectral_norm
from jaxgan.layers.weight import Weight
from jaxgan.layers.weight_norm import weight_norm

__all__ = [
    "ConditionalBatchNorm",
    "Dense",
    "Embed",
    "InstanceNorm",
    "Noise",
    "PixelNoise",
    "PixelNorm",
    "SelfModulatedBatchNorm",
    "Weight",
    "spectral_norm",
    "weight_norm",
]
