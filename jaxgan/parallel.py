"""The step on many devices. The only file that knows `pmap`.

A step built with ``axis_name=parallel.AXIS`` takes a device's share of the batch and
means gradients, collections and metrics over the axis. Here the shares are cut and the
step is mapped; the state goes in and comes out once, never with a device axis.

Draws depend on an example's global index only (`jaxgan.keys`), so one device and eight
play the same game, up to the order in which floating-point sums are taken.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from jaxgan.checks import InputError

AXIS = "devices"


def check_divisible(batch_size: int, device_count: int) -> None:
    """Raises InputError unless every device gets the same number of examples."""
    if batch_size % device_count:
        lower = batch_size - batch_size % device_count
        advice = f"{lower} or {lower + device_count}" if lower else f"{device_count}"
        raise InputError(
            f"A batch of {batch_size} cannot be shared equally by {device_count} "
            f"devices. Choose a batch size such as {advice}."
        )


def split(batch: Any, device_count: int, *, batch_axis: int = 0) -> Any:
    """Cuts the batch axis of every leaf: ``[... b ...]`` to ``[d ... b/d ...]``.

    Device i gets examples ``[i b/d, (i + 1) b/d)``, the order that
    `keys.example_indices` counts in.
    """

    def cut(leaf):
        check_divisible(leaf.shape[batch_axis], device_count)
        shape = leaf.shape
        leaf = leaf.reshape(
            *shape[:batch_axis],
            device_count,
            shape[batch_axis] // device_count,
            *shape[batch_axis + 1 :],
        )
        library = np if isinstance(leaf, np.ndarray) else jax.numpy
        return library.moveaxis(leaf, batch_axis, 0)

    return jax.tree.map(cut, batch)


def spread(
    step: Callable,
    *,
    batch_axis: int = 0,
    devices: Sequence[Any] | None = None,
) -> Callable:
    """The step on the whole batch, shared by several devices.

    Args:
        step: ``(state, batch, key) -> (state, metrics)``, built with
            ``axis_name=parallel.AXIS``.
        batch_axis: where the leaves' batch dimension is: 0, or 1 for
            `make_train_step`'s ``[k b ...]``.
        devices: which devices; by default all, those of other processes too.

    Returns:
        The same function of the whole batch, or, with several processes, of this
        process's part of it. The state it returns lies on all the devices.

    Raises:
        InputError: if the batch cannot be shared equally.
    """
    # Given to pmap, even all local devices would be an axis of this process's own, on
    # which every process draws the same noise.
    shares = jax.local_device_count() if devices is None else len(devices)
    mapped = jax.pmap(
        step, AXIS, in_axes=(None, 0, None), out_axes=None, devices=devices
    )

    def spread_step(state, batch, key):
        return mapped(state, split(batch, shares, batch_axis=batch_axis), key)

    return spread_step


def spread_chunk(chunk: Callable, *, shared_table: bool) -> Callable:
    """`training.feed.make_chunk`'s program on all devices.

    Args:
        chunk: ``(state, table, rows, count, key) -> (state, log)``.
        shared_table: whether every device holds the whole table, `put_shared`, and
            takes its share of the rows ``[m k b]``; else it is the table's columns
            ``[m k b ...]`` that are shared out.
    """
    shares = jax.local_device_count()
    table_axis = None if shared_table else 0
    mapped = jax.pmap(
        chunk,
        AXIS,
        in_axes=(None, table_axis, 0, None, None),
        out_axes=None,
        donate_argnums=0,
    )

    def spread(state, table, rows, count, key):
        if not shared_table:
            table = split(table, shares, batch_axis=2)
        rows = split(rows, shares, batch_axis=2)
        return mapped(state, table, rows, count, key)

    return spread


def put_shared(tree: Any, *, devices: Sequence[Any] | None = None) -> Any:
    """Copies the leaves to every device, where the mapped functions want them.

    Args:
        tree: arrays, such as a state before the first step; without this the second
            step, whose state comes from the devices, would be compiled anew.
        devices: which devices; by default all.
    """
    devices = jax.devices() if devices is None else list(devices)
    mesh = jax.sharding.Mesh(np.array(devices), (AXIS,))
    return jax.device_put(tree, jax.NamedSharding(mesh, jax.P()))
