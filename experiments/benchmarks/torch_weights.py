"""Initial weights of PyTorch's layers, drawn as jaxgan draws its own."""

# pyright: reportMissingImports=false

import math
from typing import TypeAlias

from torch import Tensor, nn

_STD_OF_TRUNCATED = 0.87962566  # of N(0, 1) cut at two standard deviations

Layer: TypeAlias = nn.Conv2d | nn.ConvTranspose2d | nn.Linear


def small(layer: Layer) -> Layer:
    """Initialises weights by N(0, 0.02^2), and biases by zero."""
    nn.init.normal_(layer.weight, std=0.02)
    return _unbiased(layer)


def scaled(layer: nn.Conv2d | nn.Linear, gain: float = 1.0) -> Layer:
    """Initialises weights by N(0, gain^2 / fan-in), and biases by zero."""
    fan_in = layer.weight[0].numel()
    nn.init.normal_(layer.weight, std=gain / math.sqrt(fan_in))
    return _unbiased(layer)


def lecun(layer: nn.Conv2d | nn.Linear) -> Layer:
    """Initialises weights by LeCun's normal distribution, and biases by zero."""
    draw_lecun(layer.weight, layer.weight[0].numel())
    return _unbiased(layer)


def draw_lecun(weight: Tensor, fan_in: int) -> None:
    """Draws from N(0, 1 / fan-in), cut at two standard deviations."""
    std = math.sqrt(1 / fan_in) / _STD_OF_TRUNCATED
    nn.init.trunc_normal_(weight, std=std, a=-2 * std, b=2 * std)


def _unbiased(layer: Layer) -> Layer:
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
