"""Exact shards: the same sums, in the same order, on any number of devices.

Floating-point sums depend on their order, so gradients averaged over eight devices
differ in the last bits from those of one, and an adversarial game amplifies that. Here
the batch is always N equal shards. Each is computed by one compiled loop body,
whichever device holds it, and the results of all N are gathered and summed in shard
order.
"""

import functools
import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxgan import keys
from jaxgan.checks import InputError, check_count
from jaxgan.means import cut, gathered, own
from jaxgan.typing import Array


def check_shards(shards: int, batch_size: int, devices: int) -> None:
    """Raises InputError unless a batch, and its shards, can be divided equally.

    Args:
        shards: number of shards.
        batch_size: examples of one batch, over all devices and processes.
        devices: number of devices of all processes.
    """
    check_count("shards", shards)
    if batch_size % shards:
        raise InputError(
            f"A batch of {batch_size} cannot be cut into {shards} equal exact shards. "
            "Choose a number that divides it."
        )
    if shards % devices:
        raise InputError(
            f"{shards} exact shards cannot be shared equally by {devices} devices. "
            f"Choose a multiple of {devices}; a run can move to any number of devices "
            "that divides its shards."
        )


def in_shards(
    measure: Callable,
    collections: Any,
    examples: tuple,
    *,
    shards: int,
    axis_name: str | None,
    never: Array,
):
    """Processes this device's shards one by one, and averages over all shards.

    Args:
        measure: ``(collections, *shard) -> (gradients, collections, means, outputs)``.
        collections: the collections before the update, from which every shard starts.
        examples: this device's examples, trees ``[b ...]``.
        shards: number of shards, over all devices.
        axis_name: the mapped axis over which the batch is spread, or None.
        never: a traced bool that is always false, which the compiler cannot know.

    Returns:
        The means of the gradients, of the collections and of the means, and the outputs
        of all examples of all devices. Every device needs memory for the gradients of
        all shards.
    """
    devices = keys.axis_size(axis_name)
    check_shards(shards, devices * len(jax.tree.leaves(examples)[0]), devices)
    mine = shards // devices
    # With as many rows as there are shards, and a spare one, on any number of devices:
    # with other shapes the compiler may fuse and round the body differently.
    more = shards + 1 - mine
    spare = lambda leaf: jnp.pad(leaf, [(0, more)] + [(0, 0)] * (leaf.ndim - 1))
    parts = jax.tree.map(spare, cut(examples, mine))
    # Jitted, so that finding the results' shapes and running the loop share one trace.
    measure = jax.jit(measure)
    nth = lambda i: jax.tree.map(lambda leaf: leaf[i], parts)
    shapes = jax.eval_shape(lambda: measure(collections, *nth(0)))
    empty = jax.tree.map(lambda s: jnp.zeros((shards + 1, *s.shape), s.dtype), shapes)
    empty = own(empty, axis_name)

    def play(i, found):
        one = measure(collections, *nth(i))
        return jax.tree.map(lambda every, value: every.at[i].set(value), found, one)

    # If the number of iterations were known, a loop of one iteration would be merged
    # into the surrounding code.
    turns = jnp.where(never, 0, mine)
    found = lax.fori_loop(0, turns, play, empty)
    found = _gathered(jax.tree.map(lambda leaf: leaf[:mine], found), axis_name)
    # From here on the program is the same on every number of devices.
    grads, new, means, outputs = lax.optimization_barrier(found)
    join = lambda output: output.reshape(-1, *output.shape[2:])
    average = functools.partial(jax.tree.map, _mean)
    return average(grads), average(new), average(means), jax.tree.map(join, outputs)


def _gathered(found: Any, axis_name: str | None) -> Any:
    """Gathers ``[m ...]`` of every device to ``[n ...]``, one collective per dtype.

    Between processes a collective costs more than the data that it carries.
    """
    if axis_name is None:
        return found
    leaves, structure = jax.tree.flatten(found)
    for kind in sorted({leaf.dtype for leaf in leaves}, key=str):
        which = [i for i, leaf in enumerate(leaves) if leaf.dtype == kind]
        flat = [leaves[i].reshape(len(leaves[i]), -1) for i in which]
        every = gathered(jnp.concatenate(flat, axis=1), axis_name)
        ends = itertools.accumulate(rows.shape[1] for rows in flat)
        for i, rows in zip(
            which, jnp.split(every, list(ends)[:-1], axis=1), strict=True
        ):
            leaves[i] = rows.reshape(-1, *leaves[i].shape[1:])
    return jax.tree.unflatten(structure, leaves)


def _mean(values: Array) -> Array:
    """Returns the mean over the shards, summed in order, in float32 at least.

    A count is the same in all shards, and is returned as it is.
    """
    if not jnp.issubdtype(values.dtype, jnp.inexact):
        return values[0]
    wide = values.astype(jnp.promote_types(values.dtype, jnp.float32))
    total = functools.reduce(jnp.add, list(wide))
    return (total / len(values)).astype(values.dtype)
