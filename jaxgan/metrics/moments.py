"""Mean and covariance of features that arrive in blocks, in float64."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Real

from jaxgan.checks import InputError

_TOGETHER = 1024  # rows to collect for one matrix product


class Moments(NamedTuple):
    """The moments of a set of examples that define its Gaussian fit.

    Attributes:
        count: n, the number of examples.
        mean: ``[d]``.
        scatter: the sum of ``(x - mean) (x - mean)ᵀ``, ``[d d]``.

    Example:
        >>> a, b = np.arange(12.0).reshape(2, 3, 2)
        >>> both = merge(of(a), of(b))
        >>> bool(np.allclose(both.covariance, np.cov(np.concatenate([a, b]).T)))
        True
    """

    count: int
    mean: Float[np.ndarray, " d"]
    scatter: Float[np.ndarray, "d d"]

    @property
    def covariance(self) -> Float[np.ndarray, "d d"]:
        """The unbiased covariance: the scatter over n - 1.

        Raises:
            InputError: for fewer than two examples.
        """
        if self.count < 2:
            raise InputError(
                f"A covariance needs at least two examples, got {self.count}."
            )
        return self.scatter / (self.count - 1)


def of(rows: Real[np.ndarray, "n d"]) -> Moments:
    """Returns the moments of one block of at least one row."""
    rows = np.asarray(rows, np.float64)
    mean = rows.mean(axis=0)
    centred = rows - mean
    return Moments(len(rows), mean, centred.T @ centred)


def merge(a: Moments, b: Moments) -> Moments:
    """Returns the moments of both sets together.

    References:
        Chan, Golub & LeVeque 1983, Algorithms for Computing the Sample Variance.
    """
    count = a.count + b.count
    apart = b.mean - a.mean
    mean = a.mean + apart * (b.count / count)
    between = np.outer(apart, apart) * (a.count * b.count / count)
    return Moments(count, mean, a.scatter + b.scatter + between)


def of_blocks(blocks: Iterable[Real[np.ndarray, "_ d"]]) -> Moments:
    """Returns the moments of all blocks, with only a few in memory at a time.

    Raises:
        InputError: if there are no rows.
    """
    total, waiting = None, []
    for block in blocks:
        waiting.append(block)
        if sum(map(len, waiting)) >= _TOGETHER:
            total, waiting = _add(total, waiting), []
    if waiting:
        total = _add(total, waiting)
    if total is None:
        raise InputError("There are no examples to take moments of.")
    return total


def _add(total: Moments | None, blocks: list[np.ndarray]) -> Moments:
    new = of(np.concatenate(blocks))
    return new if total is None else merge(total, new)
