"""Means over examples that are spread over devices or microbatches."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from jaxgan.checks import InputError
from jaxgan.typing import Array


def in_float32(logits: ArrayLike) -> Array:
    """Casts losses, logits or metrics to float32, whatever the networks compute in."""
    return jnp.asarray(logits, jnp.float32)


def own(tree: Any, axis_name: str | None) -> Any:
    """Marks values that are equal on all devices as each device's own.

    A ``shard_map`` that tracks which values vary (``check_vma``, its default) takes a
    parameter or a loss that does not vary as one for all devices, and sums or divides
    gradients accordingly. The gradient of a device's own loss with respect to its own
    parameters is its own too, to be averaged by `mean_over_devices`. Where nothing is
    tracked, this does nothing.
    """
    if not _is_tracked(axis_name):
        return tree
    mark = lambda leaf: lax.pcast(leaf, axis_name, to="varying")
    return jax.tree.map(lambda x: x if _varies(x, axis_name) else mark(x), tree)


def _is_tracked(axis_name: str | None) -> bool:
    """Returns whether it is tracked which values vary along the axis."""
    return axis_name is not None and _varies(lax.axis_index(axis_name), axis_name)


def _varies(value: Any, axis_name: str | None) -> bool:
    return axis_name in jax.typeof(value).manual_axis_type.varying


def mean_over_devices(found: Any, axis_name: str | None) -> Any:
    """Averages each device's values over the axis; counts stay as they are.

    A count is equal on all devices, and its mean would be a float.
    """
    if axis_name is None:
        return found
    tracked = _is_tracked(axis_name)
    # XLA sends the leaves in one all-reduce, with whatever else is ready by then.
    # Joining them here into one long vector would only add two copies.
    with jax.named_scope("mean_over_devices"):
        means = lax.pmean(found, axis_name)
    # The maximum is the count, which is then known to be equal on all devices.
    same = lambda count: lax.pmax(count, axis_name) if tracked else count
    unless_a_count = lambda mean, each: (
        mean if jnp.issubdtype(each.dtype, jnp.inexact) else same(each)
    )
    return jax.tree.map(unless_a_count, means, found)


def gathered(outputs: Any, axis_name: str | None) -> Any:
    """Gathers the outputs of all devices' examples, in order, without gradients."""
    outputs = lax.stop_gradient(outputs)
    if axis_name is None:
        return outputs
    to = "invarying" if _is_tracked(axis_name) else "varying"
    return lax.all_gather(outputs, axis_name, tiled=True, to=to)


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
        The mean gradients (summed in float32 at least), the last collections, the
        means of the means, and the outputs of all examples.
    """
    if parts == 1:
        return measure(collections, *examples)

    def play(carry, part):
        total, collections = carry
        grads, collections, *found = measure(collections, *part)
        return (jax.tree.map(jnp.add, total, grads), collections), found

    wide = lambda leaf: jnp.promote_types(leaf.dtype, jnp.float32)
    zeros = lambda leaf: jnp.zeros_like(leaf, wide(leaf))
    start = jax.tree.map(zeros, params), collections
    (total, new), (means, outputs) = lax.scan(play, start, cut(examples, parts))
    mean = lambda total, leaf: (total / parts).astype(leaf.dtype)
    grads = jax.tree.map(mean, total, params)
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
