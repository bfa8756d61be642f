"""Weight norm: separate length and direction of each output's weights.

    w = g v / |v|

for each output of a layer: |v| is over all its weights, g is a parameter "scale", and v
is the layer's kernel parameter. g starts as |v|, so that the layer starts as it would
without weight norm.

References:
    Salimans & Kingma 2016, arXiv:1602.07868, eq. 2. Their initialisation of g and of
    the biases by the statistics of a first batch is not included.
"""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float


def weight_norm(
    layer: Any, kernel: Float[Array, "..."], out_axis: int
) -> Float[Array, "..."]:
    """Gives the kernel a learned length for each output.

    A value for the field ``weight`` of a layer.

    Args:
        layer: the Linen module that has the kernel; it gets the parameter "scale".
        kernel: of any shape; no output may have all-zero weights.
        out_axis: the kernel's output axis.

    Example:
        >>> import jax
        >>> from jaxgan.layers import Dense
        >>> layer = Dense(3, weight=weight_norm)
        >>> params = layer.init(jax.random.key(0), jnp.ones((1, 4)))["params"]
        >>> print({name: value.shape for name, value in sorted(params.items())})
        {'bias': (3,), 'kernel': (4, 3), 'scale': (3,)}
    """
    matrix = jnp.moveaxis(kernel, out_axis, 0).reshape(kernel.shape[out_axis], -1)
    length = jnp.linalg.norm(matrix, axis=1)
    scale = layer.param("scale", lambda key: length)
    along = [1] * kernel.ndim
    along[out_axis] = len(length)
    return kernel * (scale / length).reshape(along)
