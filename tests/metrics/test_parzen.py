"""Parzen windows against SciPy, scikit-learn and a convolution of Gaussians."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist
from scipy.special import logsumexp
from sklearn.neighbors import KernelDensity

from jaxgan.metrics import parzen


def _twin(samples, queries, sigma):
    n, d = samples.shape
    scores = -cdist(queries, samples, "sqeuclidean") / (2 * sigma**2)
    return (
        logsumexp(scores, axis=1) - np.log(n) - d * np.log(sigma * np.sqrt(2 * np.pi))
    )


@pytest.mark.parametrize("block", [1, 7, 500])
def test_log_densities_agree_with_float64(block):
    random = np.random.default_rng(0)
    samples, queries = random.random((50, 6)), random.random((23, 6))
    sigmas = [0.05, 0.2, 1.0]
    found = parzen.log_densities(samples, queries, sigmas, block=block)
    expected = np.stack([_twin(samples, queries, sigma) for sigma in sigmas])
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-4)
    sklearn = KernelDensity(bandwidth=0.2).fit(samples).score_samples(queries)
    np.testing.assert_allclose(found[1], sklearn, rtol=1e-5, atol=2e-4)


def test_log_densities_of_a_gaussian_are_those_of_its_convolution():
    """Samples of N(0, 1) under windows of width σ tend to N(0, 1 + σ²)."""
    samples = stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000)[:, None]
    queries = np.linspace(-2, 2, 9)[:, None]
    found = parzen.log_densities(samples, queries, [0.5])[0]
    expected = stats.norm.logpdf(queries[:, 0], scale=np.sqrt(1.25))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_far_queries_do_not_underflow():
    samples, queries = np.zeros((3, 2)), np.full((1, 2), 1e3)
    found = parzen.log_densities(samples, queries, [0.1])[0]
    np.testing.assert_allclose(found, _twin(samples, queries, 0.1), rtol=1e-6)


def test_log_likelihood_follows_the_protocol():
    random = np.random.default_rng(1)
    samples, validation, test = random.beta(2, 5, (3, 300, 4))
    result = parzen.log_likelihood(jnp.asarray(samples, jnp.float32), validation, test)
    means = [_twin(samples, validation, s).mean() for s in parzen.SIGMAS]
    sigma = parzen.SIGMAS[int(np.argmax(means))]
    scores = _twin(samples, test, sigma)
    assert result.details["sigma"] == sigma
    np.testing.assert_allclose(result.value, scores.mean(), rtol=1e-4)
    np.testing.assert_allclose(result.standard_error, stats.sem(scores), rtol=1e-3)
    assert "300 samples, pixels in [0, 1]" in result.protocol


def test_one_test_image_has_no_standard_error():
    rows = np.random.default_rng(3).random((9, 4))
    result = parzen.log_likelihood(rows[:5], rows[5:8], rows[8:])
    assert result.standard_error is None
    assert "standard_error" not in result.as_json()


def test_a_bandwidth_at_the_end_of_the_grid_is_told():
    random = np.random.default_rng(2)
    rows = random.random((100, 3))
    at_edge = lambda sigmas: parzen.choose_bandwidth(rows, rows, sigmas=sigmas).at_edge
    # The training rows themselves are likeliest under the narrowest window.
    assert at_edge([0.01, 0.1, 1.0])
    assert not at_edge([0.1])
    other = random.random((100, 3))
    assert not parzen.choose_bandwidth(rows, other, sigmas=[0.001, 0.15, 9.0]).at_edge


def test_refuses_images_on_another_scale():
    good, bad = np.full((3, 2), 0.5), np.full((3, 2), -0.5)
    with pytest.raises(ValueError, match=r"samples .* got -0.5 to -0.5"):
        parzen.log_likelihood(bad, good, good)


def test_refuses_bandwidths_that_are_not_positive():
    with pytest.raises(ValueError, match="positive"):
        parzen.log_densities(np.zeros((3, 2)), np.zeros((3, 2)), [0.1, 0.0])
