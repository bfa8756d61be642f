"""Layers of networks that only judge: pure functions of arrays, in float32.

The networks keep the names and the layout of their published PyTorch weights, so that
a file can be checked against the network before anything is computed. Products are
taken in full float32 on every device: a judge's figures must not depend on the card.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from jaxgan.checks import InputError

Arrays = Mapping[str, np.ndarray]
"""A file of weights: arrays by their published names."""

Padding = str | Sequence[tuple[int, int]]

_EXACT = lax.Precision.HIGHEST
_LAYOUT = ("NHWC", "HWIO", "NHWC")
_NONE = (0, 0, 0)  # no padding


def take(arrays: Arrays, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """One array of a file of weights, as float32.

    Raises:
        InputError: if it is missing, or has another shape or no floating dtype.

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
    """A convolution's kernel ``[o i h w]``, as PyTorch keeps it, as ``[h w i o]``."""
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
    """A convolution and the batch norm after it, in test mode, as one convolution.

    Args:
        weight: the kernel ``[o i h w]``.
        gamma: the scale, ``[o]``, and so on.
        beta: the shift.
        mean: the running mean.
        variance: the running variance.
        epsilon: what the batch norm adds to the variance.

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
    """A convolution of ``x`` ``[b h w i]`` by ``params["kernel"]`` ``[h w i o]``.

    ``params["bias"]`` ``[o]`` is added where there is one.
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
    """``x @ params["kernel"]`` ``[i o]``, and the bias where there is one."""
    y = jnp.matmul(x, params["kernel"], precision=_EXACT)
    return _with_bias(params, y)


def _with_bias(params: Mapping[str, Any], y: Any) -> Any:
    if "bias" not in params:
        return y
    return y + jnp.reshape(params["bias"], (1,) * (y.ndim - 1) + (-1,))


def max_pool(x: Any, size: int, *, stride: int, padding: int = 0) -> Any:
    """The maximum over ``size`` x ``size`` pixels of ``x`` ``[b h w c]``.

    Args:
        x: images.
        size: of the windows.
        stride: between them.
        padding: on each side, with what is never the maximum.

    Example:
        >>> max_pool(jnp.arange(4.0).reshape(1, 2, 2, 1), 2, stride=2).tolist()
        [[[[3.0]]]]
    """
    border = (padding, padding, 0)
    x = lax.pad(x, jnp.array(-jnp.inf, x.dtype), (_NONE, border, border, _NONE))
    # One axis after the other, as maxima of slices: on the CPU that takes a half to a
    # seventh of the time of XLA's windows.
    for axis in (1, 2):
        x = functools.reduce(jnp.maximum, _shifted(x, axis, size, stride))
    return x


def mean_pool(x: Any) -> Any:
    """The mean over the 3 x 3 pixels around each pixel of ``x`` ``[b h w c]``.

    The padding is left out: at a corner it is the mean of 4 pixels.

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
    """For each pixel of a window, where it lies in all windows along an axis."""
    last = x.shape[axis] - size + 1
    return [
        lax.slice_in_dim(x, start, start + last, stride, axis) for start in range(size)
    ]
