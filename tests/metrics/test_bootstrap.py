"""Resamples are what they should be, and intervals cover as often as they say."""

import jax
import numpy as np
import pytest
from scipy import stats

from jaxgan.metrics import bootstrap
from tests.metrics.shares import assert_share


def test_resamples_are_draws_with_replacement(key):
    blocks = list(bootstrap.resample(key, [5, 7], 120))
    first, second = (np.concatenate(w) for w in zip(*blocks, strict=True))
    assert first.shape == (120, 5)
    assert second.shape == (120, 7)
    assert (first.sum(axis=1) == 5).all()
    assert (second.sum(axis=1) == 7).all()
    # Counts of one example are Binomial(5, 1/5): mean 1, variance 4/5.
    np.testing.assert_allclose(first.mean(axis=0), 1, atol=0.3)
    np.testing.assert_allclose(first.var(), 0.8, atol=0.15)


def test_resamples_follow_the_key_and_not_their_number(key):
    short = np.concatenate([w for (w,) in bootstrap.resample(key, [9], 60)])
    long = np.concatenate([w for (w,) in bootstrap.resample(key, [9], 130)])
    np.testing.assert_array_equal(short, long[:60])
    other = np.concatenate(
        [w for (w,) in bootstrap.resample(jax.random.key(1), [9], 60)]
    )
    assert (other != short).any()


def test_interval_of_a_mean_is_near_the_normal_one(key):
    values = np.random.default_rng(0).exponential(size=2000)
    low, high, level, _ = bootstrap.interval_of_mean(values, key=key)
    error = values.std() / np.sqrt(2000)
    expected = stats.norm.interval(level, values.mean(), error)
    np.testing.assert_allclose([low, high], expected, atol=0.15 * error)


def test_percentiles_agree_with_scipy(key):
    """SciPy draws its own resamples: the ends agree to their Monte Carlo error."""
    values = np.random.default_rng(1).exponential(size=40)
    low, high, _, _ = bootstrap.interval_of_mean(values, key=key, resamples=4000)
    twin = stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=4000, rng=0
    ).confidence_interval
    np.testing.assert_allclose([low, high], [twin.low, twin.high], rtol=0.02)


def test_centred_interval_keeps_width_and_surrounds_the_value():
    replicates = np.linspace(5.0, 7.0, 201)
    plain = bootstrap.from_replicates(replicates, level=0.9)
    centred = bootstrap.from_replicates(replicates, level=0.9, value=1.0)
    np.testing.assert_allclose(plain[:2], [5.1, 6.9])
    np.testing.assert_allclose(centred[:2], [0.1, 1.9])
    assert centred.method == "centred bootstrap, 201 resamples"


def test_interval_of_a_mean_covers_the_mean():
    random = np.random.default_rng(2)
    hits = []
    for seed in range(300):
        values = random.normal(1.0, 2.0, 60)
        low, high, _, _ = bootstrap.interval_of_mean(
            values, key=jax.random.key(seed), resamples=200, level=0.9
        )
        hits.append(low <= 1.0 <= high)
    assert_share(hits, 0.87, 0.91)  # too narrow by √(59/60), and by the 200


@pytest.mark.parametrize(
    ("level", "resamples", "named"),
    [(1.0, 10, "level"), (0.9, 1, "resamples=1"), (0.9, -3, "resamples=-3")],
)
def test_refuses_levels_and_numbers_that_make_no_interval(key, level, resamples, named):
    with pytest.raises(ValueError, match=named):
        bootstrap.interval_of_mean(
            np.ones(4), key=key, level=level, resamples=resamples
        )
