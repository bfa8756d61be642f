"""The examples of step t: a pure function of (seed, t), so there is no state to keep.

The examples form an endless sequence of epochs, each a permutation of all of them, and
step t takes its ``d_steps * batch_size`` places from that sequence. Batches run across
the end of an epoch, so nothing is dropped and each epoch shows each example once. A run
resumes at any step by asking for that step.
"""

import functools

import numpy as np
from jaxtyping import Int

from jaxgan.checks import InputError

_GOLDEN = 0x9E3779B97F4A7C15  # 2^64 / golden ratio, odd: splitmix64's increment
_MASK = 2**64 - 1


def _splitmix64(state: np.ndarray) -> np.ndarray:
    """Computes one output of splitmix64 from each uint64 state; a bijection."""
    z = state + np.uint64(_GOLDEN)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def _mix(number: int) -> int:
    return int(_splitmix64(np.array([number & _MASK], np.uint64))[0])


@functools.lru_cache(maxsize=4)  # a batch may touch two epochs, of train and of test
def epoch_order(seed: int, epoch: int, n: int) -> Int[np.ndarray, " n"]:
    """Returns the permutation of ``n`` examples for one epoch.

    Example i gets the i-th output of a splitmix64 generator that starts at a hash of
    (seed, epoch), and the examples are sorted by it. Only integer arithmetic is used,
    so the order is the same on every machine and with every version of NumPy.

    Args:
        seed: the run's seed, any integer (taken modulo 2^64).
        epoch: number of the epoch, from 0.
        n: number of examples.

    Returns:
        int64 permutation of 0..n-1, read-only, since it is cached for the next call.

    Example:
        >>> print(epoch_order(0, 0, 5), epoch_order(0, 1, 5))
        [0 2 4 3 1] [0 4 3 2 1]

    References:
        Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators".
    """
    start = _mix(_mix(seed) ^ (epoch & _MASK))
    states = np.uint64(start) + np.arange(n, dtype=np.uint64) * np.uint64(_GOLDEN)
    order = np.argsort(_splitmix64(states), kind="stable").astype(np.int64)
    order.flags.writeable = False
    return order


def batch_indices(
    seed: int, *, start: int, steps: int, d_steps: int, batch_size: int, n: int
) -> Int[np.ndarray, "steps k b"]:
    """Returns the examples of ``steps`` steps from ``start`` on.

    Entry [t, j, i] is at place p = ((start + t) d_steps + j) batch_size + i of the
    endless sequence, so it is ``epoch_order(seed, p // n, n)[p % n]``.

    Args:
        seed: the run's seed.
        start: the first step, from 0.
        steps: the number of steps.
        d_steps: discriminator steps, and so batches, per step.
        batch_size: examples per batch, all hosts and devices together.
        n: number of examples in the set.

    Returns:
        int32 indices into the set, [steps d_steps batch_size].

    Raises:
        InputError: the batch is larger than the set, or a count is not positive.

    Example:
        >>> batch_indices(0, start=0, steps=2, d_steps=1, batch_size=4, n=5).tolist()
        [[[0, 2, 4, 3]], [[1, 0, 4, 3]]]
    """
    if start < 0 or steps < 0 or d_steps < 1 or batch_size < 1:
        raise InputError(
            "Expected start >= 0, steps >= 0, d_steps >= 1 and batch_size >= 1, got "
            f"{start=}, {steps=}, {d_steps=}, {batch_size=}."
        )
    if batch_size > n:
        raise InputError(
            f"A batch of {batch_size} examples was asked for, but the set holds only "
            f"{n}; pass --batch-size {n} or less."
        )
    first, count = start * d_steps * batch_size, steps * d_steps * batch_size
    indices = np.empty(count, np.int32)
    done = 0
    while done < count:  # once per epoch touched
        epoch, place = divmod(first + done, n)
        taken = min(n - place, count - done)
        order = epoch_order(seed, epoch, n)
        indices[done : done + taken] = order[place : place + taken]
        done += taken
    return indices.reshape(steps, d_steps, batch_size)
