"""The convolutional blocks of VGG-16, whose outputs LPIPS compares.

The weights are ``VGG16_Weights.IMAGENET1K_V1`` of torchvision (BSD-3-Clause), trained
on ImageNet; the classifier in the same file is not used.

References:
    Simonyan and Zisserman 2014, Very Deep Convolutional Networks for Large-Scale Image
    Recognition, configuration D.
"""

from typing import Any

import jax
from jaxtyping import Real

from jaxgan.checks import InputError, check_floating
from jaxgan.metrics.features.layers import Arrays, conv, kernel, max_pool, take
from jaxgan.metrics.inputs import AnyArray
from jaxgan.typing import Array

BLOCKS: dict[str, tuple[int, tuple[int, ...]]] = {
    "relu1_2": (64, (0, 2)),
    "relu2_2": (128, (5, 7)),
    "relu3_3": (256, (10, 12, 14)),
    "relu4_3": (512, (17, 19, 21)),
    "relu5_3": (512, (24, 26, 28)),
}
"""Each output's channels, and its block's convolutions by torchvision's numbers."""

SMALLEST = 2 ** (len(BLOCKS) - 1)
"""The smallest height and width in pixels: each block but the first halves the map."""


def prepare(arrays: Arrays) -> dict[str, list[dict[str, Any]]]:
    """Returns the network's parameters from torchvision's state dict.

    Args:
        arrays: ``features.N.weight`` ``[o i 3 3]`` and ``features.N.bias``; all others
            are ignored.

    Raises:
        InputError: if an array is missing or has another shape.
    """
    params, channels = {}, 3
    for name, (width, numbers) in BLOCKS.items():
        params[name] = []
        for number in numbers:
            layer = f"features.{number}"
            weight = take(arrays, f"{layer}.weight", (width, channels, 3, 3))
            bias = take(arrays, f"{layer}.bias", (width,))
            params[name].append({"kernel": kernel(weight), "bias": bias})
            channels = width
    return params


def features(params: Any, x: Real[AnyArray, "n h w 3"]) -> dict[str, Array]:
    """Returns the outputs ``{name: [n h/s w/s c]}`` of `BLOCKS`, s = 1, 2, 4, 8, 16.

    Each is taken after the ReLU and before the pooling that begins the next block.

    Args:
        params: parameters from `prepare`.
        x: images normalised by ImageNet's mean and deviation (`dinov2.normalise`), or
            similarly as in `lpips`; at least `SMALLEST` pixels high and wide.
    """
    check_floating(x=x)
    if min(x.shape[1:3]) < SMALLEST:
        raise InputError(
            f"Images of {x.shape[1]} x {x.shape[2]} pixels vanish in VGG-16; give at "
            f"least {SMALLEST} x {SMALLEST}."
        )
    outputs = {}
    for name in BLOCKS:
        x = max_pool(x, 2, stride=2) if outputs else x
        for layer in params[name]:
            x = jax.nn.relu(conv(layer, x, padding=((1, 1), (1, 1))))
        outputs[name] = x
    return outputs
