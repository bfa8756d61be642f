"""Mode coverage: the modes of a known target that the samples reach, and how evenly.

Definitions differ between papers. Those used here, which every result states:

- a sample belongs to its nearest centre (points) or to the class that a classifier
  gives it (images);
- it is of high quality if it lies within 3 standard deviations of that centre;
- a mode is covered if at least one high-quality sample belongs to it; for classes,
  which have no distance, if at least one sample does;
- the width of the modes is the standard deviation of high-quality samples about their
  mean in each mode, relative to a perfect generator's: samples that all lie at the
  centre of their mode are of high quality, but have width 0;
- KL is KL(model || target) in nats, of the frequencies of all samples over the modes,
  of high quality or not.

With finitely many samples even a perfect generator misses modes and has a KL above
zero; the details hold both expected values.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, Real
from scipy.special import xlogy
from scipy.stats import chi2

from jaxgan.checks import InputError, check_rank
from jaxgan.metrics import bootstrap
from jaxgan.metrics.inputs import AnyArray, as_floats, describe_key, key_or_default
from jaxgan.metrics.nearest import squared_distances
from jaxgan.metrics.result import Interval, Result
from jaxgan.typing import Key


class ModeCoverage(NamedTuple):
    """The number of covered modes, the KL to the target and, for points, their quality.

    Attributes:
        modes: number of covered modes.
        high_quality: share of high-quality samples; None for classes.
        kl: KL(model || target) of the frequencies.
        width: the modes' standard deviation relative to the truth; None for classes,
            and if no mode has two samples of high quality.
    """

    modes: Result
    high_quality: Result | None
    kl: Result
    width: Result | None = None


def of_points(
    samples: Real[AnyArray, "n ..."],
    centres: Real[AnyArray, "k ..."],
    *,
    standard_deviation: float,
    key: Key | None = None,
    target: Float[AnyArray, " k"] | None = None,
    within: float = 3.0,
    resamples: int = 1000,
) -> ModeCoverage:
    """Returns the coverage of a mixture of Gaussians whose centres are known.

    Samples that hold NaN, from a game that diverged, are near no mode.

    Args:
        samples: points, of any shape; each is flattened to a row.
        centres: centres of the modes, of the same shape.
        standard_deviation: standard deviation of each mode, along each axis.
        key: for the bootstrap; None means ``jax.random.key(0)``.
        target: probabilities of the modes; None: all equal.
        within: radius of high quality, in standard deviations, Euclidean. In two
            dimensions 98.9 % of a perfect generator's samples lie within 3.
        resamples: number of bootstrap resamples; 0 for no interval.

    References:
        Srivastava et al. 2017 (VEEGAN), arXiv:1705.07761; Lin et al. 2018 (PacGAN),
        arXiv:1712.04086.
    """
    if standard_deviation <= 0:
        raise InputError(
            f"standard_deviation must be positive, got {standard_deviation}."
        )
    key = key_or_default(key)
    nearest, distance = _nearest(*as_floats(samples=samples, centres=centres))
    good = np.asarray(distance) <= within * standard_deviation
    how = f"within {within:g} standard deviations of {standard_deviation:g}"
    quality = Result(
        name="share of high quality",
        value=float(good.mean()),
        interval=bootstrap.interval_of_mean(
            good, key=jax.random.fold_in(key, 0), resamples=resamples
        ),
        protocol=f"{how}, {len(good)} samples, {describe_key(key)}",
        higher_is_better=True,
    )
    p = _target(target, len(centres))
    assigned = np.asarray(nearest)
    modes = _covered(np.bincount(assigned[good], minlength=len(p)), p, len(good), how)
    kl = _kl(np.bincount(assigned, minlength=len(p)), p, key, resamples)
    rows = np.asarray(samples, np.float64).reshape(len(good), -1)
    truth = standard_deviation * truncated_std(rows.shape[1], within)
    width = _width(rows[good], assigned[good], truth, how)
    return ModeCoverage(modes, quality, kl, width)


def truncated_std(dimensions: int, within: float) -> float:
    """Returns the standard deviation, along an axis, of N(0, I) truncated to a ball.

    Its square is F(d + 2) / F(d), with F(d) the probability that a chi-squared variable
    with d degrees of freedom lies below ``within`` squared.

    Args:
        dimensions: d.
        within: the ball's radius.

    Example:
        >>> round(truncated_std(2, 3.0), 4), truncated_std(2, 1e3)
        (0.9744, 1.0)
    """
    inside = lambda d: chi2.cdf(within**2, d)
    return float(np.sqrt(inside(dimensions + 2) / inside(dimensions)))


def _width(rows, assigned, truth: float, how: str) -> Result | None:
    """Returns the pooled deviation from each mode's mean, relative to the truth."""
    squares, freedom = 0.0, 0
    for mode in np.unique(assigned):
        own = rows[assigned == mode]
        squares += np.square(own - own.mean(axis=0)).sum()
        freedom += len(own) - 1
    if freedom == 0:
        return None
    deviation = np.sqrt(squares / (freedom * rows.shape[1]))
    return Result(
        name="standard deviation within modes, relative to the truth",
        value=float(deviation / truth),
        protocol=f"about each mode's mean, samples {how}, {len(rows)} of them",
    )


