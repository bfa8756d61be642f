"""Diversity: the mean distance between two samples, per condition or over all samples.

A generator that always returns the same image for a condition has diversity 0. Noise is
diverse as well: diversity is meaningful only beside a measure of quality, and beside
the diversity of real images.

References:
    Zhu et al. 2017, Toward Multimodal Image-to-Image Translation, arXiv:1711.11586;
    Choi et al. 2019, StarGAN v2, arXiv:1912.01865, whose code uses all pairs of the
    samples of a condition, and LPIPS on AlexNet.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from jaxgan.checks import InputError
from jaxgan.metrics import means
from jaxgan.metrics.inputs import AnyArray, generator, key_or_default
from jaxgan.metrics.result import Result
from jaxgan.typing import Key

Distance = Callable[[Any, Any], Any]
"""``(a [n ...], b [n ...]) -> [n]``, such as LPIPS of `jaxgan.metrics.perceptual`."""

Rows = Int[np.ndarray, "p 2"]

_TOGETHER = 256  # pairs per call


class Pairing(NamedTuple):
    """A rule for choosing the pairs of samples to compare.

    Attributes:
        name: its name in protocols.
        draw: ``(random, m) -> [p 2]``, the pairs among m samples.
    """

    name: str
    draw: Callable[[np.random.Generator, int], Rows]


def all_pairs(random: np.random.Generator, count: int) -> Rows:
    """Returns all m (m - 1) / 2 pairs among m samples.

    Example:
        >>> all_pairs(np.random.default_rng(0), 3).tolist()
        [[0, 1], [0, 2], [1, 2]]
    """
    del random  # there is nothing to draw
    return np.stack(np.triu_indices(count, k=1), axis=1)


def disjoint_pairs(random: np.random.Generator, count: int) -> Rows:
    """Returns ⌊m / 2⌋ random pairs of m samples, each sample in at most one pair."""
    return random.permutation(count)[: count // 2 * 2].reshape(-1, 2)


ALL = Pairing("all pairs", all_pairs)
DISJOINT = Pairing("random disjoint pairs", disjoint_pairs)


def of_conditions(
    distance: Distance,
    samples: AnyArray,
    *,
    described: str,
    pairing: Pairing = ALL,
    key: Key | None = None,
    resamples: int = 1000,
) -> Result:
    """Returns the mean distance between two samples of the same condition.

    This is the mean over conditions of the mean over pairs. The interval is the
    percentile bootstrap over conditions; for one condition there is none. For LPIPS and
    all pairs, `jaxgan.metrics.features.lpips.diversity` processes each sample once.

    Args:
        distance: see `Distance`.
        samples: m for each of k conditions, ``[k m ...]``, as the distance takes them.
        described: the distance, with its network and weights, for the protocol.
        pairing: `ALL`, or `DISJOINT` to save time.
        key: for the pairs and the bootstrap; None means ``jax.random.key(0)``.
        resamples: number of bootstrap resamples; 0 for no interval.

    Raises:
        InputError: if there is no condition, or fewer than two samples of each, or the
            distance does not return one value per pair.

    Example:
        >>> far = lambda a, b: abs(a - b)
        >>> samples = np.array([[0.0, 1.0, 2.0], [5.0, 5.0, 5.0]])
        >>> found = of_conditions(far, samples, described="|a - b|", resamples=0)
        >>> round(found.value, 4), found.protocol
        (0.6667, '|a - b|, 2 conditions, all pairs of 3 samples: 3 each, key 0:0')
    """
    conditions, count = samples.shape[:2] if samples.ndim > 1 else (0, 0)
    if conditions < 1 or count < 2:
        raise InputError(
            "Diversity needs [k m ...], two or more samples of each condition, got the "
            f"shape {list(samples.shape)}."
        )
    key = key_or_default(key)
    random = generator(key)
    drawn = [pairing.draw(random, count) for _ in range(conditions)]
    rows = np.concatenate([count * k + pairs for k, pairs in enumerate(drawn)])
    flat = samples.reshape(-1, *samples.shape[2:])
    apart = _distances(distance, flat, rows).reshape(conditions, -1)
    return means.result(
        "diversity",
        apart.mean(axis=1),
        described=f"{described}, {conditions} conditions, {pairing.name} of {count} "
        f"samples: {apart.shape[1]} each",
        key=key,
        resamples=resamples,
    )


def of_samples(
    distance: Distance,
    samples: AnyArray,
    *,
    described: str,
    key: Key | None = None,
    resamples: int = 1000,
) -> Result:
    """Returns the mean distance between two samples, regardless of their conditions.

    The pairs are random and disjoint, so their distances are independent; the interval
    is the percentile bootstrap over pairs.

    Args:
        distance: see `Distance`.
        samples: ``[n ...]``, as the distance takes them; if n is odd, one is left out.
        described: the distance, with its network and weights, for the protocol.
        key: for the pairs and the bootstrap; None means ``jax.random.key(0)``.
        resamples: number of bootstrap resamples; 0 for no interval.

    Raises:
        InputError: if there are fewer than two samples, or the distance does not return
            one value per pair.
    """
    if samples.ndim < 1 or len(samples) < 2:
        raise InputError(
            "Diversity needs two or more samples [n ...], got the shape "
            f"{list(samples.shape)}."
        )
    key = key_or_default(key)
    rows = disjoint_pairs(generator(key), len(samples))
    return means.result(
        "diversity",
        _distances(distance, samples, rows),
        described=f"{described}, {len(rows)} {DISJOINT.name} of {len(samples)} samples",
        key=key,
        resamples=resamples,
    )


def _distances(distance: Distance, samples: AnyArray, rows: Rows) -> np.ndarray:
    """Returns the distance of each pair of rows, ``[p]``."""
    found = []
    for start in range(0, len(rows), _TOGETHER):
        one, other = rows[start : start + _TOGETHER].T
        part = np.asarray(distance(samples[one], samples[other]), np.float64)
        if part.shape != one.shape:
            raise InputError(
                f"The distance must return one value per pair, [{len(one)}], got the "
                f"shape {list(part.shape)}."
            )
        found.append(part)
    return np.concatenate(found)
