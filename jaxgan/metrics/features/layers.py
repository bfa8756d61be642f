"""Layers of the feature networks, for inference only: pure functions, in float32.

The networks keep the names and the layout of their published PyTorch weights, so that
a file can be checked against the network before anything is computed. Products are
computed in full float32 on every device: metrics must not depend on the hardware.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxgan.checks import InputError

Arrays = Mapping[str, np.ndarray]
"""The contents of a weights file: arrays by their published names."""

Padding = str | Sequence[tuple[int, int]]

_EXACT = lax.Precision.HIGHEST
_LAYOUT = ("NHWC", "HWIO", "NHWC")
_NONE = (0, 0, 0)  # no padding


def take(arrays: Arrays, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """Returns one array of a weights file, as float32.

    Raises:
        InputError: if it is missing, has another shape or is not floating.

    Example:
        >>> take({"fc.bias": np.zeros(10, np.float32)}, "fc.bias", (10,)).shape
        (10,)
    """
    if name not in arrays:
        raise InputError(
            f"The weights have no {name!r}: they belong to another network. They have "
            f"{', '.join(sorted(arrays)[:3])}, ... ({len(arrays)} arrays)."
        )
    array = np.asarray(arrays[name])
    if array.shape != shape or not np.issubdtype(array.dtype, np.floating):
        raise InputError(
            f"The weights' {name!r} is {array.dtype} {array.shape}, expected floats of "
            f"shape {shape}: they belong to another network."
        )
    return array.astype(np.float32)


def kernel(weight: np.ndarray) -> np.ndarray:
    """Returns PyTorch's kernel ``[o i h w]`` of a convolution as ``[h w i o]``."""
    return np.ascontiguousarray(weight.transpose(2, 3, 1, 0))


def folded(
    weight: np.ndarray,
    *,
    gamma: np.ndarray,
    beta: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    epsilon: float,
) -> dict[str, np.ndarray]:
    """Folds an inference-mode batch norm into the convolution before it.

    Args:
        weight: the kernel ``[o i h w]``.
        gamma: the scale, ``[o]``.
        beta: the shift, ``[o]``.
        mean: the running mean, ``[o]``.
        variance: the running variance, ``[o]``.
        epsilon: the constant that the batch norm adds to the variance.

    Returns:
        ``{"kernel": [h w i o], "bias": [o]}``, computed in float64.
    """
    scale = gamma.astype(np.float64) / np.sqrt(variance.astype(np.float64) + epsilon)
    scaled = weight.astype(np.float64) * scale[:, None, None, None]
    bias = beta.astype(np.float64) - mean.astype(np.float64) * scale
    return {
        "kernel": kernel(scaled.astype(np.float32)),
        "bias": bias.astype(np.float32),
    }


def conv(
    params: Mapping[str, Any],
    x: Any,
    *,
    stride: int = 1,
    padding: Padding = "VALID",
) -> Any:
    """Convolves ``x`` ``[b h w i]`` with ``params["kernel"]`` ``[h w i o]``.

    ``params["bias"]`` ``[o]`` is added if there is one.
    """
    y = lax.conv_general_dilated(
        x,
        params["kernel"],
        (stride, stride),
        padding,
        dimension_numbers=_LAYOUT,
        precision=_EXACT,
    )
    return _with_bias(params, y)


def dense(params: Mapping[str, Any], x: Any) -> Any:
    """Returns ``x @ params["kernel"]`` ``[i o]``, plus the bias if there is one."""
    y = jnp.matmul(x, params["kernel"], precision=_EXACT)
    return _with_bias(params, y)


def _with_bias(params: Mapping[str, Any], y: Any) -> Any:
    if "bias" not in params:
        return y
    return y + jnp.reshape(params["bias"], (1,) * (y.ndim - 1) + (-1,))


def max_pool(x: Any, size: int, *, stride: int, padding: int = 0) -> Any:
    """Returns the maximum over ``size`` x ``size`` pixels of ``x`` ``[b h w c]``.

    Args:
        x: images.
        size: size of the windows.
        stride: stride between the windows.
        padding: padding on each side, with a value that is never the maximum.

    Example:
        >>> max_pool(jnp.arange(4.0).reshape(1, 2, 2, 1), 2, stride=2).tolist()
        [[[[3.0]]]]
    """
    border = (padding, padding, 0)
    x = lax.pad(x, jnp.array(-jnp.inf, x.dtype), (_NONE, border, border, _NONE))
    # One axis after the other, as maxima of slices: on the CPU that takes a half to a
    # seventh of the time of XLA's window reduction.
    for axis in (1, 2):
        x = functools.reduce(jnp.maximum, _shifted(x, axis, size, stride))
    return x


def mean_pool(x: Any) -> Any:
    """Returns the mean over the 3 x 3 pixels around each pixel of ``x`` ``[b h w c]``.

    The padding is excluded: at a corner the mean is over 4 pixels.

    Example:
        >>> mean_pool(jnp.arange(4.0).reshape(1, 2, 2, 1)).ravel().tolist()
        [1.5, 1.5, 1.5, 1.5]
    """
    return _sum_of_9(x) / _sum_of_9(np.ones((1, *x.shape[1:3], 1), np.float32))


def _sum_of_9(x: Any) -> Any:
    border = (1, 1, 0)
    x = lax.pad(x, jnp.array(0, x.dtype), (_NONE, border, border, _NONE))
    for axis in (1, 2):
        x = sum(_shifted(x, axis, 3, 1))
    return x


def _shifted(x: Any, axis: int, size: int, stride: int) -> list[Any]:
    """Returns, for each pixel of a window, its values in all windows along an axis."""
    last = x.shape[axis] - size + 1
    return [
        lax.slice_in_dim(x, start, start + last, stride, axis) for start in range(size)
    ]
