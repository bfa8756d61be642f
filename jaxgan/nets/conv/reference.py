"""The three maps by XLA's convolutions: plain versions of `jaxgan.nets.conv.maps`."""

from functools import partial
from typing import Any

import jax
from jax import lax
from jaxtyping import Array, Float

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]

_LAYOUT = ("NHWC", "HWIO", "NHWC")


def out_size(size: int, kernel: int, stride: int, padding: Pair) -> int:
    """Returns the coarser image's height or width."""
    return (size + sum(padding) - kernel) // stride + 1


def reference_conv(
    x: Float[Array, "b h w i"],
    w: Float[Array, "kh kw c o"],
    *,
    strides: Pair,
    padding: Padding,
    groups: int = 1,
) -> Float[Array, "b g q o"]:
    """Computes C(x, w) by XLA; with g groups, the kernel is ``[kh kw i/g o]``."""
    how: dict[str, Any] = {"feature_group_count": groups, "dimension_numbers": _LAYOUT}
    return lax.conv_general_dilated(x, w, strides, padding, **how)


def reference_conv_transpose(
    g: Float[Array, "b g q o"],
    w: Float[Array, "kh kw c o"],
    *,
    strides: Pair,
    padding: Padding,
    size: Pair,
    groups: int = 1,
) -> Float[Array, "b h w i"]:
    """Computes the transpose of `reference_conv` in its image, of size ``size``."""
    x = jax.ShapeDtypeStruct((g.shape[0], *size, groups * w.shape[2]), g.dtype)
    how = {"strides": strides, "padding": padding, "groups": groups}
    conv = partial(reference_conv, w=w, **how)
    return jax.linear_transpose(conv, x)(g)[0]


def reference_weight_gradient(
    x: Float[Array, "b h w i"],
    g: Float[Array, "b g q o"],
    *,
    strides: Pair,
    padding: Padding,
    size: Pair,
    groups: int = 1,
) -> Float[Array, "kh kw c o"]:
    """Computes the transpose of `reference_conv` in its kernel, of size ``size``."""
    w = jax.ShapeDtypeStruct((*size, x.shape[3] // groups, g.shape[3]), x.dtype)
    how = {"strides": strides, "padding": padding, "groups": groups}
    conv = partial(reference_conv, x, **how)
    return jax.linear_transpose(conv, w)(g)[0]
