"""The step on many devices. The only file that uses `pmap`.

A step built with ``axis_name=parallel.AXIS`` takes a device's share of the batch and
averages gradients, collections and metrics over the axis. Here the batch is cut into
shares and the step is mapped; the state never has a device axis.

Draws depend on an example's global index only (`jaxgan.keys`), so one device and eight
play the same game, up to the order in which floating-point sums are taken.

An update makes one all-reduce for all its means, and those of its networks' batch norm:
with g such layers in the generator and d in the discriminator, that is g + 2d + 1 in a
D-update and 2g + 2d + 1 in a G-update, after XLA has merged them.
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
    """Maps the step over several devices, which share the batch.

    Args:
        step: ``(state, batch, key) -> (state, metrics)``, built with
            ``axis_name=parallel.AXIS``.
        batch_axis: the leaves' batch dimension: 0, or 1 for `make_train_step`'s
            ``[k b ...]``.
        devices: by default all, including those of other processes.

    Returns:
        The same function of the whole batch, or, with several processes, of this
        process's part of it. The state it returns lies on all the devices.

    Raises:
        InputError: if the batch cannot be shared equally.
    """
    # If devices are given to pmap, even all local ones, the axis spans this process
    # alone, and every process draws the same noise.
    shares = jax.local_device_count() if devices is None else len(devices)
    mapped = jax.pmap(
        step, AXIS, in_axes=(None, 0, None), out_axes=None, devices=devices
    )

    def spread_step(state, batch, key):
        return mapped(state, split(batch, shares, batch_axis=batch_axis), key)

    return spread_step


def shard(step: Callable, mesh: jax.sharding.Mesh, *, batch_axis: int = 0) -> Callable:
    """Maps the step by ``shard_map``, for `jax.jit` or to compile ahead of time.

    Args:
        step: as for `spread`.
        mesh: its one axis is `AXIS`, of Auto type; its devices need not exist here.
        batch_axis: as for `spread`.

    Returns:
        The same function of the whole batch, an array on the mesh; to be jitted.
    """
    shares = jax.P(*[None] * batch_axis, AXIS)
    return jax.shard_map(
        step,
        mesh=mesh,
        in_specs=(jax.P(), shares, jax.P()),
        out_specs=jax.P(),
        check_vma=False,  # a pmean of whole trees makes the outputs equal
    )


def spread_chunk(chunk: Callable, *, shared_table: bool) -> Callable:
    """Maps the program of `jaxgan.chunks.make_chunk` over all devices and processes.

    Args:
        chunk: ``(state, table, rows, count, key) -> (state, log)``.
        shared_table: whether every device holds the whole table, and takes its share
            of the rows ``[m k b]``; otherwise the table's columns ``[m k b ...]`` are
            divided.

    Returns:
        The same function of what `put_shared` and `put_split` return; the state is
        donated. A call moves nothing between host and devices.
    """
    table_axis = None if shared_table else 0

    def of_key_data(state, table, rows, count, key_data):
        return chunk(state, table, rows, count, jax.random.wrap_key_data(key_data))

    # Between processes pmap moves a key through the host, but not a key's raw data.
    mapped = jax.pmap(
        of_key_data,
        AXIS,
        in_axes=(None, table_axis, 0, None, None),
        out_axes=None,
        donate_argnums=0,
    )

    def spread(state, table, rows, count, key):
        return mapped(state, table, rows, count, jax.random.key_data(key))

    return spread


def columns(batch_size: int) -> np.ndarray:
    """Returns the indices of a batch's examples on this process's devices, in order.

    With one process these are all indices.
    """
    mine = jax.process_index()
    shares = np.arange(batch_size).reshape(jax.device_count(), -1)
    return shares[[device.process_index == mine for device in jax.devices()]].ravel()


def put_shared(tree: Any, *, devices: Sequence[Any] | None = None) -> Any:
    """Copies the leaves to every device, as the mapped functions expect them.

    Args:
        tree: arrays, such as a state before the first step; without this copy the
            second step, whose state comes from the devices, would be compiled again.
        devices: by default all of this process.
    """
    return jax.device_put(tree, jax.NamedSharding(_mesh(devices), jax.P()))


def put_split(tree: Any, *, batch_axis: int = 0) -> Any:
    """Divides the leaves among this process's devices, as `split` cuts them."""
    shares = split(tree, jax.local_device_count(), batch_axis=batch_axis)
    return jax.device_put(shares, jax.NamedSharding(_mesh(None), jax.P(AXIS)))


def _mesh(devices: Sequence[Any] | None) -> jax.sharding.Mesh:
    """Returns this process's part of pmap's mesh, or a mesh of the devices given."""
    if devices is None:
        return jax.sharding.Mesh(np.array(jax.devices()), (AXIS,)).local_mesh
    return jax.sharding.Mesh(np.array(devices), (AXIS,))
