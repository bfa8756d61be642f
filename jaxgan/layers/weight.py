"""A layer's kernel as a function of its parameter, such as spectral norm."""

from collections.abc import Callable, Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

Weight = Callable[[nn.Module, jax.Array, int], jax.Array]
"""``(layer, kernel, out_axis) -> kernel``: a transformation of a layer's kernel.

It is called within the layer's ``__call__`` and may add parameters and variables to the
layer. ``out_axis`` is the kernel's output axis.
"""


def kernel_of(
    layer: Any, shape: Sequence[int], *, out_axis: int, name: str = "kernel"
) -> jax.Array:
    """Returns a layer's kernel, float32, transformed by its ``weight`` if it has one.

    Args:
        layer: a Linen module with the fields ``kernel_init`` and ``weight``.
        shape: the kernel's shape.
        out_axis: the kernel's output axis.
        name: the parameter's name.
    """
    kernel = layer.param(name, layer.kernel_init, tuple(shape), jnp.float32)
    return kernel if layer.weight is None else layer.weight(layer, kernel, out_axis)
