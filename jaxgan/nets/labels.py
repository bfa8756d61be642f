"""Class labels as inputs of a network."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.checks import InputError


def one_hot(condition, num_classes: int) -> Float[Array, "b k"] | None:
    """Encodes labels ``[b]`` as one-hot rows; None for an unconditional network.

    A label out of range makes a row of NaN, which stops a run: a compiled step cannot
    raise errors that depend on values.

    Raises:
        InputError: if the network has classes and no labels are given, or the reverse:
            neither is ignored silently.
    """
    if num_classes == 0 and condition is None:
        return None
    if num_classes == 0:
        raise InputError(
            "The network has no classes (num_classes=0), but a condition was given. "
            "Build it with num_classes, or play the game without a condition."
        )
    if condition is None:
        raise InputError(
            f"The network has {num_classes} classes, but no labels were given. Pass "
            'condition=labels, and play the game with GAN(condition="label").'
        )
    labels = jnp.asarray(condition)
    if labels.ndim != 1 or not jnp.issubdtype(labels.dtype, jnp.integer):
        raise InputError(
            "The condition must be integer labels of shape [b], got "
            f"{labels.dtype} of shape {labels.shape}."
        )
    labels = labels.astype(jnp.int32)  # in one byte, 256 would overflow to 0
    known = (labels >= 0) & (labels < num_classes)
    # Rows of zeros would silently train as an additional class.
    return jnp.where(known[:, None], jax.nn.one_hot(labels, num_classes), jnp.nan)
