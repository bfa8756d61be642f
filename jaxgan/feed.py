"""Feeds a chunk of steps: from the device's memory, from a stream, from an iterator.

A table that fits is kept on the device whole, and a chunk is given the rows of each
step; if it does not fit, a chunk is given the examples themselves. Both use the same
examples in the same order, which is a function of the run's key and the step. Either
way, everything that a chunk needs is on the devices before it is called.
"""

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan import data, parallel
from jaxgan.checks import InputError
from jaxgan.data.arrays import check_dtypes
from jaxgan.typing import Key

Take = Callable[[int], tuple[Any, Any]]
# A streamed chunk's examples are in memory twice: as read, and as put on the device.
_STREAMED_CHUNK_BYTES = 128 * 2**20


@runtime_checkable
class Table(Protocol):
    """Examples that can be taken by their indices."""

    @property
    def nbytes(self) -> int:
        """The size of all examples in memory."""
        ...

    def __len__(self) -> int: ...

    def batch(self, indices: np.ndarray) -> Any:
        """Returns the examples at ``indices``, a pytree of arrays."""
        ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class Order:
    """The order of the examples in a run.

    Attributes:
        seed: the seed of the order, see `order_seed`.
        batch_size: examples of one batch, over all devices and processes.
        fresh: number of batches in a step.
        start: the first step.
        stop: the step after the last.
    """

    seed: int
    batch_size: int
    fresh: int
    start: int
    stop: int


def order_seed(key: Key) -> int:
    """Returns the seed of the data's order: the key's words as one number, mod 2^64.

    Example:
        >>> order_seed(jax.random.key(7))
        7
    """
    data = key
    if jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        data = jax.random.key_data(key)
    words = np.asarray(data).ravel().tolist()
    return sum(word << 32 * i for i, word in enumerate(reversed(words))) % 2**64


def longest_chunk(table: Table, order: Order, *, resident: bool, most: int) -> int:
    """Returns the number of steps of the longest chunk, at most ``most``."""
    if resident:
        return most
    one_step = order.fresh * order.batch_size * max(1, table.nbytes // len(table))
    return _in_memory(one_step, min(most, order.stop - order.start))


def resident(table: Table, order: Order, longest: int) -> Take:
    """Returns ``take(length)``, which gives (table, rows) for the next steps.

    The table is the whole set, on the devices.
    """
    columns = parallel.put_shared(table.batch(np.arange(len(table))))
    mine = parallel.columns(order.batch_size)
    place = order.start

    def take(length: int):
        nonlocal place
        rows = data.batch_indices(
            order.seed,
            start=place,
            steps=length,
            d_steps=order.fresh,
            batch_size=order.batch_size,
            n=len(table),
        )
        place += length
        return columns, _put(_pad(rows[:, :, mine], longest))

    return take


def streamed(table: Table, order: Order, longest: int) -> Take:
    """Returns ``take(length)``, which gives (columns, None) for the next steps."""
    batches = data.batches(
        table,
        order.seed,
        start=order.start,
        stop=order.stop,
        d_steps=order.fresh,
        batch_size=order.batch_size,
        rows=parallel.columns(order.batch_size),
    )
    return _stacked(batches, longest)


def from_iterator(batches: Iterator[Any], fresh: int, most: int) -> tuple[Take, int]:
    """Returns ``take(length)``, which gives (columns, None) from an iterator's batches.

    The batches are ``[b ...]``, and each step takes ``fresh`` of them. With several
    processes, each has an iterator over its own part of the batch.

    Args:
        batches: the iterator.
        fresh: number of batches in a step.
        most: the largest number of steps in a chunk.

    Returns:
        ``take``, and the number of steps of the longest chunk.

    Raises:
        InputError: if the iterator ends or its batches change in shape.
    """
    steps = _rounds(batches, fresh)
    first = next(steps)
    one_step = sum(leaf.nbytes for leaf in jax.tree.leaves(first))
    longest = _in_memory(one_step, most)
    return _stacked(itertools.chain([first], steps), longest), longest


def _in_memory(one_step: int, most: int) -> int:
    """Returns how many steps of ``one_step`` bytes a chunk may hold."""
    return max(1, min(most, _STREAMED_CHUNK_BYTES // max(1, one_step)))


def _rounds(batches: Iterator[Any], fresh: int) -> Iterator[Any]:
    """Yields the batches of each step, ``[fresh b ...]``."""
    shapes, taken = None, 0
    for batch in batches:
        batch = jax.tree.map(np.asarray, batch)
        check_dtypes(batch)
        found = jax.tree.map(np.shape, batch)
        shapes = found if shapes is None else shapes
        if found != shapes:
            raise InputError(
                "The iterator's batches must all have the same shapes as the first, "
                f"{shapes}, got {found} as batch {taken + 1}. Leave out a last batch "
                "that is smaller."
            )
        if not taken % fresh:
            step = []
        step.append(batch)
        taken += 1
        if len(step) == fresh:
            yield jax.tree.map(lambda *each: np.stack(each), *step)
    raise InputError(
        f"The iterator ended after {taken} batches, before the last step. Give one "
        "that does not end, or fewer steps."
    )


def _stacked(steps: Iterator[Any], longest: int) -> Take:
    def take(length: int):
        taken = [next(steps) for _ in range(length)]
        stack = lambda *columns: _put(_pad(np.stack(columns), longest))
        return jax.tree.map(stack, *taken), None

    return take


def _put(steps: np.ndarray):
    """Puts ``[m k b ...]`` on the devices, with the examples split among them."""
    if jax.device_count() > 1:
        return parallel.put_split(steps, batch_axis=2)
    return parallel.put_shared(steps)


def _pad(steps: np.ndarray, length: int) -> np.ndarray:
    missing = length - len(steps)
    return np.pad(steps, [(0, missing)] + [(0, 0)] * (steps.ndim - 1))