def of_labels(
    labels: Int[AnyArray, " n"],
    *,
    num_modes: int,
    key: Key | None = None,
    target: Float[AnyArray, " k"] | None = None,
    resamples: int = 1000,
) -> ModeCoverage:
    """Returns the coverage of classes, from a classifier's label for each sample.

    Args:
        labels: in ``[0, num_modes)``; for StackedMNIST see `stacked`.
        num_modes: number of classes.
        key: for the bootstrap; None means ``jax.random.key(0)``.
        target: probabilities of the classes; None: all equal.
        resamples: number of bootstrap resamples; 0 for no interval.

    Raises:
        InputError: if a label is out of range, or of a class with probability zero,
            for which KL is infinite.

    Example:
        >>> coverage = of_labels(np.array([0, 0, 1, 1]), num_modes=4)
        >>> coverage.modes.value, round(coverage.kl.value, 3)
        (2.0, 0.693)
    """
    check_rank("labels", labels, 1)
    labels, key = np.asarray(labels), key_or_default(key)
    if labels.min() < 0 or labels.max() >= num_modes:
        raise InputError(
            f"labels must lie in [0, {num_modes}), got {labels.min()} to "
            f"{labels.max()}; is num_modes right?"
        )
    p = _target(target, num_modes)
    counts = np.bincount(labels, minlength=num_modes)
    modes = _covered(counts, p, len(labels), "as classified")
    return ModeCoverage(modes, None, _kl(counts, p, key, resamples))


def stacked(digits: Int[AnyArray, "n c"]) -> Int[np.ndarray, " n"]:
    """Returns the class of an image whose channels are digits: ``[2, 0, 7]`` is 207."""
    digits = np.asarray(digits)
    return digits @ 10 ** np.arange(digits.shape[1])[::-1]


@jax.jit
def _nearest(samples, centres):
    squared = squared_distances(samples, centres)
    return squared.argmin(axis=1), jnp.sqrt(squared.min(axis=1))


def _target(target, num_modes: int) -> np.ndarray:
    if target is None:
        return np.full(num_modes, 1 / num_modes)
    p = np.asarray(target, np.float64)
    if p.shape != (num_modes,) or (p < 0).any() or not np.isclose(p.sum(), 1, 1e-4):
        raise InputError(
            f"target must be {num_modes} probabilities that sum to 1, got shape "
            f"{p.shape} and sum {p.sum():.6g}."
        )
    return p / p.sum()


def _covered(counts, p, samples: int, how: str) -> Result:
    """Counts modes; no interval, as a resample never finds a mode that was missed."""
    return Result(
        name="modes covered",
        value=float((counts > 0).sum()),
        protocol=f"of {len(p)}, one sample or more {how}, {samples} samples",
        details={"of": len(p), "expected_of_target": float(_expected(p, samples))},
        higher_is_better=True,
    )


def _expected(p, samples: int):
    return (1 - (1 - p) ** samples).sum()


def _kl(counts, p, key: Key, resamples: int) -> Result:
    if (counts[p == 0] > 0).any():
        raise InputError(
            "KL(model || target) is infinite: there are samples in modes "
            f"{np.flatnonzero((p == 0) & (counts > 0))[:10]}, whose target is zero; "
            "give every mode a probability."
        )
    n = int(counts.sum())
    value = float(_divergence(counts[None] / n, p)[0])
    return Result(
        name="KL(model || target)",
        value=value,
        interval=_kl_interval(counts, p, jax.random.fold_in(key, 1), resamples, value),
        protocol=f"nats, over {len(p)} modes, {n} samples, {describe_key(key)}",
        # First order; a perfect generator's KL is chi-squared / 2n.
        details={"expected_of_target": (int((p > 0).sum()) - 1) / (2 * n)},
    )


def _divergence(q, p):
    return (xlogy(q, q) - xlogy(q, np.where(p > 0, p, 1))).sum(axis=1)


def _kl_interval(counts, p, key: Key, resamples: int, value: float) -> Interval | None:
    """Bootstraps KL by mode: the weights of a resample are summed over each mode."""
    n = int(counts.sum())
    first = np.concatenate([[0], counts.cumsum()])

    def statistic(weights):
        sums = np.concatenate([np.zeros((len(weights), 1)), weights.cumsum(1)], axis=1)
        return _divergence(np.diff(sums[:, first], axis=1) / n, p)

    return bootstrap.interval(statistic, [n], key=key, resamples=resamples, value=value)
