"""Judges by neighbours on repeated and equidistant points, against whole numbers."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.spatial.distance import cdist

from jaxgan import InputError
from jaxgan.metrics import (
    birthday,
    leave_one_out,
    mmd,
    neighbours,
    permutation,
    prdc,
)
from tests.metrics import exact

everywhere = pytest.mark.parametrize("d", exact.DIMENSIONS)
all_sets = pytest.mark.parametrize("name", exact.SETS)


def _measured(real, fake, neighbours: int) -> list[float]:
    found = prdc.measure(
        real, fake, features="pixels", neighbours=neighbours, resamples=0
    )
    return [result.value for result in found]


@pytest.mark.parametrize(
    "name", ["blank", "oversampled", "twice", "copies", "discrete", "one-hot"]
)
def test_precision_recall_density_coverage(name):
    for d, k in itertools.product(exact.DIMENSIONS, (1, 5)):
        pixels = exact.sets(name, d)
        twin = [of_each.mean() for of_each in exact.prdc(*pixels, k)]
        for scale, scaled in exact.SCALES.items():
            found = _measured(*map(scaled, pixels), k)
            case = f"{d} columns, k = {k}, {scale}"
            np.testing.assert_allclose(found, twin, rtol=1e-12, err_msg=case)


@everywhere
@all_sets
def test_two_sample_in_float64(name, d):
    pixels = exact.sets(name, d)
    twin = float(np.mean(exact.own_shares(*pixels)))
    for scale, scaled in exact.SCALES.items():
        found = leave_one_out.two_sample(*map(scaled, pixels), permutations=1).value
        np.testing.assert_allclose(found, twin, rtol=1e-12, err_msg=scale)


@everywhere
@all_sets
def test_two_sample_of_bytes_under_jit(name, d):
    pixels = exact.sets(name, d)
    twin = np.array(exact.own_shares(*pixels), float)
    found = neighbours.two_sample(*map(jnp.uint8, pixels))
    expected = [twin.mean(), *twin.reshape(2, -1).mean(axis=1)]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("offset", [0, 1000])
@everywhere
def test_copies_of_floats_under_jit(offset, d):
    """Each image seven times in both sets: nearest are six of its own, seven others."""
    random = np.random.default_rng(d)
    points = (random.normal(size=(12, d)) + offset).astype(np.float32)
    real = jnp.asarray(np.repeat(points, 7, axis=0))
    found = neighbours.two_sample(real, jnp.asarray(random.permutation(real)))
    np.testing.assert_allclose(found, 6 / 13, rtol=1e-6)


@everywhere
def test_a_neighbour_and_its_copy_in_the_other_set_tie_under_jit(d):
    random = np.random.default_rng(d)
    points, others = random.normal(size=(2, 30, d)).astype(np.float32)
    near = points + np.float32(0.1)
    real, fake = np.concatenate([points, near]), np.concatenate([near, others])
    apart = cdist(*2 * [np.concatenate([real, fake]).astype(np.float64)])
    np.fill_diagonal(apart, np.inf)
    nearest = np.isclose(apart, apart.min(axis=1)[:, None], rtol=1e-9, atol=0)
    own = np.repeat([0, 1], 60) == np.repeat([0, 1], 60)[:, None]
    shares = (nearest & own).sum(axis=1) / nearest.sum(axis=1)
    assert (shares[:30] == 0.5).sum() > 10
    found = neighbours.two_sample(jnp.asarray(real), jnp.asarray(fake))
    expected = shares.reshape(2, 60).mean(axis=1)
    np.testing.assert_allclose(found[1:], expected, rtol=1e-6)


def test_bytes_are_exact_where_their_distances_exceed_32_bits():
    """80,000 pixels, black or white: 2.6e9 between two random images."""
    random = np.random.default_rng(0)
    real, fake = 255 * random.integers(0, 2, (2, 8, 80_000))
    fake[2:4], real[5] = fake[1], real[6]
    real[:, 0], fake[:, 0] = random.integers(0, 256, (2, 8))
    assert exact.squared(real, fake).max() > 2**31
    found = neighbours.two_sample(*map(jnp.uint8, (real, fake)))
    twin = float(np.mean(exact.own_shares(real, fake)))
    np.testing.assert_allclose(found.accuracy, twin, rtol=1e-6)


def test_nan_is_no_accuracy():
    real = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
    fake = real.copy()
    fake[3, 2] = np.nan
    found = neighbours.two_sample(jnp.asarray(real), jnp.asarray(fake))
    assert np.isnan(found).all()


@everywhere
def test_near_ties_are_no_ties(d):
    """Balls of radius 60,000, 120,000 ..., and samples outside by 1 in 2·10^10."""
    real = np.zeros((40, d), np.int64)
    real[:, 0] = 60_000 * np.arange(40)
    fake = real.copy()
    fake[:, 1] = 1
    for k in (1, 2, 5):
        twin = [of_each.mean() for of_each in exact.prdc(real, fake, k)]
        for scaled in (np.float64, lambda x: x / 4 + 1e6, lambda x: x / 10):
            found = _measured(scaled(real), scaled(fake), k)
            np.testing.assert_allclose(found, twin, rtol=1e-12)


@pytest.mark.parametrize("name", ["blank", "oversampled", "discrete"])
def test_p_value_is_that_of_relabelled_shares(name, key):
    real, fake = exact.sets(name, 3)
    labels = np.repeat([False, True], len(real))
    own = sum(exact.own_shares(real, fake))
    permuted = [
        sum(exact.own_shares(real, fake, labelling))
        for labelling in permutation.relabellings(key, labels, 39)
    ]
    expected = (1 + sum(value >= own for value in permuted)) / 40
    found = leave_one_out.two_sample(real, fake, key=key, permutations=39)
    assert found.p_value == expected


def test_copies_of_floats_collide():
    random = np.random.default_rng(0)
    points = np.repeat(random.normal(7, 1, (40, 500)), 3, axis=0)
    pairs, apart = birthday.closest_pairs(points, count=130)
    np.testing.assert_array_equal(apart[:120], 0)
    assert (points[pairs[:120, 0]] == points[pairs[:120, 1]]).all()
    assert (apart[120:] > 1).all()
    assert birthday.count_collisions(points, closer_than=1e-12) == 120


def test_median_of_copies_is_zero_and_told():
    blank = np.tile(np.random.default_rng(0).normal(3, 1, 300), (40, 1))
    others = np.random.default_rng(1).normal(3, 1, (8, 300))
    with pytest.raises(InputError, match="copies"):
        mmd.median_bandwidth(blank, np.concatenate([blank[:9], others]))
