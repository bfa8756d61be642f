"""The kernel distance against its definition, in simulation, and torch-fidelity."""

import jax
import numpy as np
import pytest

from jaxgan.metrics import kernel_distance, mmd
from tests.metrics.shares import assert_share


def _features(seed: int, n: int = 60, d: int = 4, shift: float = 0.5):
    random = np.random.default_rng(seed)
    return random.normal(size=(n, d)), random.normal(size=(n, d)) + shift


def _distance(real, fake, key, **how):
    return kernel_distance.distance(real, fake, features="test", key=key, **how)


def test_one_subset_of_all_is_the_unbiased_mmd(key):
    real, fake = _features(0)
    result = _distance(real, fake, key, subsets=1, subset_size=60)
    expected = mmd.squared(real, fake, kernel=mmd.Polynomial())
    np.testing.assert_allclose(result.value, expected, rtol=1e-12)
    assert "cubic, test, 60 real vs 60 fake, 1 subsets of 60" in result.protocol


def test_subsets_average_to_the_same(key):
    real, fake = _features(1, n=200)
    complete = mmd.squared(real, fake, kernel=mmd.Polynomial())
    result = _distance(real, fake, key, subsets=200, subset_size=50, resamples=2)
    spread = result.details["standard_deviation_over_subsets"] / np.sqrt(200)
    np.testing.assert_allclose(result.value, complete, atol=4 * spread)


def test_interval_covers():
    """E (x·y/d + 1)³ in closed form: x·y/d is N-like, moments by expansion, d = 1."""
    # d = 1, real N(0, 1), fake N(1, 1): E k = 1 + 3 E[xy] + 3 E[x²y²] + E[x³y³].
    moments = {0: (0, 1, 0), 1: (1, 2, 4)}  # E x, E x², E x³ of N(shift, 1)
    k = lambda a, b: (
        1
        + sum(
            c * p * q for c, p, q in zip((3, 3, 1), moments[a], moments[b], strict=True)
        )
    )
    expected = k(0, 0) + k(1, 1) - 2 * k(0, 1)
    hits = []
    for seed in range(150):
        real, fake = _features(seed, n=200, d=1, shift=1.0)
        low, high, _, _ = _distance(
            real, fake, jax.random.key(seed), subsets=1, subset_size=200, resamples=100
        ).interval
        hits.append(low <= expected <= high)
    assert_share(hits, 0.88, 0.96)  # the sixth moments of 200 examples are skewed


def test_refuses_subsets_larger_than_the_sets(key):
    with pytest.raises(ValueError, match="subsets of 61 from 60 real"):
        _distance(*_features(0), key, subset_size=61)


def test_agrees_with_torch_fidelity(key, torch_fidelity):
    import torch

    metric_kid = torch_fidelity("metric_kid")
    real, fake = _features(2, n=300, d=16)
    twin = metric_kid.kid_features_to_metric(
        torch.from_numpy(real),
        torch.from_numpy(fake),
        kid_subsets=1,
        kid_subset_size=300,
        verbose=False,
    )["kernel_inception_distance_mean"]
    result = _distance(real, fake, key, subsets=1, subset_size=300, resamples=2)
    np.testing.assert_allclose(result.value, twin, rtol=1e-9)
