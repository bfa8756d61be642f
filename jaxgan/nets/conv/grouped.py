"""The three maps in groups of channels on the CPU: products for each kernel's pixel.

XLA's own derivatives of a grouped convolution take 20 to 60 times as long there. On
GPUs XLA's own is the faster: on an H200 it took 0.2 to 0.5 of the time of such products
(16 channels a group; value, gradient, and gradient of R1, in TF32 and bfloat16).
"""

import functools
from functools import partial

import jax.numpy as jnp
from jax import lax

from jaxgan.nets.conv.reference import Pair, out_size

_NONE = (0, 0, 0)


def conv_in_groups(x, w, *, strides, padding, groups: int):
    """C(x, w): the sum of the products with what each of a kernel's pixels sees."""
    sizes = zip(x.shape[1:3], w.shape[:2], strides, padding, strict=True)
    high, wide = (out_size(*each) for each in sizes)
    lows = [low for low, _ in padding]
    x, kernel = _groups_first(x, groups), _kernel_groups(w, groups)
    return _correlate(x, kernel, w.shape[:2], (high, wide), strides, lows)


def transpose_in_groups(g, w, *, strides, padding, size, groups: int):
    """T(g, w): of stride 1 by the kernel turned round; else by adding where it was."""
    g, kernel = _groups_first(g, groups), _kernel_groups(w, groups)
    turned = [u.mT for u in kernel]
    if strides == (1, 1):
        lows = [k - 1 - low for k, (low, _) in zip(w.shape[:2], padding, strict=True)]
        return _correlate(g, turned[::-1], w.shape[:2], size, strides, lows)
    rows, shape = g.reshape(groups, -1, g.shape[-1]), (*g.shape[:4], -1)
    products = ((rows @ u).reshape(shape) for u in turned)
    images = [
        _spread(product, at, size, strides, padding)
        for at, product in zip(_places(w.shape[:2]), products, strict=True)
    ]
    return _groups_last(functools.reduce(jnp.add, images))


def weight_gradient_in_groups(x, g, *, strides, padding, size, groups: int):
    """W(x, g): for each of a kernel's pixels one product over all places."""
    apart = lambda image: image.reshape(*image.shape[:3], groups, -1)
    # float32 sums, also of bfloat16 factors: a sum over a batch of pixels is long.
    product = partial(jnp.einsum, "bhwgi,bhwgo->igo", preferred_element_type="float32")
    lows = [low for low, _ in padding]
    windows = _windows(apart(x), (1, 2), size, g.shape[1:3], strides, lows)
    w = jnp.stack([product(window, apart(g)) for window in windows])
    return w.astype(x.dtype).reshape(*size, x.shape[3] // groups, -1)


def _correlate(x, kernel, size: Pair, out: Pair, strides: Pair, lows):
    """The sum of all windows' products, from ``[g b h w i]`` to ``[b *out g·o]``."""
    rows = lambda window: window.reshape(len(window), -1, window.shape[-1])
    windows = _windows(x, (2, 3), size, out, strides, lows)
    products = [rows(window) @ u for window, u in zip(windows, kernel, strict=True)]
    y = functools.reduce(jnp.add, products)
    return _groups_last(y.reshape(*x.shape[:2], *out, -1))


def _groups_first(x, groups: int):
    """``[b h w g·c]`` as ``[g b h w c]``, or every product would move them there."""
    return jnp.moveaxis(x.reshape(*x.shape[:3], groups, -1), 3, 0)


def _groups_last(x):
    x = jnp.moveaxis(x, 0, 3)
    return x.reshape(*x.shape[:3], -1)


def _kernel_groups(w, groups: int):
    """The kernel's pixels, row by row: ``[g i/g o/g]`` of each."""
    apart = w.reshape(*w.shape[:3], groups, -1)
    return [jnp.moveaxis(apart[at], 1, 0) for at in _places(w.shape[:2])]


def _places(size: Pair) -> list[Pair]:
    return [(r, s) for r in range(size[0]) for s in range(size[1])]


def _windows(x, axes: Pair, kernel: Pair, out: Pair, strides: Pair, lows):
    """What each of a kernel's pixels sees; ``axes`` are the height and the width."""
    spans = [(n - 1) * s + 1 for n, s in zip(out, strides, strict=True)]
    ends = [_NONE] * x.ndim
    for axis, low, span, k in zip(axes, lows, spans, kernel, strict=True):
        ends[axis] = (low, span + k - 1 - x.shape[axis] - low, 0)
    x = lax.pad(x, jnp.zeros((), x.dtype), ends)

    def window(place: Pair):
        seen = x
        for axis, at, span, s in zip(axes, place, spans, strides, strict=True):
            seen = lax.slice_in_dim(seen, at, at + span, s, axis)
        return seen

    return [window(place) for place in _places(kernel)]


def _spread(product, place: Pair, size: Pair, strides: Pair, padding):
    """The places that a window ``[g b h w i]`` came from, in an image of that size."""
    ends = []
    lows = [at - low for at, (low, _) in zip(place, padding, strict=True)]
    for low, n, m, s in zip(lows, size, product.shape[2:4], strides, strict=True):
        ends.append((low, n - low - ((m - 1) * s + 1), s - 1))
    zero = jnp.zeros((), product.dtype)
    return lax.pad(product, zero, (_NONE, _NONE, *ends, _NONE))
