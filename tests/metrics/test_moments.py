"""Moments of blocks, against NumPy's of all rows at once."""

import numpy as np
import pytest

from jaxgan.checks import InputError
from jaxgan.metrics import frechet, moments


@pytest.fixture
def rows():
    random = np.random.default_rng(0)
    # Far from the origin, where sums of squares would lose digits.
    return random.normal(1e4, 1e-2, (3_000, 7)) @ random.normal(size=(7, 7))


@pytest.mark.parametrize("length", [1, 32, 1_500, 3_000])
def test_blocks_have_the_moments_of_all_rows(rows, length):
    blocks = (rows[i : i + length] for i in range(0, len(rows), length))
    found = moments.of_blocks(blocks)
    assert found.count == len(rows)
    np.testing.assert_allclose(found.mean, rows.mean(0), rtol=1e-13)
    expected = np.cov(rows, rowvar=False)
    np.testing.assert_allclose(found.covariance, expected, rtol=1e-7)


def test_order_of_merging_does_not_matter(rows):
    a, b, c = (moments.of(rows[i::3]) for i in range(3))
    left = moments.merge(moments.merge(a, b), c)
    right = moments.merge(a, moments.merge(c, b))
    np.testing.assert_allclose(left.scatter, right.scatter, rtol=1e-9)


def test_distance_of_moments_is_that_of_rows():
    random = np.random.default_rng(0)
    real, fake = random.normal(size=(400, 5)), random.normal(0.3, 2.0, (300, 5))
    known = moments.of_blocks([real]), moments.of_blocks([fake])
    found = frechet.of_moments(*known, features="numbers")
    expected = frechet.distance(real, fake, features="numbers", resamples=0)
    np.testing.assert_allclose(found.value, expected.value, rtol=1e-10)
    assert "400 real vs 300 fake, 5 features" in found.protocol


def test_one_example_has_no_covariance():
    one = moments.of(np.ones((1, 3)))
    with pytest.raises(InputError, match="two examples"):
        frechet.of_moments(one, one, features="numbers")


def test_no_examples_have_no_moments():
    with pytest.raises(InputError, match="no examples"):
        moments.of_blocks([])


def test_sets_seen_through_different_networks_are_refused():
    a, b = moments.of(np.eye(3)), moments.of(np.eye(4))
    with pytest.raises(InputError, match="different networks"):
        frechet.of_moments(a, b, features="numbers")
