"""The three maps of a 1x1 kernel: matrix products, with the pixels as rows.

In a loop XLA's own transpose and weight gradient take up to twice as long.
"""

import jax.numpy as jnp

from jaxgan.nets.conv.reference import Pair

_UNPADDED = ((0, 0), (0, 0))


def applies(kernel: Pair, strides: Pair, padding) -> bool:
    """Returns whether a convolution is a separate product at each pixel."""
    plain = kernel == (1, 1) and strides == (1, 1)
    return plain and tuple(map(tuple, padding)) == _UNPADDED


def conv_of_pixels(x, w):
    """Computes C(x, w): ``[b h w i] -> [b h w o]``."""
    return (_rows(x) @ w[0, 0]).reshape(*x.shape[:3], -1)


def transpose_of_pixels(g, w):
    """Computes T(g, w): ``[b h w o] -> [b h w i]``."""
    return (_rows(g) @ w[0, 0].T).reshape(*g.shape[:3], -1)


def weight_gradient_of_pixels(x, g):
    """Computes W(x, g), a sum over all pixels: ``[1 1 i o]``."""
    # Sums in float32, even of bfloat16 factors: a batch of pixels has many terms.
    sums = jnp.matmul(_rows(x).T, _rows(g), preferred_element_type=jnp.float32)
    return sums[None, None].astype(x.dtype)


def _rows(image):
    return image.reshape(-1, image.shape[-1])
