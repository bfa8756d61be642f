"""C, T and W on the CPU with 9 matrix products where the definition has 16.

A convolution of stride s with a kernel of s + 1 to 2s pixels is one of stride 1 on
blocks of s x s pixels (`cells`), with a kernel of 2 x 2 blocks. Two neighbouring
outputs of such a convolution, along one axis, are::

    y0 = d0 g0 + d1 g1 = (d0 - d1) g0 + d1 (g0 + g1)
    y1 = d1 g0 + d2 g1 = d1 (g0 + g1) + (d2 - d1) g1

three products in place of four, and 9 in place of 16 along both axes: the minimal
filtering F(2, 2) of Winograd, which Lavin & Gray 2016 (arXiv:1509.09308) apply to
convolutional networks. Its transforms only add and subtract, so that little precision
is lost: 1e-6 of the largest result in float32. As the map is bilinear, its transposes
take the same 9 products.

The three transforms are lists of 9 matrices, row by row of the 3 x 3::

    V(x)  the image:        [b·t·u, s·s·i], t and u the numbers of pairs of outputs
    U(w)  the kernel:       [s·s·i, o]
    M(g)  the coarse image: [b·t·u, o], the transpose of the map from products to y

    C(x, w) = M'(V(x) U(w)),  T(g, w) = V'(M(g) U(w)'),  W(x, g) = U'(V(x)' M(g))
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from jaxgan.nets.conv.cells import (
    FEW_CHANNELS,
    blocks_of,
    cells_of,
    image_of,
    kernel_by_cells,
)
from jaxgan.nets.conv.reference import Pair


def applies(dtype, kernel, *, out: Pair, strides: Pair) -> bool:
    """Returns whether this takes fewer products than the definition and is faster.

    Args:
        dtype: the images' dtype.
        kernel: the kernel's shape ``[kh kw i o]``.
        out: the coarse image's height and width.
        strides: the strides of C.
    """
    high, wide = out
    return (
        cells_of(kernel[:2], strides) == (2, 2)
        and 3 * _pairs(high) * 3 * _pairs(wide) < 2 * high * 2 * wide
        and min(kernel[2:]) >= FEW_CHANNELS
        # Differences would lose some of bfloat16's few bits.
        and dtype in (jnp.float32, jnp.float64)
    )


def _pairs(size: int) -> int:
    return -(-size // 2)


def conv_by_winograd(x, w, *, strides, padding, out: Pair):
    """Computes C(x, w)."""
    factors = zip(
        _of_image(x, strides=strides, padding=padding, out=out),
        _of_kernel(w, strides=strides),
        strict=True,
    )
    return _to_coarse([v @ u for v, u in factors], batch=len(x), out=out)


def transpose_by_winograd(g, w, *, strides, padding, size: Pair):
    """Computes T(g, w)."""
    factors = zip(_of_coarse(g), _of_kernel(w, strides=strides), strict=True)
    products = [m @ u.T for m, u in factors]
    shape = (len(g), *size, w.shape[2])
    return _to_image(
        products, shape, strides=strides, padding=padding, out=g.shape[1:3]
    )


def weight_gradient_by_winograd(x, g, *, strides, padding, size: Pair):
    """Computes W(x, g)."""
    image = _of_image(x, strides=strides, padding=padding, out=g.shape[1:3])
    products = [v.T @ m for v, m in zip(image, _of_coarse(g), strict=True)]
    w = jax.ShapeDtypeStruct((*size, x.shape[3], g.shape[3]), x.dtype)
    kernel = partial(_of_kernel, strides=strides)
    return jax.linear_transpose(kernel, w)(products)[0]


def _of_image(x, *, strides, padding, out: Pair):
    """Computes V(x): along each axis (d0 - d1, d1, d2 - d1)."""
    whole = [2 * _pairs(o) for o in out]
    blocks = blocks_of(x, strides=strides, padding=padding, out=whole, cells=(2, 2))

    def differences(d, axis):
        n = d.shape[axis] - 1
        d0, d1, d2 = (
            lax.slice_in_dim(d, i, i + n - 1, stride=2, axis=axis) for i in range(3)
        )
        return d0 - d1, d1, d2 - d1

    rows = differences(blocks, 1)
    return [v.reshape(-1, v.shape[-1]) for row in rows for v in differences(row, 2)]


def _to_image(products, shape, *, strides, padding, out: Pair):
    """Computes V' explicitly: `jax.linear_transpose` would take three times as long.

    Pair t adds v0 to block 2t, v1 - v0 - v2 to 2t + 1, and v2 to 2t + 2.
    """
    high, wide = map(_pairs, out)
    products = [v.reshape(shape[0], high, wide, -1) for v in products]

    def blocks(v0, v1, v2, axis):
        even = _padded(v0, axis, 0, 1) + _padded(v2, axis, 1, 0)
        odd = _padded(v1 - v0 - v2, axis, 0, 1)
        both = jnp.stack([even, odd], axis + 1)
        merged = (*v0.shape[:axis], -1, *v0.shape[axis + 1 :])
        return lax.slice_in_dim(both.reshape(merged), 0, -1, axis=axis)

    rows = [blocks(*products[i : i + 3], axis=2) for i in (0, 3, 6)]
    return image_of(blocks(*rows, axis=1), shape, strides=strides, padding=padding)


def _padded(x, axis: int, before: int, after: int):
    widths = [(0, 0)] * x.ndim
    widths[axis] = (before, after)
    return jnp.pad(x, widths)


def _of_kernel(w, *, strides):
    """Computes U(w): along each axis (g0, g0 + g1, g1)."""
    (a, b), (c, d) = kernel_by_cells(w, strides=strides)
    rows = (a, b), (a + c, b + d), (c, d)
    return [u for left, right in rows for u in (left, left + right, right)]


def _of_coarse(g):
    """Computes M(g): along each axis (y0, y0 + y1, y1), of outputs padded to pairs."""
    g = jnp.pad(g, ((0, 0), (0, g.shape[1] % 2), (0, g.shape[2] % 2), (0, 0)))
    b, high, wide, o = g.shape
    g = g.reshape(b, high // 2, 2, wide // 2, 2, o)
    upper, lower = g[:, :, 0], g[:, :, 1]
    rows = upper, upper + lower, lower
    halves = [(row[:, :, :, 0], row[:, :, :, 1]) for row in rows]
    return [
        m.reshape(-1, o) for left, right in halves for m in (left, left + right, right)
    ]


def _to_coarse(products, *, batch: int, out: Pair):
    """Computes M': along each axis y0 = m0 + m1 and y1 = m1 + m2."""
    high, wide = map(_pairs, out)
    m = [product.reshape(batch, high, wide, -1) for product in products]
    rows = [(m[i] + m[i + 1], m[i + 1] + m[i + 2]) for i in (0, 3, 6)]
    halves = [
        jnp.stack([above + below for above, below in zip(*pair, strict=True)], axis=3)
        for pair in (rows[:2], rows[1:])
    ]
    y = jnp.stack(halves, axis=2).reshape(batch, 2 * high, 2 * wide, -1)
    return y[:, : out[0], : out[1]]
