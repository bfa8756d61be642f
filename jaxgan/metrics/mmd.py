"""Maximum mean discrepancy: its unbiased estimate, and the two-sample test."""

import dataclasses
from collections.abc import Callable

import jax
import numpy as np
from jaxtyping import Real

from jaxgan.checks import InputError
from jaxgan.metrics import bootstrap, distances, permutation
from jaxgan.metrics.inputs import AnyArray, as_rows, describe_key, key_or_default
from jaxgan.metrics.result import Interval, Result
from jaxgan.typing import Key

Kernel = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""``(x [n d], y [m d]) -> [n m]``, in float64; its repr goes into the protocol."""


@dataclasses.dataclass(frozen=True)
class RBF:
    """The Gaussian kernel exp(-||x - y||² / 2 bandwidth²)."""

    bandwidth: float

    def __call__(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.exp(distances.squared(x, y) / (-2 * self.bandwidth**2))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Polynomial:
    """The polynomial kernel (x·y / d + offset)^degree, with d the number of columns."""

    degree: int = 3
    offset: float = 1.0

    def __call__(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (x @ y.T / x.shape[1] + self.offset) ** self.degree


def median_bandwidth(x: Real[AnyArray, "n ..."], y: Real[AnyArray, "m ..."]) -> float:
    """Returns the median distance between two examples of the pooled sets.

    It ignores which set an example belongs to, so a permutation test stays exact.
    """
    pooled = np.concatenate(as_rows(x=x, y=y))
    pairs = distances.squared(pooled, pooled)[np.triu_indices(len(pooled), 1)]
    median = float(np.sqrt(np.median(pairs)))
    if median == 0:
        raise InputError(
            "Half of all pairs of examples are copies, so the median distance is 0; "
            "pass a kernel with a bandwidth, such as kernel=RBF(1.0)."
        )
    return median


def squared(
    x: Real[AnyArray, "n ..."], y: Real[AnyArray, "m ..."], *, kernel: Kernel
) -> float:
    """Returns the unbiased estimate of MMD², which can be negative.

    1/(n(n-1)) Σ_{i≠j} k(x_i, x_j) + 1/(m(m-1)) Σ_{i≠j} k(y_i, y_j)
    - 2/(nm) Σ_{ij} k(x_i, y_j).

    References:
        Gretton et al. 2012, A Kernel Two-Sample Test, JMLR 13.

    Example:
        >>> x, y = np.array([[0.0], [2.0]]), np.array([[1.0], [1.0]])
        >>> squared(x, y, kernel=lambda a, b: a @ b.T)  # 0 + 1 - 2 · 1
        -1.0
    """
    x, y = as_rows(x=x, y=y)
    return float(_u_statistic(kernel, x, y, *_ones(x, y))[0])


def two_sample(
    x: Real[AnyArray, "n ..."],
    y: Real[AnyArray, "m ..."],
    *,
    key: Key | None = None,
    kernel: Kernel | None = None,
    permutations: int = 999,
    resamples: int = 1000,
) -> Result:
    """Returns unbiased MMD² with a permutation p-value and a bootstrap interval.

    The bootstrap never pairs an example with a copy of itself, which keeps its
    replicates unbiased. If the distributions are equal, the estimate is no longer
    nearly a mean (its first-order term vanishes): then trust the p-value, not the
    interval.

    Args:
        x: the first set, of any shape; each example is flattened to a row.
        y: the second set. Memory is ``8 (n + m)²`` bytes.
        key: for the relabellings and the bootstrap; None means ``jax.random.key(0)``.
        kernel: None for the Gaussian kernel with the median distance as bandwidth.
        permutations: number of relabellings.
        resamples: number of bootstrap resamples; 0 for no interval.
    """
    x, y = as_rows(x=x, y=y)
    key = key_or_default(key)
    how = repr(kernel) if kernel is not None else "RBF median heuristic"
    kernel = RBF(median_bandwidth(x, y)) if kernel is None else kernel
    permute_key, bootstrap_key = jax.random.split(key)
    value = squared(x, y, kernel=kernel)
    return Result(
        name="MMD^2",
        value=value,
        interval=_interval(kernel, x, y, bootstrap_key, resamples),
        p_value=_permuted(kernel, x, y, permute_key, permutations, value),
        protocol=(
            f"unbiased, {how}, {len(x)} vs {len(y)}, {permutations} permutations, "
            f"{describe_key(key)}"
        ),
        details={"kernel": repr(kernel)},
    )


def sums(
    kernel: Kernel, x: np.ndarray, y: np.ndarray, w_x: np.ndarray, w_y: np.ndarray
) -> np.ndarray:
    """Returns weighted sums of the kernel and of the weights, ``[3 2 r]``: xx, yy, xy.

    Pairs of an example with itself, or with its copies in a resample, are left out.
    """
    rows = []
    for a, w in ((x, w_x), (y, w_y)):
        k = kernel(a, a)
        np.fill_diagonal(k, 0)
        weights = w.sum(axis=1) ** 2 - (w**2).sum(axis=1)
        rows.append([((w @ k) * w).sum(axis=1), weights])
    cross = ((w_x @ kernel(x, y)) * w_y).sum(axis=1)
    rows.append([cross, w_x.sum(axis=1) * w_y.sum(axis=1)])
    return np.array(rows)


def from_sums(totals: np.ndarray) -> np.ndarray:
    """Returns MMD² from `sums`, ``[r]``."""
    xx, yy, xy = totals[:, 0] / totals[:, 1]
    return xx + yy - 2 * xy


def _u_statistic(kernel, x, y, w_x, w_y):
    return from_sums(sums(kernel, x, y, w_x, w_y))


def _ones(x, y):
    return np.ones((1, len(x))), np.ones((1, len(y)))


def _interval(kernel, x, y, key: Key, resamples: int) -> Interval | None:
    w_x, w_y = bootstrap.counts(key, [len(x), len(y)], resamples)
    return bootstrap.from_replicates(_u_statistic(kernel, x, y, w_x, w_y))


def _permuted(kernel, x, y, key: Key, permutations: int, value: float) -> float:
    n, m = len(x), len(y)
    pooled = np.concatenate([x, y])
    k = kernel(pooled, pooled)
    np.fill_diagonal(k, 0)
    is_y = np.arange(n + m) >= n
    second = permutation.relabellings(key, is_y, permutations).astype(np.float64)
    products = second @ k
    yy = (products * second).sum(axis=1)
    xy = (products * (1 - second)).sum(axis=1)
    xx = k.sum() - yy - 2 * xy
    permuted = xx / (n * (n - 1)) + yy / (m * (m - 1)) - 2 * xy / (n * m)
    # The sums run in another order, so equal values may differ in their last digits.
    return permutation.p_value(permuted, value - 1e-12 * float(np.abs(k).max()))
