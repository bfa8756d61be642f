"""The birthday-paradox test: how many different samples can a generator produce?

Among n draws from N equally likely values, each of the n(n-1)/2 pairs is equal with
probability 1/N, so the first equal pairs appear at about n = √N. If the values are not
equally likely, 1 / P(two draws are equal) is below N: rare values hardly count.

You decide which samples count as equal. Arora & Zhang inspect the closest pairs: call
`closest_pairs`, count the duplicates you see, and pass their number to `support_size`.
`count_collisions` uses a distance instead; `collisions_of_labels` uses labels.
"""

import math

import numpy as np
from jaxtyping import Float, Int, Real
from scipy.special import gammaincinv

from jaxgan.checks import InputError
from jaxgan.metrics import distances
from jaxgan.metrics.inputs import AnyArray, as_rows
from jaxgan.metrics.result import Interval, Result


def closest_pairs(
    samples: Real[AnyArray, "n ..."], *, count: int = 20
) -> tuple[Int[np.ndarray, "p 2"], Float[np.ndarray, " p"]]:
    """Returns the indices and distances of the closest pairs, for visual inspection.

    The Euclidean distances are computed from the differences, so copies are at 0; the
    choice of the closest pairs is exact up to about 1e-7 of the samples' norm.
    """
    (examples,) = distances.prepare(*as_rows(samples=samples))
    pairs, found = np.empty((0, 2), int), np.empty(0)
    for rows, block in distances.others(examples):
        first = np.arange(rows.start, rows.stop)
        # Each pair once: the second index is the larger one.
        block[np.arange(block.shape[1])[None] <= first[:, None]] = np.inf
        best = np.argpartition(block, min(count, block.size - 1), axis=None)[:count]
        best = best[np.isfinite(block.flat[best])]
        i, j = np.unravel_index(best, block.shape)
        apart = distances.by_differences(examples, first[i], examples, j)
        pairs = np.concatenate([pairs, np.stack([first[i], j], axis=1)])
        found = np.concatenate([found, np.sqrt(apart)])
        order = np.lexsort([pairs[:, 1], pairs[:, 0], found])[:count]
        pairs, found = pairs[order], found[order]
    return pairs, found


def count_collisions(samples: Real[AnyArray, "n ..."], *, closer_than: float) -> int:
    """Returns the number of pairs closer than a given positive distance.

    Copies are at distance 0. Other distances are as exact as a float64 sum.
    """
    if closer_than <= 0:
        raise InputError(
            f"closer_than must be positive, got {closer_than}; for exact copies, use a "
            "distance below that of any two different samples, such as 1e-12 of their "
            "norm."
        )
    (examples,) = distances.prepare(*as_rows(samples=samples))
    thresholds, near = np.full((1, len(samples)), closer_than**2), 0
    for rows, block in distances.others(examples):
        distances.settle(block, examples, rows, examples, thresholds=thresholds)
        near += int((block < thresholds).sum())
    return near // 2


def collisions_of_labels(labels: Int[AnyArray, " n"]) -> int:
    """Returns the number of pairs of equal labels."""
    _, counts = np.unique(np.asarray(labels), return_counts=True)
    return int((counts * (counts - 1) // 2).sum())


def support_size(collisions: int, samples: int, *, level: float = 0.95) -> Result:
    """Estimates the size of a support from the number of equal pairs of samples.

    The value is the unbiased estimate of P(two draws are equal), collisions over pairs;
    the details convert it to support sizes. The interval (exact, Garwood) treats the
    number of collisions as Poisson, which holds while they are rare among the pairs.

    Args:
        collisions: number of equal pairs.
        samples: number of samples; every pair of them was compared.
        level: confidence level of the interval.

    Returns:
        The collision probability. Its details hold ``support_size``, None without
        collisions; ``support_at_least`` and ``support_at_most``, its bounds at the
        interval's level (None if unbounded); and ``samples_for_even_odds``, the
        smallest number of draws that hold an equal pair with probability 1/2 or more,
        given that size.

    References:
        Arora & Zhang 2018, Do GANs learn the distribution?, arXiv:1706.08224.

    Example:
        >>> result = support_size(5, 100)
        >>> result.details["support_size"], result.details["samples_for_even_odds"]
        (990.0, 38)
    """
    pairs = samples * (samples - 1) // 2
    if samples < 2 or not 0 <= collisions <= pairs:
        raise InputError(
            f"{samples} samples have {pairs} pairs, so there cannot be {collisions} "
            "collisions; pass the number of equal pairs."
        )
    tail = (1 - level) / 2
    low = float(gammaincinv(collisions, tail)) if collisions else 0.0
    high = float(gammaincinv(collisions + 1, 1 - tail))
    interval = Interval(low / pairs, min(high / pairs, 1.0), level, "Poisson, exact")
    size = pairs / collisions if collisions else None
    return Result(
        name="collision probability",
        value=collisions / pairs,
        interval=interval,
        protocol=f"{collisions} collisions among {samples} samples",
        details={
            "support_size": size,
            "support_at_least": 1 / interval.high,
            "support_at_most": 1 / interval.low if collisions else None,
            "samples_for_even_odds": _even_odds(size) if size else None,
        },
    )


def _even_odds(size: float) -> int:
    """Returns the least s with Π_{i<s} (1 - i/N) <= 1/2."""
    log_apart, draws = 0.0, 1
    while log_apart > -math.log(2) and draws < size:
        log_apart += math.log1p(-draws / size)
        draws += 1
    return max(draws, 2)
