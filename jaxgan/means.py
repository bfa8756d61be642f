"""Means over examples that are spread over devices or microbatches."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxgan.checks import InputError
from jaxgan.typing import Array


def in_float32(logits: Array) -> Array:
    """Casts losses, logits or metrics to float32, whatever the networks compute in."""
    return logits.astype(jnp.float32)


def mean_over_devices(found: Any, axis_name: str | None) -> Any:
    """Averages each device's values over the axis; counts stay as they are.

    A count is equal on all devices, and its mean would be a float.
    """
    if axis_name is None:
        return found
    # XLA sends the leaves in one all-reduce, with whatever else is ready by then.
    # Joining them here into one long vector would only add two copies.
    with jax.named_scope("mean_over_devices"):
        means = lax.pmean(found, axis_name)
    unless_a_count = lambda mean, own: (
        mean if jnp.issubdtype(own.dtype, jnp.inexact) else own
    )
    return jax.tree.map(unless_a_count, means, found)


def gathered(outputs: Any, axis_name: str | None) -> Any:
    """Gathers the outputs of all devices' examples, in order, without gradients."""
    outputs = lax.stop_gradient(outputs)
    if axis_name is None:
        return outputs
    return lax.all_gather(outputs, axis_name, tiled=True)


def in_parts(
    measure: Callable, params: Any, collections: Any, examples: tuple, parts: int
):
    """Processes microbatches one by one, so that only one is in memory at a time.

    Args:
        measure: ``(collections, *part) -> (gradients, collections, means, outputs)``.
        params: the parameters that the gradients belong to, for their shapes.
        collections: the collections before the first part.
        examples: trees ``[b ...]``.
        parts: number of equal parts, in order; 1: the examples are not cut.

    Returns:
        The means of the gradients, the last collections, the means of the means, and
        the outputs of all examples.
    """
    if parts == 1:
        return measure(collections, *examples)

    def play(carry, part):
        total, collections = carry
        grads, collections, *found = measure(collections, *part)
        return (jax.tree.map(jnp.add, total, grads), collections), found

    start = jax.tree.map(jnp.zeros_like, params), collections
    (total, new), (means, outputs) = lax.scan(play, start, cut(examples, parts))
    grads = jax.tree.map(lambda total: total / parts, total)
    means = jax.tree.map(lambda mean: mean.mean(axis=0), means)
    join = lambda output: output.reshape(-1, *output.shape[2:])
    return grads, new, means, jax.tree.map(join, outputs)


def cut(examples: Any, microbatches: int) -> Any:
    """Cuts every leaf into equal parts, in order: ``[b ...]`` to ``[m b/m ...]``."""

    def part(leaf):
        size = leaf.shape[0]
        if size % microbatches:
            raise InputError(
                f"The {size} examples of one device cannot be cut into {microbatches} "
                "equal microbatches. Choose a number that divides them."
            )
        return leaf.reshape(microbatches, size // microbatches, *leaf.shape[1:])

    return jax.tree.map(part, examples)
