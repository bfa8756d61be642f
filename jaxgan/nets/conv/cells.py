"""T and W (see `maps`) on the CPU: matrix products over blocks of the stride's size."""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from jaxgan.nets.conv.reference import Pair

FEW_CHANNELS = 16
"""The number of channels below which matrix products are memory-bound."""


def blocks_of(x, *, strides, padding, out, cells):
    """Cuts the padded image into blocks of the stride's size, their pixels as channels.

    A convolution of stride s is one of stride 1 on blocks of s x s pixels, whose
    kernel, padded with zeros, has ceil(k / s) *cells* per side.
    """
    (b, *size, c), blocks = (
        x.shape,
        [o + n - 1 for o, n in zip(out, cells, strict=True)],
    )
    ends = [
        (low, n * s - length - low, 0)
        for length, (low, _), n, s in zip(size, padding, blocks, strides, strict=True)
    ]
    x = lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), *ends, (0, 0, 0)))
    x = x.reshape(b, blocks[0], strides[0], blocks[1], strides[1], c)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(b, *blocks, -1)


def image_of(blocks, shape, *, strides, padding):
    """Inverts `blocks_of`: returns the image of ``shape``, without its padding."""
    b, high, wide, _ = blocks.shape
    (sh, sw), ((top, _), (left, _)), c = strides, padding, shape[3]
    x = blocks.reshape(b, high, wide, sh, sw, c).transpose(0, 1, 3, 2, 4, 5)
    x = x.reshape(b, high * sh, wide * sw, c)
    # An odd size, or a large stride, leaves pixels after the last block.
    widths = [
        (0, 0, 0),
        (-top, shape[1] - high * sh + top, 0),
        (-left, shape[2] - wide * sw + left, 0),
        (0, 0, 0),
    ]
    return lax.pad(x, jnp.zeros((), x.dtype), widths)


def cells_of(kernel: Pair, strides: Pair) -> Pair:
    """Returns the number of blocks that a kernel covers, along each axis."""
    high, wide = (-(-k // s) for k, s in zip(kernel, strides, strict=True))
    return high, wide


def kernel_by_cells(w, *, strides):
    """Returns the kernel ``[k k i o]`` as ``[cells cells s·s·i o]``."""
    (kh, kw, i, o), (sh, sw) = w.shape, strides
    high, wide = cells_of((kh, kw), strides)
    w = jnp.pad(w, ((0, high * sh - kh), (0, wide * sw - kw), (0, 0), (0, 0)))
    w = w.reshape(high, sh, wide, sw, i, o).transpose(0, 2, 1, 3, 4, 5)
    return w.reshape(high, wide, -1, o)


def transpose_by_cells(g, w, *, strides, padding, size):
    """Computes T by one matrix product, and adds its results, a block per cell."""
    how = {"strides": strides, "padding": padding}
    kernel = kernel_by_cells(w, strides=strides)
    high, wide, _, o = kernel.shape
    products = g.reshape(-1, o) @ kernel.reshape(-1, o).T
    products = products.reshape(*g.shape[:3], high, wide, -1)
    blocks = sum(
        jnp.pad(
            products[:, :, :, i, j],
            ((0, 0), (i, high - 1 - i), (j, wide - 1 - j), (0, 0)),
        )
        for i in range(high)
        for j in range(wide)
    )
    image = (g.shape[0], *size, w.shape[2])
    return image_of(blocks, image, **how)


def weight_gradient_by_cells(x, g, *, strides, padding, size):
    """Computes W by a matrix product for each cell; for few channels, one for all."""
    out, (high, wide) = g.shape[1:3], cells_of(size, strides)
    blocks = blocks_of(x, strides=strides, padding=padding, out=out, cells=(high, wide))
    windows = [
        blocks[:, i : i + out[0], j : j + out[1]]
        for i in range(high)
        for j in range(wide)
    ]
    if x.shape[3] < FEW_CHANNELS:
        windows = [jnp.concatenate(windows, axis=-1)]
    # Sums in float32, even of bfloat16 factors: a batch of pixels has many terms.
    contract = partial(
        lax.dot_general,
        dimension_numbers=(((0, 1, 2), (0, 1, 2)), ((), ())),
        preferred_element_type=jnp.float32,
    )
    products = jnp.concatenate([contract(window, g) for window in windows])
    products = products.astype(x.dtype).reshape(high, wide, -1, g.shape[3])
    w = jax.ShapeDtypeStruct((*size, x.shape[3], g.shape[3]), x.dtype)
    gather = partial(kernel_by_cells, strides=strides)
    return jax.linear_transpose(gather, w)(products)[0]
