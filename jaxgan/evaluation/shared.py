"""Several processes' outputs for one set, combined without changing a bit."""

import functools
import itertools
from collections.abc import Iterator
from typing import TypeVar

import jax
import numpy as np

from jaxgan import processes
from jaxgan.metrics.moments import Moments, merge

T = TypeVar("T")


def own_blocks(blocks: Iterator[T], total: int) -> Iterator[T]:
    """Returns this process's share of blocks: every P-th of ``total`` for P processes.

    Returns all blocks if some process would have none otherwise.
    """
    if not is_shared(total):
        return blocks
    return itertools.islice(blocks, jax.process_index(), None, jax.process_count())


def is_shared(total: int) -> bool:
    """Returns whether processes share ``total`` blocks."""
    return 1 < jax.process_count() <= total


def moments_of_all(own: Moments, total: int) -> Moments:
    """Returns the moments of all processes' blocks; every process must call it."""
    if not is_shared(total):
        return own
    counts = processes.gather(np.int32(own.count))
    means, scatters = _gather(own.mean), _gather(own.scatter)
    parts = map(Moments, counts.tolist(), means, scatters)
    return functools.reduce(merge, parts)


def rows_of_all(own: list[np.ndarray], total: int) -> np.ndarray:
    """Returns the rows of all blocks, in block order; every process must call it.

    Args:
        own: this process's blocks ``[n d]``, all but the set's last of equal length.
        total: the number of all blocks.
    """
    if not is_shared(total):
        return np.concatenate(own)
    count = jax.process_count()
    longest = -(-total // count)
    lengths = np.zeros(longest, np.int32)
    lengths[: len(own)] = [len(block) for block in own]
    padded = np.zeros((longest, own[0].shape[0], own[0].shape[1]), own[0].dtype)
    for place, block in zip(padded, own, strict=False):
        place[: len(block)] = block
    lengths, padded = processes.gather(lengths), _gather(padded)
    return np.concatenate(
        [
            padded[i % count, i // count][: lengths[i % count, i // count]]
            for i in range(total)
        ]
    )


def _gather(array: np.ndarray) -> np.ndarray:
    """Returns ``[p ...]`` of all processes, sent as bytes: JAX would round float64."""
    content = np.ascontiguousarray(array)
    found = processes.gather(content.reshape(-1).view(np.uint8))
    return found.view(content.dtype).reshape(-1, *content.shape)
