"""The three maps of a 1x1 kernel: products of matrices, whose rows are the pixels.

In a loop XLA's own transpose and weight gradient take up to twice as long.
"""

import jax.numpy as jnp

from jaxgan.nets.conv.reference import Pair

_UNPADDED = ((0, 0), (0, 0))


def applies(kernel: Pair, strides: Pair, padding) -> bool:
    """Returns whether a convolution is a product at each pixel by itself."""
    plain = kernel == (1, 1) and strides == (1, 1)
    return plain and tuple(map(tuple, padding)) == _UNPADDED


def conv_of_pixels(x, w):
    """C(x, w): ``[b h w i] -> [b h w o]``."""
    return (_rows(x) @ w[0, 0]).reshape(*x.shape[:3], -1)


def transpose_of_pixels(g, w):
    """T(g, w): ``[b h w o] -> [b h w i]``."""
    return (_rows(g) @ w[0, 0].T).reshape(*g.shape[:3], -1)


def weight_gradient_of_pixels(x, g):
    """W(x, g), a sum over all pixels: ``[1 1 i o]``."""
    # float32 sums, also of bfloat16 factors: a sum over a batch of pixels is long.
    sums = jnp.matmul(_rows(x).T, _rows(g), preferred_element_type=jnp.float32)
    return sums[None, None].astype(x.dtype)


def _rows(image):
    return image.reshape(-1, image.shape[-1])
