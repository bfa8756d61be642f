"""T and W of stride 1 on the CPU, in forms that XLA computes fast inside a loop."""

import jax.numpy as jnp
from jax import lax

from jaxgan.nets.conv.reference import Pair, reference_conv

BLOCK_BYTES = 2**20
"""The size of the blocks of images whose weight gradient is computed at a time, so that
they stay in a core's cache. Larger blocks take up to twice as long."""


def transpose_unstrided(g, w, *, strides, padding, size):
    """Convolves ``g`` with the flipped kernel, its channels swapped.

    The kernel is flipped here because `jax.linear_transpose` leaves that to attributes
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
    """Convolves one image with the other, channels and examples swapped.

    For w's pixel at (r, s) the gradient is the product of ``x`` and ``g``, shifted
    against each other by (r, s): a convolution whose kernel is as large as an image,
    and whose channels are the examples. XLA treats it as such only in a layout of its
    own, which is slow in a loop, so the images are transposed here. The one with fewer
    channels serves as the convolution's image, since its shifts are copied.
    """
    (top, _), (left, _) = padding
    back = g.shape[3] < x.shape[3]
    few, many = (g, x) if back else (x, g)
    first = [k - 1 - p if back else p for k, p in zip(size, (top, left), strict=True)]
    shapes = zip(first, size, many.shape[1:3], few.shape[1:3], strict=True)
    high, wide = ((low, k - 1 - low + n - m) for low, k, n, m in shapes)

    def of_images(few, many):
        image = lax.optimization_barrier(few.transpose(3, 1, 2, 0))
        kernel = lax.optimization_barrier(many.transpose(1, 2, 0, 3))
        return reference_conv(image, kernel, strides=(1, 1), padding=(high, wide))

    bytes_an_image = (x.nbytes + g.nbytes) // len(x)
    together = _largest_divisor(len(x), BLOCK_BYTES // bytes_an_image)
    if together == len(x):
        w = of_images(few, many)
    else:
        apart = lambda images: images.reshape(-1, together, *images.shape[1:])
        sums = jnp.zeros_like(of_images(few[:1], many[:1]))
        add = lambda sums, pair: (sums + of_images(*pair), None)
        w, _ = lax.scan(add, sums, (apart(few), apart(many)))
    return w.transpose(1, 2, 3, 0)[::-1, ::-1] if back else w.transpose(1, 2, 0, 3)


def _largest_divisor(number: int, most: int) -> int:
    """Returns the largest divisor that is at most ``most``, or 1."""
    return max(n for n in range(1, number + 1) if number % n == 0 and n <= max(1, most))
