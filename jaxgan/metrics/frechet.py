"""The Fréchet distance of two sets of features, modelled as Gaussians, in float64."""

import numpy as np
from jaxtyping import Float, Real

from jaxgan.checks import InputError
from jaxgan.metrics import bootstrap
from jaxgan.metrics.inputs import (
    AnyArray,
    as_rows,
    describe_key,
    generator,
    key_or_default,
)
from jaxgan.metrics.moments import Moments
from jaxgan.metrics.result import Result
from jaxgan.typing import Key

FEWEST_TO_EXTRAPOLATE = 20
"""The fewest samples that `extrapolated` takes."""

_Gaussian = tuple[np.ndarray, np.ndarray]


def between_gaussians(
    mean1: Float[AnyArray, " d"],
    covariance1: Float[AnyArray, "d d"],
    mean2: Float[AnyArray, " d"],
    covariance2: Float[AnyArray, "d d"],
) -> float:
    """Returns ||m1 - m2||² + tr(C1 + C2 - 2 (C1^½ C2 C1^½)^½), the squared W2 distance.

    References:
        Dowson & Landau 1982; Heusel et al. 2017, arXiv:1706.08500.

    Example:
        >>> one = np.eye(1)
        >>> round(between_gaussians(np.zeros(1), one, np.ones(1), 4 * one), 12)
        2.0
    """
    one = np.asarray(mean1, np.float64), _factor(np.asarray(covariance1, np.float64))
    two = np.asarray(mean2, np.float64), _factor(np.asarray(covariance2, np.float64))
    return _between(one, two)


def _between(one: _Gaussian, two: _Gaussian) -> float:
    """Returns the distance of Gaussians given as (mean, F) with C = F Fᵀ, F ``[d r]``.

    tr (C1^½ C2 C1^½)^½ is the sum of the singular values of F1ᵀ F2, for any choice of
    the factors; so no square root of a rounded zero is taken.
    """
    (m1, f1), (m2, f2) = one, two
    cross = np.linalg.svd(f1.T @ f2, compute_uv=False).sum()
    value = ((m1 - m2) ** 2).sum() + (f1**2).sum() + (f2**2).sum() - 2 * cross
    return max(float(value), 0.0)


def distance(
    real: Real[AnyArray, "n ..."],
    fake: Real[AnyArray, "m ..."],
    *,
    features: str,
    key: Key | None = None,
    resamples: int = 200,
) -> Result:
    """Returns the Fréchet distance as usually reported, with a bias of order 1/n.

    Compare values only at equal numbers of examples; the protocol states them. The
    interval is the centred bootstrap: a percentile interval would add the bias a second
    time and lie above the value. `extrapolated` removes the bias due to few samples.

    Args:
        real: features of the data, or the data themselves; each example, of any shape,
            is flattened to a row.
        fake: the same for the samples.
        features: name of the features, such as "Inception pool3", for the protocol;
            distances in different features cannot be compared.
        key: for the bootstrap; None means ``jax.random.key(0)``.
        resamples: number of bootstrap resamples; each takes as long as the value,
            seconds for 2048 features. 0 for no interval.
    """
    real, fake = as_rows(real=real, fake=fake)
    key = key_or_default(key)
    value = _between(_gaussian(real), _gaussian(fake))
    drawn = _replicates(real, fake, key, resamples)
    return Result(
        name="Fréchet distance",
        value=value,
        interval=bootstrap.from_replicates(drawn, value=value),
        protocol=f"{_sizes(real, fake, features)}, {describe_key(key)}",
    )


def of_moments(real: Moments, fake: Moments, *, features: str) -> Result:
    """Returns the Fréchet distance of two sets from their moments alone.

    The value is that of `distance`, without an interval. For 50,000 examples the
    moments of 2048 features take 34 MB, the features themselves 400 MB.

    Args:
        real: moments of the data, see `jaxgan.metrics.moments`.
        fake: the same for the samples.
        features: as for `distance`.

    Raises:
        InputError: if the sets differ in their number of features, or a set has fewer
            than two examples.
    """
    if real.mean.shape != fake.mean.shape:
        raise InputError(
            f"The sets have {real.mean.size} and {fake.mean.size} features: they come "
            "from different networks."
        )
    value = between_gaussians(real.mean, real.covariance, fake.mean, fake.covariance)
    return Result(
        name="Fréchet distance",
        value=value,
        protocol=_described(real.count, fake.count, real.mean.size, features),
    )


