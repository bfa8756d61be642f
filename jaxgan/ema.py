"""The exponential moving average of a network, with a half-life in images.

The effect of a decay per step depends on the batch size; that of a half-life in images
does not: after that many images the weight of an old value has halved. The averages of
generators go back to Karras et al. 2018 (arXiv:1710.10196); half-life and ramp-up
are those of StyleGAN2-ADA (Karras et al. 2020, arXiv:2006.06676).
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from jaxgan.checks import check_same_shape


def _is_floating(leaf: Any) -> bool:
    return jnp.issubdtype(jnp.result_type(leaf), jnp.floating)


def init(value: PyTree) -> PyTree:
    """Returns the average before any update: a copy, its floating leaves in float32.

    The copy shares no buffer with the value, so a step may donate a state that holds
    both.

    Args:
        value: a pytree of arrays, such as a network's variables.

    Returns:
        A pytree of the same structure and shapes.

    Example:
        >>> print(init({"w": jnp.ones(2, jnp.bfloat16), "count": jnp.array(3)}))
        {'count': Array(3, dtype=int32, ...), 'w': Array([1., 1.], dtype=float32)}
    """

    def copy(leaf: Any) -> Array:
        dtype = jnp.float32 if _is_floating(leaf) else None
        return jnp.array(leaf, dtype=dtype, copy=True)

    return jax.tree.map(copy, value)


def _rate(images_per_step: Any, half_life: Any) -> Float[Array, ""]:
    """Computes the weight of the new value, 1 - 0.5^(n/h), and 1 where h is 0.

    expm1 keeps full precision: a decay of 0.9999, rounded to float32, would leave only
    three digits of the half-life.
    """
    half_life = jnp.asarray(half_life, jnp.float32)
    averaged = half_life > 0
    steps = jnp.asarray(images_per_step, jnp.float32) / jnp.where(
        averaged, half_life, 1.0
    )
    return jnp.where(averaged, -jnp.expm1(-math.log(2.0) * steps), 1.0)


def _check(images_per_step: Any, half_life: Any, ramp_up: Any) -> None:
    given = {
        "images_per_step": images_per_step,
        "half_life": half_life,
        "ramp_up": ramp_up,
    }
    for name, number in given.items():
        # A traced number (a population's half-life) has no value to check yet.
        if isinstance(number, int | float) and not number >= 0:
            raise ValueError(f"{name} must be >= 0, got {number}.")


def update(
    average: PyTree,
    value: PyTree,
    *,
    images_per_step: Any,
    half_life: Any,
    ramp_up: Any = None,
    images_seen: Any,
) -> PyTree:
    """Returns the average after one more step.

    new = d average + (1 - d) value with d = 0.5^(images_per_step / h), where h is
    `half_life` or, with a ramp-up, min(half_life, ramp_up * images_seen). While h is 0
    the average is the value itself.

    Args:
        average: the result of `init` or of the last update.
        value: the new value, of the same structure and shapes.
        images_per_step: images in one step, over all devices.
        half_life: images after which the weight of an old value has halved, >= 0;
            0 means no averaging.
        ramp_up: the greatest half-life as a share of the images seen, such as 0.05, so
            that the random start is soon forgotten; None for no ramp-up.
        images_seen: images before this step; may be traced, as all numbers here may.

    Returns:
        The new average, floating leaves in float32. Other leaves (counters) are copies
        of the value's. No leaf shares a buffer with the value.

    Raises:
        ValueError: a negative number, or leaves of different shapes.

    Example:
        >>> average = update(
        ...     jnp.array(1.0), jnp.array(0.0),
        ...     images_per_step=500, half_life=500, images_seen=0,
        ... )
        >>> print(average)
        0.5
    """
    _check(images_per_step, half_life, ramp_up)
    if ramp_up is not None:
        half_life = jnp.minimum(half_life, ramp_up * images_seen)
    rate = _rate(images_per_step, half_life)

    def move(old: Array, new: Any) -> Array:
        check_same_shape(average=old, value=new)
        if not _is_floating(new):
            return jnp.array(new, copy=True)
        old, new = jnp.asarray(old, jnp.float32), jnp.asarray(new, jnp.float32)
        # In this form the value is the fixed point, however the rate is rounded; but
        # only the second branch returns the value bit for bit.
        return jnp.where(rate < 1, old + rate * (new - old), new)

    return jax.tree.map(move, average, value)
