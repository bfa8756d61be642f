"""Nearest training examples and authenticity, against distances of all pairs."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from jaxgan.checks import InputError
from jaxgan.metrics import memorised


@pytest.fixture
def sets():
    random = np.random.default_rng(0)
    return random.normal(size=(700, 6)), random.normal(size=(300, 6))


def test_nearest_are_those_of_all_distances(sets):
    real, fake = sets
    rows, apart = memorised.nearest(real, fake, 3)
    expected = cdist(fake, real)
    np.testing.assert_array_equal(rows, expected.argsort(axis=1)[:, :3])
    np.testing.assert_allclose(apart, np.sort(expected, axis=1)[:, :3], rtol=1e-12)


def test_authenticity_is_its_definition(sets):
    real, fake = sets
    among = cdist(real, real)
    np.fill_diagonal(among, np.inf)
    to_real = cdist(fake, real)
    closest = to_real.argmin(axis=1)
    expected = (to_real.min(axis=1) >= among.min(axis=1)[closest]).mean()
    found = memorised.authenticity(real, fake, features="numbers")
    assert found.value == expected
    assert found.interval.low < expected < found.interval.high


def test_copies_are_not_authentic_and_far_samples_are(sets):
    real, fake = sets
    copies = real[:100] + 1e-9
    assert memorised.authenticity(real, copies, features="x", resamples=0).value == 0
    assert memorised.authenticity(real, fake + 50, features="x", resamples=0).value == 1


def test_more_neighbours_than_examples_are_refused(sets):
    with pytest.raises(InputError, match="count"):
        memorised.nearest(sets[0][:3], sets[1], 4)
