"""The three maps in groups of channels on the CPU: each group by itself.

XLA's own derivatives of a grouped convolution take 20 to 60 times as long there. On
GPUs XLA's own convolution is faster: on an H200 it took 0.2 to 0.5 of the time of a
product for each of the kernel's pixels (16 channels per group; value, gradient, and
gradient of R1, in TF32 and bfloat16).
"""

from collections.abc import Callable

import jax.numpy as jnp
from jax import lax

UNROLLED = 16
"""The largest number of groups that are unrolled. More go in a loop, which computes
somewhat slower and compiles in the time of one group."""


def in_groups(of_group: Callable, a, b, groups: int):
    """Applies a map to each group of its factors' last axes, and joins the results.

    The last axis of an image is all channels; that of a kernel ``[kh kw i/groups o]``
    and of its gradient is ``o``.
    """
    if groups <= UNROLLED:
        pairs = zip(jnp.split(a, groups, 3), jnp.split(b, groups, 3), strict=True)
        return jnp.concatenate([of_group(*pair) for pair in pairs], axis=3)
    apart = lambda x: jnp.moveaxis(x.reshape(*x.shape[:3], groups, -1), 3, 0)
    y = lax.map(lambda pair: of_group(*pair), (apart(a), apart(b)))
    y = jnp.moveaxis(y, 0, 3)
    return y.reshape(*y.shape[:3], -1)
