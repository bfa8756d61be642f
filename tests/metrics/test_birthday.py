"""The birthday paradox on supports of known size."""

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import pdist

from jaxgan.metrics import birthday
from tests.metrics.shares import assert_share


def test_closest_pairs_agree_with_scipy():
    samples = np.random.default_rng(0).normal(size=(1100, 3))
    rows, found = birthday.closest_pairs(samples, count=15)
    np.testing.assert_allclose(found, np.sort(pdist(samples))[:15])
    apart = np.linalg.norm(samples[rows[:, 0]] - samples[rows[:, 1]], axis=1)
    np.testing.assert_allclose(apart, found)
    assert len({tuple(sorted(pair)) for pair in rows.tolist()}) == 15


def test_closest_pairs_of_few_samples_are_all_of_them():
    rows, found = birthday.closest_pairs(np.array([[0.0], [1.0], [3.0]]))
    assert rows.tolist() == [[0, 1], [1, 2], [0, 2]]
    np.testing.assert_allclose(found, [1, 2, 3])


def test_collisions_by_distance_and_by_label_agree():
    random = np.random.default_rng(1)
    labels = random.integers(0, 300, 1300)
    points = random.normal(size=(300, 2))[labels] + 1e-6 * random.normal(size=(1300, 2))
    expected = birthday.collisions_of_labels(labels)
    assert birthday.count_collisions(points, closer_than=1e-4) == expected
    assert expected == (pdist(labels[:, None].astype(float)) == 0).sum()


def test_support_of_known_size_is_found():
    random = np.random.default_rng(2)
    hits, estimates = [], []
    for _ in range(400):
        labels = random.integers(0, 5000, 300)
        result = birthday.support_size(birthday.collisions_of_labels(labels), 300)
        hits.append(result.interval.low <= 1 / 5000 <= result.interval.high)
        estimates.append(result.value)
    assert_share(hits, 0.95, 0.99)  # Poisson intervals are conservative
    # 44,850 pairs: the mean of 400 has a standard error of 5e-6 x 0.67.
    np.testing.assert_allclose(np.mean(estimates), 1 / 5000, rtol=0.07)


def test_no_collision_bounds_the_support_from_below():
    result = birthday.support_size(0, 100)
    assert result.details["support_size"] is None
    assert result.details["support_at_most"] is None
    upper = stats.chi2.ppf(0.975, 2) / 2
    np.testing.assert_allclose(result.details["support_at_least"], 4950 / upper)


@pytest.mark.parametrize("collisions", [1, 3, 20])
def test_interval_is_that_of_garwood(collisions):
    interval = birthday.support_size(collisions, 100).interval
    low = stats.chi2.ppf(0.025, 2 * collisions) / 2
    high = stats.chi2.ppf(0.975, 2 * collisions + 2) / 2
    np.testing.assert_allclose(interval[:2], [low / 4950, high / 4950])


def test_even_odds_of_birthdays_are_at_23_people():
    assert birthday._even_odds(365.0) == 23
    assert birthday._even_odds(1.0) == 2
    assert birthday._even_odds(2.0) == 2


def test_refuses_what_cannot_be():
    with pytest.raises(ValueError, match="3 pairs"):
        birthday.support_size(4, 3)
    with pytest.raises(ValueError, match="must be positive"):
        birthday.count_collisions(np.zeros((3, 1)), closer_than=0.0)
