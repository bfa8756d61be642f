"""The bootstrap over examples, with each resample represented as a vector of counts.

A statistic here is a function of weights: the number of times each example occurs. With
all weights equal to 1 it is the metric itself; with the counts of n draws with
replacement it is one replicate. No rows are copied, and a block of replicates is one
matrix product.

The percentile interval suits a statistic that is nearly a mean over examples. It does
not suit a distance between distributions: its estimate is too large by a bias of order
1/n, a resample adds that bias again, and the whole interval can lie above the value.
Those metrics (Fréchet, Inception score, sliced Wasserstein, the KL of mode counts) use
the *centred* interval: the replicates are shifted so that their mean is the value. It
covers the variation of the value over other sets of the same size; it does not cover
the distance between the distributions themselves.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from jaxgan.checks import InputError
from jaxgan.metrics.inputs import AnyArray, generator
from jaxgan.metrics.result import Interval
from jaxgan.typing import Key

Statistic = Callable[..., np.ndarray]
"""``(weights [r n], weights [r m], ...) -> [r]``, one argument for each set."""

_BLOCK = 50  # replicates at a time: 50 x 50,000 counts are 20 MB in float64


def interval(
    statistic: Statistic,
    sizes: Sequence[int],
    *,
    key: Key,
    resamples: int = 1000,
    level: float = 0.95,
    value: float | None = None,
) -> Interval | None:
    """Returns the bootstrap interval of a statistic of one or more independent sets.

    Args:
        statistic: see `Statistic`.
        sizes: number of examples of each set; the sets are resampled independently.
        key: for the resamples.
        resamples: number of resamples; the ends of a 95 % interval need about 1000. 0
            for no interval.
        level: the probability with which the interval should cover the expectation.
        value: None for the percentile interval; the metric's value for the centred
            one.

    Returns:
        The interval; None if there are no resamples.

    Raises:
        InputError: if the level lies outside (0, 1), or resamples is 1 or negative.

    References:
        Efron & Tibshirani 1993, An Introduction to the Bootstrap.

    Example:
        >>> import jax
        >>> ten = np.arange(10.0)
        >>> mean = lambda weights: weights @ ten / weights.sum(axis=1)
        >>> low, high, _, method = interval(mean, [10], key=jax.random.key(0))
        >>> bool(2 < low < 4.5 < high < 7), method
        (True, 'percentile bootstrap, 1000 resamples')
    """
    drawn = replicates(statistic, sizes, key=key, resamples=resamples)
    return from_replicates(drawn, level=level, value=value)


def replicates(
    statistic: Statistic, sizes: Sequence[int], *, key: Key, resamples: int = 1000
) -> np.ndarray:
    """Returns the statistic of each resample, ``[resamples]``; see `interval`."""
    blocks = resample(key, sizes, resamples)
    return np.concatenate([np.empty(0), *(statistic(*weights) for weights in blocks)])


def from_replicates(
    drawn: np.ndarray, *, level: float = 0.95, value: float | None = None
) -> Interval | None:
    """Returns the interval of given replicates, None without any; see `interval`."""
    if not 0 < level < 1:
        raise InputError(f"An interval needs a level in (0, 1), got level={level}.")
    check(len(drawn))
    if len(drawn) == 0:
        return None
    tails = [(1 - level) / 2, (1 + level) / 2]
    low, high = (float(q) for q in np.quantile(drawn, tails))
    how = f"bootstrap, {len(drawn)} resamples"
    if value is None:
        return Interval(low, high, level, f"percentile {how}")
    shift = value - float(drawn.mean())
    return Interval(low + shift, high + shift, level, f"centred {how}")


def interval_of_mean(
    values: AnyArray, *, key: Key, resamples: int = 1000, level: float = 0.95
) -> Interval | None:
    """Returns the percentile interval of the mean of values per example, ``[n]``."""
    values = np.asarray(values, np.float64)
    mean = lambda weights: weights @ values / len(values)
    return interval(mean, [len(values)], key=key, resamples=resamples, level=level)


def resample(
    key: Key, sizes: Sequence[int], resamples: int
) -> Iterator[list[np.ndarray]]:
    """Yields blocks of counts, ``[r n]`` for each set; a row sums to its set's size."""
    check(resamples)
    random = generator(key)
    for start in range(0, resamples, _BLOCK):
        rows = min(_BLOCK, resamples - start)
        yield [_counts(random, rows, size) for size in sizes]


def counts(key: Key, sizes: Sequence[int], resamples: int) -> list[np.ndarray]:
    """Returns all blocks of `resample` at once, ``[resamples n]`` for each set."""
    none = [np.empty((0, size)) for size in sizes]
    blocks = [none, *resample(key, sizes, resamples)]
    return [np.concatenate(of_set) for of_set in zip(*blocks, strict=True)]


def check(resamples: int) -> None:
    """Raises InputError for a number of resamples that is 1 or negative."""
    if resamples < 0 or resamples == 1:
        raise InputError(
            "An interval needs two or more resamples, about 1000 for its ends, got "
            f"resamples={resamples}; pass 0 for no interval."
        )


def _counts(random: np.random.Generator, rows: int, size: int) -> np.ndarray:
    drawn = random.integers(0, size, (rows, size))
    # One bincount over all rows: an offset keeps their indices apart.
    flat = (drawn + size * np.arange(rows)[:, None]).ravel()
    counts = np.bincount(flat, minlength=rows * size)
    return counts.reshape(rows, size).astype(np.float64)
