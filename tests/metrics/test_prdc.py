"""Precision, recall, density, coverage: by hand, by loops, and the other packages."""

import jax
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from jaxgan.metrics import prdc
from tests.metrics.shares import assert_share


def _features(seed: int, n: int = 150, m: int = 120, d: int = 3):
    random = np.random.default_rng(seed)
    return random.normal(size=(n, d)), 1.3 * random.normal(size=(m, d)) + 0.4


def _measure(real, fake, key, neighbours=5, **how):
    results = prdc.measure(
        real, fake, features="test", key=key, neighbours=neighbours, **how
    )
    return results, np.array([result.value for result in results])


def _twin(real, fake, k):
    radius = lambda x: np.sort(cdist(x, x), axis=1)[:, k]
    apart = cdist(real, fake)
    in_real = apart <= radius(real)[:, None]
    in_fake = apart <= radius(fake)[None]
    return np.array(
        [
            in_real.any(axis=0).mean(),
            in_fake.any(axis=1).mean(),
            in_real.sum(axis=0).mean() / k,
            in_real.any(axis=1).mean(),
        ]
    )


def test_by_hand(key):
    real = np.array([[0.0], [1.0], [3.0]])  # balls of radius 1, 1, 2
    fake = np.array([[0.5], [4.0], [9.0]])  # balls of radius 3.5, 3.5, 5
    _, values = _measure(real, fake, key, neighbours=1)
    # 0.5 lies in two balls, 4 in one, 9 in none; reals 0, 1, 3 lie in that of 0.5.
    np.testing.assert_allclose(values, [2 / 3, 1, 1, 1])


@pytest.mark.parametrize("neighbours", [1, 5])
def test_agrees_with_full_matrices(key, neighbours):
    real, fake = _features(0, n=700, m=600)
    results, values = _measure(real, fake, key, neighbours)
    np.testing.assert_allclose(values, _twin(real, fake, neighbours))
    assert f"k = {neighbours}, test, 700 real vs 600 fake" in results.recall.protocol


def test_a_set_covers_itself_and_a_distant_one_nothing(key):
    real, _ = _features(1)
    _, values = _measure(real, real[::-1], key)
    # Each ball holds its centre and its five neighbours, ties included: 6 / 5.
    np.testing.assert_allclose(values, [1, 1, 1.2, 1])
    _, values = _measure(real, real + 1000, key)
    np.testing.assert_array_equal(values, 0)


def test_intervals_cover_the_values_of_these_balls():
    """Precision and density of new samples, under the balls of one real set."""
    real, _ = _features(2, n=60)
    many, _ = _features(3, n=4000)
    precision, _, density, _ = prdc.per_example(real, 1.2 * many, 3)
    hits = {"precision": [], "density": []}
    for seed in range(150):
        fake, _ = _features(100 + seed, n=80)
        results, _ = _measure(real, 1.2 * fake, jax.random.key(seed), 3, resamples=100)
        for name, expected in (("precision", precision), ("density", density)):
            low, high, _, _ = getattr(results, name).interval
            hits[name].append(low <= expected.mean() <= high)
    for share in hits.values():
        assert_share(share, 0.9, 0.97)


def test_refuses_more_neighbours_than_there_are(key):
    with pytest.raises(ValueError, match=r"\[1, 3\], .* got 4"):
        _measure(np.zeros((4, 1)), np.zeros((9, 1)), key, 4)


def test_agrees_with_the_prdc_package(key):
    package = pytest.importorskip("prdc")
    real, fake = _features(4)
    twin = package.compute_prdc(real, fake, 5)
    results, values = _measure(real, fake, key)
    np.testing.assert_allclose(values, [twin[name] for name in results._fields])


def test_agrees_with_torch_fidelity(key, torch_fidelity):
    import torch

    metric_prc = torch_fidelity("metric_prc")
    real, fake = _features(5)
    # Its first input are the samples.
    twin = metric_prc.prc_features_to_metric(
        torch.from_numpy(fake), torch.from_numpy(real), prc_neighborhood=3,
        verbose=False,
    )  # fmt: skip
    _, values = _measure(real, fake, key, 3)
    np.testing.assert_allclose(
        values[:2], [twin["precision"], twin["recall"]], rtol=1e-6
    )
