"""Mode coverage by hand, and that of perfect generators."""

import jax
import numpy as np
import pytest
from scipy import stats

from jaxgan.metrics import modes
from tests.metrics.shares import assert_share

RING = np.stack(
    [np.cos(np.arange(8) * np.pi / 4), np.sin(np.arange(8) * np.pi / 4)], axis=1
)


def _of_ring(samples, key, **how):
    return modes.of_points(
        samples, RING, standard_deviation=0.02, key=key, resamples=100, **how
    )


def test_points_by_hand(key):
    # Two on mode 0, one of them 2.5 sigma off; one on mode 2; one at mode 4 too far.
    samples = RING[[0, 0, 2, 4]] + [[0.0, 0], [0.05, 0], [0, 0], [-0.07, 0]]
    coverage = _of_ring(samples, key)
    assert coverage.modes.value == 2
    assert coverage.high_quality.value == 0.75
    expected = stats.entropy([2, 1, 1], np.ones(3) / 8 * 3) + np.log(8 / 3)
    np.testing.assert_allclose(coverage.kl.value, expected, rtol=1e-12)
    assert _of_ring(samples, key, within=4.0).modes.value == 3
    assert "within 3 standard deviations of 0.02" in coverage.high_quality.protocol


def test_points_of_a_perfect_generator(key):
    random = np.random.default_rng(0)
    samples = RING[random.integers(0, 8, 5000)] + random.normal(0, 0.02, (5000, 2))
    coverage = _of_ring(samples, key)
    assert coverage.modes.value == 8
    # The distance has a Rayleigh distribution.
    expected = stats.rayleigh.cdf(3)
    np.testing.assert_allclose(coverage.high_quality.value, expected, atol=0.006)
    np.testing.assert_allclose(coverage.kl.details["expected_of_target"], 7 / 10_000)
    assert coverage.kl.value < 5 * 7 / 10_000


@pytest.mark.parametrize("scale", [0.0, 0.3, 1.0])
def test_width_of_modes_relative_to_the_truth(key, scale):
    random = np.random.default_rng(0)
    noise = random.normal(0, 0.02, (20_000, 2))
    # Off the centres, which high quality alone would forgive.
    samples = RING[random.integers(0, 8, 20_000)] + scale * noise + 0.01 * (1 - scale)
    coverage = _of_ring(samples, key)
    inside = noise[np.linalg.norm(noise, axis=1) <= 0.06]
    expected = 0.02 * scale / inside.std() if scale < 1 else 1.0
    np.testing.assert_allclose(coverage.width.value, expected, rtol=0.02, atol=1e-9)


def test_a_generator_of_single_samples_has_no_width(key):
    assert _of_ring(RING[:3], key).width is None


def test_one_mode_has_the_largest_kl(key):
    coverage = _of_ring(np.tile(RING[:1], (50, 1)), key)
    assert coverage.modes.value == 1
    np.testing.assert_allclose(coverage.kl.value, np.log(8))


def test_labels_agree_with_scipy_and_with_a_target(key):
    random = np.random.default_rng(1)
    target = random.dirichlet(np.ones(20))
    labels = random.integers(0, 15, 300)
    coverage = modes.of_labels(labels, key=key, num_modes=20, target=target)
    counts = np.bincount(labels, minlength=20)
    np.testing.assert_allclose(coverage.kl.value, stats.entropy(counts, target))
    assert coverage.modes.value == (counts > 0).sum()
    assert coverage.high_quality is None


def test_expectations_are_those_of_a_perfect_generator(key):
    random = np.random.default_rng(2)
    draws = [random.integers(0, 50, 120) for _ in range(200)]
    found = [modes.of_labels(d, key=key, num_modes=50, resamples=2) for d in draws]
    for name, tolerance in (("modes", 0.01), ("kl", 0.15)):
        results = [getattr(coverage, name) for coverage in found]
        mean = np.mean([result.value for result in results])
        expected = results[0].details["expected_of_target"]
        np.testing.assert_allclose(mean, expected, rtol=tolerance)


def test_kl_interval_covers_its_expectation():
    random = np.random.default_rng(3)
    p = np.array([0.5, 0.2, 0.1, 0.1, 0.1])
    draws = random.multinomial(200, p, 20_000)
    expected = stats.entropy(draws, np.full((5, 1), 0.2).T, axis=1).mean()
    hits = []
    for seed in range(200):
        labels = random.choice(5, 200, p=p)
        kl = modes.of_labels(
            labels, key=jax.random.key(seed), num_modes=5, resamples=200
        ).kl
        hits.append(kl.interval.low <= expected <= kl.interval.high)
    assert_share(hits, 0.92, 0.97)


def test_stacked_digits_are_a_number():
    digits = np.array([[0, 0, 0], [2, 0, 7], [9, 9, 9]])
    np.testing.assert_array_equal(modes.stacked(digits), [0, 207, 999])


@pytest.mark.parametrize(
    ("labels", "target", "message"),
    [
        ([0, 3], None, r"\[0, 3\), got 0 to 3"),
        ([0, 1], [0.5, 0.0, 0.5], r"infinite: there are samples in modes \[1\]"),
        ([0, 1], [0.5, 0.1, 0.1], "sum 0.7"),
    ],
    ids=["range", "infinite", "target"],
)
def test_labels_and_targets_are_checked(key, labels, target, message):
    target = None if target is None else np.array(target)
    with pytest.raises(ValueError, match=message):
        modes.of_labels(np.array(labels), key=key, num_modes=3, target=target)
