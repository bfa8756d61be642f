"""Checks of the user's input: messages that say what was given and what was expected.

The array checks read static shapes and dtypes, so under ``jit`` they run once, at
trace time, and cost nothing afterwards.
"""

import operator
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp


class InputError(ValueError):
    """Input that cannot be used; the message says what to do.

    The command line prints the message alone, without a traceback.
    """


def check_count(name: str, value: Any) -> None:
    """Raises InputError unless ``value`` is a whole number, and at least 1.

    Example:
        >>> check_count("steps", 2.0)
        Traceback (most recent call last):
        jaxgan.checks.InputError: steps must be a whole number, at least 1; got 2.0.
    """
    try:
        enough = operator.index(value) >= 1
    except TypeError:
        enough = False
    if not enough:
        raise InputError(f"{name} must be a whole number, at least 1; got {value!r}.")


def check_rank(name: str, array: Any, rank: int) -> None:
    """Raises ValueError unless ``array`` has ``rank`` dimensions."""
    if jnp.ndim(array) != rank:
        raise ValueError(
            f"{name} must have {rank} dimension(s), got shape {jnp.shape(array)}."
        )


def check_same_shape(**arrays: Any) -> None:
    """Raises ValueError unless all arrays have the same shape.

    ``[b]`` beside ``[b 1]`` would silently broadcast to ``[b b]``.
    """
    shapes = {name: jnp.shape(array) for name, array in arrays.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(f"Expected equal shapes, got {shapes}.")


def check_floating(**arrays: Any) -> None:
    """Raises TypeError unless every array is floating."""
    for name, array in arrays.items():
        if not jnp.issubdtype(jnp.result_type(array), jnp.floating):
            raise TypeError(
                f"{name} must be floating, got {jnp.result_type(array)}; "
                "convert it with .astype(jnp.float32)."
            )


def chosen(flag: str, known: Mapping[str, Any], name: str) -> Any:
    """Returns the value that a name given to a flag stands for.

    Raises:
        InputError: the flag takes no such name.

    Example:
        >>> chosen("--loss", {"hinge": 1, "minimax": 2}, "hinge")
        1
    """
    if name not in known:
        raise InputError(f"{flag} must be one of {', '.join(known)}; got {name!r}.")
    return known[name]
