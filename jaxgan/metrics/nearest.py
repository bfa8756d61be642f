"""The exact nearest neighbours of each example, ties included, under ``jit``.

As in `distances`, matrix products rule out most pairs, and pairs that rounding could
affect are recomputed from the differences; here in float32, or in whole numbers if the
examples are 8-bit integers.
"""

from collections.abc import Callable

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int, Real

_ROWS, _NUMBERS = 128, 2**24  # maxima per block
_TOGETHER = 8  # others whose differences from an example are computed at a time
# Columns per product: 256 · 255² < 2²⁴, so float32 is exact for 8-bit integers; and
# dividing a long sum into more parts reduces the rounding.
_COLUMNS = 256

Judge = Callable[[Bool[Array, "r n"], Int[Array, " r"]], Float[Array, " r"]]
"""``(mask of the nearest examples, indices of r examples) -> one number for each``."""


def squared_distances(
    x: Float[Array, "n d"], y: Float[Array, "m d"]
) -> Float[Array, "n m"]:
    """Returns ||x_i - y_j||^2, as ||x||^2 - 2 x·y + ||y||^2, never below zero."""
    x2, y2 = (x**2).sum(axis=1), (y**2).sum(axis=1)
    # In full float32 on every platform: the terms cancel at small distances.
    products = jnp.matmul(x, y.T, precision=lax.Precision.HIGHEST)
    return jnp.maximum(x2[:, None] - 2 * products + y2[None, :], 0)


def judge_blocks(judge: Judge, examples: Real[Array, "n d"]) -> Float[Array, " n"]:
    """Applies ``judge`` to each example's nearest others, in bounded memory.

    If an example holds NaN, no example has a nearest one.

    Args:
        judge: see `Judge`; called with a block of examples at a time.
        examples: 8-bit integers, whose distances are exact; or any other numbers, taken
            as floats, where copies are at distance 0.
    """
    n, d = examples.shape
    if examples.dtype in (jnp.bool_, jnp.uint8, jnp.int8):
        find = _of_bytes
    else:
        examples = examples.astype(jnp.promote_types(examples.dtype, jnp.float32))
        find = _of_floats
    width = min(d, _COLUMNS)
    padded = jnp.pad(examples, ((0, 0), (0, -d % width)))
    columns = padded.reshape(n, -1, width).transpose(1, 0, 2)
    size = min(n, _ROWS, max(1, _NUMBERS // max(n, _TOGETHER * d)))
    # The last block is padded by repeating the last example.
    at = jnp.minimum(jnp.arange(n + -n % size), n - 1).reshape(-1, size)
    judged = lax.map(lambda rows: judge(find(columns, rows), rows), at)
    return judged.reshape(-1)[:n]


def _others(rows: Int[Array, " r"], n: int) -> Bool[Array, "r n"]:
    return rows[:, None] != jnp.arange(n)[None, :]


def _of_bytes(columns: Real[Array, "c n w"], rows: Int[Array, " r"]):
    """Returns which examples are nearest to those of the rows, ``bool [r n]``."""

    def add(digits, part):
        part = part.astype(jnp.float32)
        squared = squared_distances(part[rows], part).astype(jnp.int32)
        high, low = digits
        return (high + (squared >> 16), low + (squared & 0xFFFF)), None

    zeros = jnp.zeros((len(rows), columns.shape[1]), jnp.int32)
    (high, low), _ = lax.scan(add, (zeros, zeros), columns)
    nearest = _others(rows, columns.shape[1])
    # Two digits in base 2^16: one int32 would overflow above 33,025 columns.
    for digit in (high + (low >> 16), low & 0xFFFF):
        least = jnp.where(nearest, digit, jnp.iinfo(jnp.int32).max).min(axis=1)
        nearest &= digit == least[:, None]
    return nearest


def _of_floats(columns: Float[Array, "c n w"], rows: Int[Array, " r"]):
    """Returns which examples are nearest to those of the rows, ``bool [r n]``."""
    centred = columns - columns.mean(axis=1, keepdims=True)
    others = _others(rows, columns.shape[1])
    zeros = jnp.zeros(others.shape, columns.dtype)
    add = lambda sums, part: (sums + squared_distances(part[rows], part), None)
    products, _ = lax.scan(add, zeros, centred)
    least = jnp.where(others, products, jnp.inf).min(axis=1)
    # The margin of `distances.settle`; a sum adds c + w terms one after the other.
    parts, _, width = columns.shape
    rounding = 2 * (parts + width + 16) * float(jnp.finfo(columns.dtype).eps)
    squares = (centred[:, rows] ** 2).sum(axis=(0, 2))
    most = least + 4 * rounding * (3 * squares + 2 * least)
    near = others & (products <= most[:, None]) & jnp.isfinite(products)
    exact = jnp.where(near, _differences(columns, rows, near, products), jnp.inf)
    return near & (exact == exact.min(axis=1, keepdims=True))


def _differences(columns, rows, near, products):
    """Returns ``[r n]`` squared distances of the near pairs, from the differences."""
    each = jnp.arange(len(rows))[:, None]

    def some(state):
        left, found = state
        closest = jnp.where(left, -products, -jnp.inf)
        _, at = lax.top_k(closest, min(_TOGETHER, near.shape[1]))
        apart = columns[:, rows, None] - columns[:, at]
        squared = (apart**2).sum(axis=3).sum(axis=0)
        return left.at[each, at].set(False), found.at[each, at].set(squared)

    start = near, jnp.zeros_like(products)
    _, found = lax.while_loop(lambda state: state[0].any(), some, start)
    return found
