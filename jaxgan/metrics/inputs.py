"""Inputs of the metrics: sets of examples as rows, and keys."""

from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.checks import InputError
from jaxgan.typing import Key

AnyArray: TypeAlias = jax.Array | np.ndarray
"""A JAX or NumPy array; metrics in float64 compute with NumPy."""


def flatten(**sets: Any) -> tuple[Any, ...]:
    """Returns sets ``[n ...]`` as ``[n d]``: each example, of any shape, is one row.

    The values are unchanged: uint8 pixels are 0 ... 255.

    Args:
        sets: JAX or NumPy arrays, by the names to use in error messages.

    Raises:
        InputError: if the examples differ in shape (channels first and channels last,
            images and rows), so that their values would be compared in a different
            order.

    Example:
        >>> (rows,) = flatten(images=np.zeros((5, 28, 28, 1), np.uint8))
        >>> rows.shape
        (5, 784)
    """
    for name, examples in sets.items():
        if examples.ndim == 0 or examples.size == 0:
            raise InputError(
                f"{name} must be a set of examples, [n ...], got shape "
                f"{examples.shape}."
            )
    shapes = {name: examples.shape[1:] for name, examples in sets.items()}
    if len(set(shapes.values())) > 1:
        raise InputError(
            f"The examples of all sets must have the same shape, got {shapes}; reshape "
            "or transpose one of the sets."
        )
    return tuple(examples.reshape(len(examples), -1) for examples in sets.values())


def check_one_shape(x: Any, y: Any) -> None:
    """Raises `InputError` unless both sets have equally many examples, of one shape."""
    if x.shape != y.shape:
        raise InputError(
            f"Both sets must have the same shape, got {x.shape} and {y.shape}; use the "
            "same number of examples of each."
        )


def as_rows(**sets: AnyArray) -> tuple[np.ndarray, ...]:
    """Returns sets ``[n ...]`` in float64, each example flattened to a row.

    The arguments and errors are those of `flatten`.

    Raises:
        InputError: also for fewer than two examples, NaN or infinity.
    """
    rows = flatten(**{name: np.asarray(x, np.float64) for name, x in sets.items()})
    for name, of_set in zip(sets, rows, strict=True):
        if len(of_set) < 2:
            raise InputError(
                f"{name} must hold at least two examples, got {len(of_set)}."
            )
        if not np.isfinite(of_set).all():
            raise InputError(f"{name} holds NaN or infinity.")
    return rows


def as_floats(**sets: AnyArray) -> tuple[jax.Array, ...]:
    """Returns sets ``[n ...]`` as rows of floats, float32 at least; runs under ``jit``.

    The arguments and errors are those of `flatten`.
    """
    rows = flatten(**{name: jnp.asarray(x) for name, x in sets.items()})
    return tuple(x.astype(jnp.promote_types(x.dtype, jnp.float32)) for x in rows)


def key_or_default(key: Key | None) -> Key:
    """Returns the key, or ``jax.random.key(0)`` for None."""
    return jax.random.key(0) if key is None else key


def describe_key(key: Key) -> str:
    """Returns a key's text for a protocol: ``jax.random.key(7)`` is "key 0:7"."""
    return "key " + ":".join(map(str, _words(key)))


def generator(key: Key) -> np.random.Generator:
    """Returns a NumPy random generator seeded by a key.

    Metrics in float64 draw on the host, so no program is compiled for a new set size.
    """
    return np.random.default_rng(_words(key))


def _words(key: Key) -> list[int]:
    return np.asarray(jax.random.key_data(key)).tolist()