def extrapolated(
    real: Real[AnyArray, "n ..."],
    fake: Real[AnyArray, "m ..."],
    *,
    features: str,
    key: Key | None = None,
    points: int = 15,
) -> Result:
    """Returns the distance extrapolated linearly in 1/m to infinitely many samples.

    Random subsets of m/10 to m samples, evenly spaced in size, are each compared with
    all real examples; the bias due to the finite number of these remains.

    Args:
        real: as for `distance`.
        fake: as for `distance`; m/10 should be well above d, since below that the
            distance is not linear in 1/m.
        features: as for `distance`.
        key: for the subsets; None means ``jax.random.key(0)``.
        points: number of subset sizes.

    References:
        Chong & Forsyth 2020, Effectively Unbiased FID and Inception Score,
        arXiv:1911.07023.
    """
    real, fake = as_rows(real=real, fake=fake)
    if len(fake) < FEWEST_TO_EXTRAPOLATE or points < 2:
        raise InputError(
            f"Extrapolation needs points >= 2 and at least {FEWEST_TO_EXTRAPOLATE} "
            f"samples, got points={points} and {len(fake)} samples."
        )
    key = key_or_default(key)
    of_real = _gaussian(real)
    random = generator(key)
    sizes = np.linspace(len(fake) // 10, len(fake), points).astype(int)
    values = []
    for size in sizes:
        rows = random.choice(len(fake), size, replace=False)
        values.append(_between(of_real, _gaussian(fake[rows])))
    slope, intercept = np.polyfit(1 / sizes, values, 1)
    return Result(
        name="Fréchet distance, extrapolated",
        value=float(intercept),
        protocol=(
            f"{_sizes(real, fake, features)}, line in 1/m through {points} sizes, "
            f"{describe_key(key)}"
        ),
        details={"slope": float(slope), "smallest_subset": int(sizes[0])},
    )


def _gaussian(rows: np.ndarray) -> _Gaussian:
    """Returns the mean and a factor of rows ``[n d]``; if n <= d, the rows are one."""
    mean, (count, dimensions) = rows.mean(axis=0), rows.shape
    if count <= dimensions:
        return mean, (rows - mean).T / np.sqrt(count - 1)
    return mean, _factor(np.atleast_2d(np.cov(rows, rowvar=False)))


def _weighted_moments(rows, weights) -> tuple[np.ndarray, np.ndarray]:
    """Returns the moments of a resample, from its count of each row."""
    total = weights.sum()
    mean = weights @ rows / total
    centred = rows - mean
    return mean, (centred * weights[:, None]).T @ centred / (total - 1)


def _replicates(real, fake, key: Key, resamples: int) -> np.ndarray:
    def one(a, b):
        return between_gaussians(
            *_weighted_moments(real, a), *_weighted_moments(fake, b)
        )

    def statistic(w_real, w_fake):
        return np.array([one(a, b) for a, b in zip(w_real, w_fake, strict=True)])

    sizes = [len(real), len(fake)]
    return bootstrap.replicates(statistic, sizes, key=key, resamples=resamples)


def _factor(covariance: np.ndarray) -> np.ndarray:
    """Returns F with C = F Fᵀ, by Cholesky or, for a singular C, from its eigenvectors.

    Cholesky takes a twentieth of the time. Eigenvalues within rounding of 0 count as 0.
    """
    try:
        return np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(covariance)
    floor = len(values) * np.finfo(np.float64).eps * max(float(values[-1]), 0.0)
    kept = values > floor
    return vectors[:, kept] * np.sqrt(values[kept])


def _sizes(real, fake, features: str) -> str:
    return _described(len(real), len(fake), real.shape[1], features)


def _described(real: int, fake: int, dimensions: int, features: str) -> str:
    text = f"{features}, {real} real vs {fake} fake, {dimensions} features"
    short = min(real, fake) <= dimensions
    return f"{text}, fewer examples than features" if short else text
