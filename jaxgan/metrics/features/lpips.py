"""LPIPS v0.1 on VGG-16: the approximate perceptual distance between two images.

The heads are ``lpips/weights/v0.1/vgg.pth`` of PyPI's package lpips 0.1.4
(github.com/richzhang/PerceptualSimilarity, BSD-2-Clause, Zhang et al.), fitted to human
judgements; the network below them is torchvision's (`vgg`). Values on AlexNet, the
authors' default, are not comparable.

References:
    Zhang et al. 2018, The Unreasonable Effectiveness of Deep Features as a Perceptual
    Metric, equation 1.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Float, Real

from jaxgan.checks import InputError, check_floating, check_same_shape
from jaxgan.metrics.features import vgg
from jaxgan.metrics.features.layers import Arrays, dense, take
from jaxgan.metrics.inputs import AnyArray
from jaxgan.typing import Array

SHIFT = np.array([-0.030, -0.088, -0.188], np.float32)
SCALE = np.array([0.458, 0.448, 0.450], np.float32)
"""ImageNet's mean and deviation for images in [-1, 1], to the authors' three digits."""

EPSILON = 1e-10


def prepare(vgg_arrays: Arrays, head_arrays: Arrays) -> dict[str, Any]:
    """Returns the parameters of VGG-16 and of the heads.

    Args:
        vgg_arrays: torchvision's state dict.
        head_arrays: ``linN.model.1.weight`` ``[1 c 1 1]``, N = 0 ... 4.

    Raises:
        InputError: if an array is missing or has another shape.
    """
    heads = {}
    for number, (name, (width, _)) in enumerate(vgg.BLOCKS.items()):
        weight = take(head_arrays, f"lin{number}.model.1.weight", (1, width, 1, 1))
        heads[name] = {"kernel": weight.reshape(width, 1)}
    return {"vgg": vgg.prepare(vgg_arrays), "heads": heads}


def distance(
    params: Any, a: Real[AnyArray, "n h w 3"], b: Real[AnyArray, "m h w 3"]
) -> Float[Array, " n"]:
    """Returns Σ over layers of the mean over pixels of w · (u(a) - u(b))².

    u is a layer's output, with each pixel's channels scaled to norm 1, and w the
    layer's head. LPIPS is differentiable, even where a whole layer's output is zero.

    Args:
        params: parameters from `prepare`.
        a: images in [-1, 1], at least 16 pixels high and wide. LPIPS changes with the
            size: state it beside the value.
        b: the images to compare with, in the same order.
    """
    check_floating(a=a, b=b)
    check_same_shape(a=a, b=b)
    units_a, units_b = _units(params, a), _units(params, b)
    squares = {name: (units_a[name] - units_b[name]) ** 2 for name in units_a}
    return _weighed(params, squares)


def diversity(params: Any, images: Real[AnyArray, "k m h w 3"]) -> Float[Array, " k"]:
    """Returns the mean LPIPS over all pairs among the m samples of each condition.

    LPIPS is a weighted squared distance of the units u, and the mean squared distance
    of two samples is twice their variance. So the cost is that of m images, not of
    m (m - 1) / 2 pairs.

    Args:
        params: parameters from `prepare`.
        images: m samples for each of k conditions, in [-1, 1]. One condition is
            processed at a time.

    References:
        Zhu et al. 2017, Toward Multimodal Image-to-Image Translation, section 5: the
        value reported is the mean over the conditions.
    """
    check_floating(images=images)
    if images.shape[1] < 2:
        raise InputError(
            f"A condition has {images.shape[1]} sample(s); diversity needs two or more."
        )
    return lax.map(lambda samples: _spread(params, samples), jnp.asarray(images))


def _spread(params: Any, samples: Array) -> Array:
    """Returns the mean distance of two of the ``samples`` ``[m h w 3]``, a scalar."""
    units = _units(params, samples)
    squares = {
        name: (unit - unit.mean(axis=0, keepdims=True)) ** 2
        for name, unit in units.items()
    }
    return 2 * _weighed(params, squares).sum() / (len(samples) - 1)


def _units(params: Any, images: AnyArray) -> dict[str, Array]:
    """Returns each layer's output ``[n h w c]``, divided by its norm over channels."""
    to_image = (1, 1, 1, 3)
    scaled = (images - SHIFT.reshape(to_image)) / SCALE.reshape(to_image)
    outputs = vgg.features(params["vgg"], scaled)
    return {name: y / (_norm(y) + EPSILON) for name, y in outputs.items()}


def _norm(y: Array) -> Array:
    """Returns the norm along the last axis, with the derivative at 0 defined as 0."""
    squares = jnp.sum(y**2, axis=-1, keepdims=True)
    silent = squares == 0
    return jnp.where(silent, 0, jnp.sqrt(jnp.where(silent, 1, squares)))


def _weighed(params: Any, squares: dict[str, Array]) -> Array:
    """Returns Σ over layers of w · (the mean over pixels of ``squares``), ``[n]``."""
    layers = [
        dense(params["heads"][name], square.mean(axis=(1, 2)))
        for name, square in squares.items()
    ]
    return jnp.concatenate(layers, axis=1).sum(axis=1)
