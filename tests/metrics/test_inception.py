"""The Inception score at its extremes, against SciPy, simulation and torch-fidelity."""

import jax
import numpy as np
import pytest
from scipy import special, stats

from jaxgan.metrics import inception
from tests.metrics.shares import assert_share


def _score(p, key, **how):
    return inception.score(p, classifier="test", key=key, **how)


def _logits(seed: int, n: int = 200, k: int = 5):
    return 2 * np.random.default_rng(seed).normal(size=(n, k))


def test_extremes_are_one_and_the_number_of_classes(key):
    unsure = np.full((40, 8), 1 / 8)
    np.testing.assert_allclose(_score(unsure, key, splits=2).value, 1)
    one_class = np.tile(np.eye(8)[:1], (40, 1))
    np.testing.assert_allclose(_score(one_class, key, splits=2).value, 1)
    all_classes = np.tile(np.eye(8), (5, 1))
    np.testing.assert_allclose(_score(all_classes, key, splits=5).value, 8)


@pytest.mark.parametrize("splits", [1, 3])
def test_agrees_with_scipy(key, splits):
    p = special.softmax(_logits(0), axis=1)
    scores = [
        np.exp(stats.entropy(part, part.mean(axis=0)[None], axis=1).mean())
        for part in np.array_split(p, splits)
    ]
    result = _score(p, key, splits=splits)
    np.testing.assert_allclose(result.value, np.mean(scores))
    spread = result.details["standard_deviation_over_splits"]
    np.testing.assert_allclose(spread, np.std(scores), atol=1e-12)
    assert f"test, 200 samples in {splits} splits, 5 classes" in result.protocol


def test_interval_covers_the_expectation():
    p = lambda seed: special.softmax(_logits(seed, n=100), axis=1)
    values = [_score(p(1000 + i), jax.random.key(0), splits=2, resamples=2).value
              for i in range(400)]  # fmt: skip
    hits = []
    for seed in range(150):
        result = _score(p(seed), jax.random.key(seed), splits=2, resamples=100)
        hits.append(result.interval.low <= np.mean(values) <= result.interval.high)
    assert_share(hits, 0.9, 0.97)


def test_refuses_logits_and_too_many_splits(key):
    with pytest.raises(ValueError, match="softmax"):
        _score(_logits(0), key)
    with pytest.raises(ValueError, match="10 splits of two or more from 8"):
        _score(np.full((8, 2), 0.5), key)
    with pytest.raises(ValueError, match=r"\(40, 2, 2\)"):
        inception._checked(np.full((40, 2, 2), 0.25), 10)


def test_agrees_with_torch_fidelity(key, torch_fidelity):
    import torch

    metric_isc = torch_fidelity("metric_isc")
    logits = _logits(1, n=500, k=10)
    twin = metric_isc.isc_features_to_metric(torch.from_numpy(logits), shuffle=False)
    result = _score(special.softmax(logits, axis=1), key)
    np.testing.assert_allclose(result.value, twin["inception_score_mean"], rtol=1e-9)
    np.testing.assert_allclose(
        result.details["standard_deviation_over_splits"],
        twin["inception_score_std"],
        rtol=1e-6,
    )
