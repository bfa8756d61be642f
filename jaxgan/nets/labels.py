"""How a class label reaches a network."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgan.checks import InputError


def one_hot(condition, num_classes: int) -> Float[Array, "b k"] | None:
    """The labels ``[b]`` as one-hot rows; None for an unconditional network.

    A label that is no class makes a row of NaN, which stops a run; values cannot raise
    in a compiled step.

    Raises:
        InputError: if the network has classes and no labels come, or the reverse: an
            option that would be ignored is an error.
    """
    if num_classes == 0 and condition is None:
        return None
    if num_classes == 0:
        raise InputError(
            "The network has no classes (num_classes=0), but a condition came. Build "
            "it with num_classes, or play the game without a condition."
        )
    if condition is None:
        raise InputError(
            f"The network has {num_classes} classes, but no labels came. Pass "
            'condition=labels, and play the game with GAN(condition="label").'
        )
    labels = jnp.asarray(condition)
    if labels.ndim != 1 or not jnp.issubdtype(labels.dtype, jnp.integer):
        raise InputError(
            "The condition must be integer labels of shape [b], got "
            f"{labels.dtype} of shape {labels.shape}."
        )
    labels = labels.astype(jnp.int32)  # in one byte, 256 classes would be none
    known = (labels >= 0) & (labels < num_classes)
    # Rows of zeros would be a class of their own, trained without a word.
    return jnp.where(known[:, None], jax.nn.one_hot(labels, num_classes), jnp.nan)
