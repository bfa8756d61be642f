"""The Fréchet distance against closed forms, SciPy, simulation, and torch-fidelity."""

import jax
import numpy as np
import pytest
from scipy import linalg

from jaxgan.metrics import bootstrap, frechet
from tests.metrics.shares import assert_share


def _features(seed: int, n: int = 200, d: int = 5):
    random = np.random.default_rng(seed)
    mix = random.normal(size=(d, d))
    return random.normal(size=(n, d)), random.normal(size=(n + 50, d)) @ mix + 0.3


def _distance(real, fake, key, **how):
    return frechet.distance(real, fake, features="test", key=key, **how)


def _scipy(real, fake):
    c1, c2 = np.cov(real, rowvar=False), np.cov(fake, rowvar=False)
    cross = np.trace(linalg.sqrtm(c1 @ c2).real)
    means = ((real.mean(0) - fake.mean(0)) ** 2).sum()
    return means + np.trace(c1) + np.trace(c2) - 2 * cross


def test_commuting_gaussians_have_a_closed_form():
    basis, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))
    a, b = np.array([1.0, 4.0, 9.0, 0.0]), np.array([4.0, 4.0, 1.0, 0.25])
    m1, m2 = np.arange(4.0), np.ones(4)
    found = frechet.between_gaussians(
        m1, (basis * a) @ basis.T, m2, (basis * b) @ basis.T
    )
    expected = ((m1 - m2) ** 2).sum() + ((np.sqrt(a) - np.sqrt(b)) ** 2).sum()
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_samples_agree_with_scipy(key):
    real, fake = _features(1)
    result = _distance(real, fake, key, resamples=0)
    np.testing.assert_allclose(result.value, _scipy(real, fake), rtol=1e-9)
    assert result.interval is None
    assert "test, 200 real vs 250 fake, 5 features, key 0:0" in result.protocol


@pytest.mark.parametrize("n", [6, 100], ids=["fewer-than-features", "more"])
def test_a_set_is_at_distance_zero_from_itself_in_any_order(key, n):
    real, _ = _features(2, n=n, d=20)
    result = _distance(real, real[::-1], key, resamples=0)
    np.testing.assert_allclose(result.value, 0, atol=1e-11)
    assert ("fewer examples than features" in result.protocol) == (n == 6)


def test_one_feature_is_enough(key):
    real, fake = np.array([[0.0], [2.0]]), np.array([[1.0], [5.0]])
    # Means 1 and 3, standard deviations √2 and √8.
    np.testing.assert_allclose(_distance(real, fake, key, resamples=2).value, 6)


def test_weights_are_repetitions():
    rows, _ = _features(3, n=30)
    counts = np.random.default_rng(0).multinomial(30, np.full(30, 1 / 30)).astype(float)
    mean, covariance = frechet._weighted_moments(rows, counts)
    repeated = np.repeat(rows, counts.astype(int), axis=0)
    np.testing.assert_allclose(mean, repeated.mean(axis=0))
    np.testing.assert_allclose(covariance, np.cov(repeated, rowvar=False))


def _pair(seed: int):
    random = np.random.default_rng(seed)
    return random.normal(size=(100, 8)), random.normal(0.35, size=(100, 8))


def test_interval_covers_the_expectation_where_a_percentile_one_does_not():
    value = lambda seed: _distance(*_pair(seed), jax.random.key(0), resamples=0).value
    expected = np.mean([value(1000 + seed) for seed in range(300)])
    # The distance itself is 8 · 0.35² = 0.98: the rest is bias.
    assert expected > 1.3
    covers = lambda interval: interval.low <= expected <= interval.high
    centred, percentile = [], []
    for seed in range(80):
        drawn = frechet._replicates(*_pair(seed), jax.random.key(seed), 50)
        interval = bootstrap.from_replicates(drawn, value=value(seed))
        centred.append(covers(interval))
        percentile.append(covers(bootstrap.from_replicates(drawn)))
    assert_share(centred, 0.87, 0.97)
    assert np.mean(percentile) < 0.75
    # And that is the interval which a result carries.
    last = _distance(*_pair(79), jax.random.key(79), resamples=50)
    np.testing.assert_allclose(last.interval[:2], interval[:2])


def test_extrapolation_removes_the_bias_over_samples(key):
    """Real features with exact moments, samples of the same distribution: 0 at ∞."""
    random = np.random.default_rng(4)
    rows = random.normal(size=(500, 10))
    rows = np.linalg.qr(rows - rows.mean(axis=0))[0] * np.sqrt(499)
    plain, straight = [], []
    for seed in range(10):
        fake = random.normal(size=(600, 10))
        key = jax.random.key(seed)
        plain.append(_distance(rows, fake, key, resamples=0).value)
        straight.append(
            frechet.extrapolated(rows, fake, features="test", key=key).value
        )
    assert np.mean(plain) > 0.05
    assert abs(np.mean(straight)) < 0.3 * np.mean(plain)


def test_agrees_with_torch_fidelity(key, torch_fidelity):
    import torch

    metric_fid = torch_fidelity("metric_fid")
    real, fake = _features(5, n=400, d=32)
    stats = [
        metric_fid.fid_features_to_statistics(torch.from_numpy(x)) for x in (real, fake)
    ]
    twin = metric_fid.fid_statistics_to_metric(*stats, verbose=False)
    np.testing.assert_allclose(
        _distance(real, fake, key, resamples=0).value,
        twin["frechet_inception_distance"],
        rtol=1e-9,
    )
