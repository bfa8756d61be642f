"""T and W of stride 1 on the CPU, in forms that XLA computes fast inside a loop."""

import math
from functools import partial

import jax.numpy as jnp
from jax import lax

from jaxgan.nets.conv.reference import Pair, reference_conv

CACHE_BYTES = 2**22
"""Copies of images that are multiplied at a time. Of larger ones, which go through the
memory, a gradient takes up to twice as long."""


def transpose_unstrided(g, w, *, strides, padding, size):
    """Convolves ``g`` with the kernel turned round, its channels exchanged.

    The kernel is turned here because `jax.linear_transpose` leaves that to attributes
    of the convolution, for which XLA's CPU compiler has only a slow form in a loop.
    """
    kernel = w[::-1, ::-1].transpose(0, 1, 3, 2)

    def ends(n: int, m: int, k: int, low: int) -> Pair:
        return k - 1 - low, n - m + low

    (top, _), (left, _) = padding
    high = ends(size[0], g.shape[1], w.shape[0], top)
    wide = ends(size[1], g.shape[2], w.shape[1], left)
    return reference_conv(g, kernel, strides=strides, padding=(high, wide))


def weight_gradient_unstrided(x, g, *, strides, padding, size):
    """Multiplies ``x`` and ``g``, shifted against each other by each of w's pixels.

    The image with fewer channels is shifted, as its copies take less memory: of so many
    images at a time that the copies stay in a core's cache.
    """
    (kh, kw), (i, o) = size, (x.shape[3], g.shape[3])
    (top, _), (left, _) = padding
    places = [(r - top, s - left) for r in range(kh) for s in range(kw)]

    def of_images(x, g):
        if o < i:
            shifted = [_moved(g, at, x.shape[1:3], back=False) for at in places]
            return _product(x, jnp.concatenate(shifted, axis=-1))
        shifted = [_moved(x, at, g.shape[1:3], back=True) for at in places]
        return _product(jnp.concatenate(shifted, axis=-1), g)

    pixels = math.prod((x if o < i else g).shape[1:3])
    copies = len(places) * min(i, o) * pixels * x.dtype.itemsize
    together = _largest_divisor(len(x), CACHE_BYTES // copies)
    if together == len(x):
        w = of_images(x, g)
    else:
        apart = lambda images: images.reshape(-1, together, *images.shape[1:])
        sums = jnp.zeros_like(of_images(x[:1], g[:1]))
        add = lambda sums, pair: (sums + of_images(*pair), None)
        w, _ = lax.scan(add, sums, (apart(x), apart(g)))
    w = w.reshape((i, kh * kw, o) if o < i else (kh * kw, i, o))
    w = jnp.moveaxis(w, 1, 0) if o < i else w
    return w.reshape(kh, kw, i, o).astype(x.dtype)


def _largest_divisor(number: int, most: int) -> int:
    """The largest divisor that is at most ``most``, or 1."""
    return max(n for n in range(1, number + 1) if number % n == 0 and n <= max(1, most))


def _moved(image, by, size, *, back: bool):
    """The image, moved by so many pixels or back, in a frame of another size."""
    lows = [-b if back else b for b in by]
    pads = zip(lows, size, image.shape[1:3], strict=True)
    ends = [(low, n - m - low, 0) for low, n, m in pads]
    return lax.pad(image, jnp.zeros((), image.dtype), ((0, 0, 0), *ends, (0, 0, 0)))


# float32 sums, also of bfloat16 factors: a sum over a batch of pixels is long.
_product = partial(
    lax.dot_general,
    dimension_numbers=(((0, 1, 2), (0, 1, 2)), ((), ())),
    preferred_element_type=jnp.float32,
)
