"""Diversity against closed forms, and which samples are compared."""

import itertools

import jax
import numpy as np
import pytest

from jaxgan.checks import InputError
from jaxgan.metrics import diversity

KEY = jax.random.key(3)


def _squared(a, b):
    return ((a - b) ** 2).reshape(len(a), -1).sum(axis=1)


def _normal(*shape):
    return np.random.default_rng(0).normal(size=shape)


def test_all_pairs_of_each_condition():
    samples = _normal(4, 5, 2, 3) * np.arange(1, 5)[:, None, None, None]
    found = diversity.of_conditions(_squared, samples, described="squares")
    each = [
        np.mean([np.sum((a - b) ** 2) for a, b in itertools.combinations(of_one, 2)])
        for of_one in samples
    ]
    assert found.value == pytest.approx(np.mean(each), rel=1e-12)
    assert found.standard_error == pytest.approx(np.std(each, ddof=1) / 2, rel=1e-12)
    assert found.interval.low < found.value < found.interval.high
    for word in ("squares", "4 conditions", "all pairs", "5 samples", "10 each"):
        assert word in found.protocol


def test_mean_squared_distance_of_all_pairs_is_twice_the_variance():
    samples = _normal(1, 60, 3)
    found = diversity.of_conditions(_squared, samples, described="squares")
    variance = samples[0].var(axis=0, ddof=1).sum()
    assert found.value == pytest.approx(2 * variance, rel=1e-12)
    assert found.interval is None


def test_conditions_that_differ_add_no_diversity():
    samples = np.repeat(_normal(6, 1, 3) * 100, 4, axis=1)
    for pairing in (diversity.ALL, diversity.DISJOINT):
        found = diversity.of_conditions(
            _squared, samples, described="squares", pairing=pairing
        )
        assert found.value == 0
    mixed = diversity.of_samples(_squared, samples.reshape(24, 3), described="squares")
    assert mixed.value > 1_000


def test_disjoint_pairs_take_each_sample_once():
    drawn = []

    def far(a, b):
        drawn.extend(zip(a.tolist(), b.tolist(), strict=True))
        return np.abs(a - b)

    samples = np.arange(35.0).reshape(5, 7)
    found = diversity.of_conditions(
        far, samples, described="|a - b|", pairing=diversity.DISJOINT, key=KEY
    )
    assert len(drawn) == 15
    assert len(set(np.ravel(drawn))) == 30
    assert all(int(a) // 7 == int(b) // 7 for a, b in drawn)
    assert found.value == pytest.approx(np.mean([abs(a - b) for a, b in drawn]))
    partners = [sorted((int(a) % 7, int(b) % 7)) for a, b in drawn]
    assert any(partners[i : i + 3] != partners[:3] for i in range(3, 15, 3))
    assert "random disjoint" in found.protocol


def test_pairs_of_any_samples_in_blocks():
    drawn = []

    def far(a, b):
        drawn.extend(zip(a.tolist(), b.tolist(), strict=True))
        assert len(a) <= 256
        return np.abs(a - b)

    samples = np.random.default_rng(1).permutation(1_201) / 1_201
    found = diversity.of_samples(far, samples, described="|a - b|", key=KEY)
    assert len(drawn) == 600
    assert len(set(np.ravel(drawn))) == 1_200
    # Two uniform numbers are 1/3 apart, with a standard deviation of 1 / √18.
    assert found.value == pytest.approx(1 / 3, abs=4 / np.sqrt(18 * 600))
    assert found.standard_error == pytest.approx(1 / np.sqrt(18 * 600), rel=0.15)
    assert "600 random disjoint pairs of 1201" in found.protocol


def test_the_key_chooses_the_pairs():
    measure = lambda key: (
        diversity.of_samples(
            _squared, _normal(50, 2), described="squares", key=key, resamples=0
        ).value
    )
    assert measure(KEY) == measure(KEY)
    assert measure(KEY) != measure(jax.random.key(4))


def test_too_few_samples_and_other_distances_are_refused():
    with pytest.raises(InputError, match="two or more"):
        diversity.of_conditions(_squared, _normal(3, 1, 2), described="squares")
    with pytest.raises(InputError, match="two or more"):
        diversity.of_samples(_squared, _normal(1, 2), described="squares")
    with pytest.raises(InputError, match="one value"):
        diversity.of_samples(
            lambda a, b: np.abs(a - b), _normal(4, 2), described="no sum"
        )
