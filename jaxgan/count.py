"""A count of images beyond 2^31, in 32-bit arrays."""

from typing import Any

import jax.numpy as jnp
from flax import struct
from jaxtyping import Array, Float

_BITS = 20
_BASE = 1 << _BITS


class Count(struct.PyTreeNode):
    """A whole number ``high * 2^20 + low``, up to 2^51.

    JAX's integers have 32 bits by default: after 524,288 steps with batches of 4,096
    the number of images would turn negative, and every schedule would jump.

    Example:
        >>> count = Count.of(2**31 - 1).plus(4_096)
        >>> int(count), float(count.as_float())
        (2147487743, 2147487744.0)
    """

    high: Any
    low: Any

    @classmethod
    def of(cls, number: int) -> "Count":
        """Returns the count for a Python integer from 0 to 2^51."""
        return cls(jnp.int32(number >> _BITS), jnp.int32(number & (_BASE - 1)))

    def plus(self, number: Any) -> "Count":
        """Returns the count plus ``number``, which is below 2^30 and may be traced."""
        low = self.low + jnp.asarray(number, jnp.int32)
        return Count(self.high + (low >> _BITS), low & (_BASE - 1))

    def as_float(self) -> Float[Array, ""]:
        """Returns the nearest float32: exact up to 2^24, relative error 6e-8 beyond."""
        return self.high.astype(jnp.float32) * _BASE + self.low.astype(jnp.float32)

    def __int__(self) -> int:
        return int(self.high) * _BASE + int(self.low)
