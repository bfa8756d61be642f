"""Blocks of distances against SciPy; comparisons of them against whole numbers."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from jaxgan import InputError
from jaxgan.metrics import distances
from tests.metrics import exact


@pytest.mark.parametrize("n", [3, 500, 1201])
def test_blocks_agree_with_scipy(n):
    random = np.random.default_rng(0)
    x, y = random.normal(100, 1, (n, 4)), random.normal(100, 1, (7, 4))
    expected = cdist(x, y, "sqeuclidean")
    np.testing.assert_allclose(distances.squared(x, y), expected, rtol=1e-9, atol=1e-9)
    blocks = distances.blocks(*distances.prepare(x, y))
    rows = np.concatenate([np.arange(n)[r] for r, _ in blocks])
    np.testing.assert_array_equal(rows, np.arange(n))


def test_others_leave_out_the_example_itself():
    x = np.random.default_rng(0).normal(size=(1001, 2))
    blocks = distances.others(*distances.prepare(x))
    found = np.concatenate([block for _, block in blocks])
    assert (np.diag(found) == np.inf).all()
    np.fill_diagonal(found, 0)
    np.testing.assert_allclose(found, cdist(x, x, "sqeuclidean"), atol=1e-12)


def test_blocks_are_bounded_in_memory(monkeypatch):
    monkeypatch.setattr(distances, "_PAIRS", 2000)
    x = np.random.default_rng(0).normal(size=(70, 2))
    blocks = [block for _, block in distances.others(*distances.prepare(x))]
    assert max(block.size for block in blocks) <= 2000
    assert sum(len(block) for block in blocks) == 70


def _far_from_zero(whole):
    return whole / 4 + 1e6  # quarters, so the numbers hold them exactly


def _with_an_outlier(whole):
    return np.concatenate([whole[1:], [whole[0] + 2**22]]) / 4


@pytest.mark.parametrize("d", [2, 64, 784])
@pytest.mark.parametrize("made", [_far_from_zero, _with_an_outlier])
def test_numbers_that_are_not_whole_are_compared_exactly(made, d):
    random = np.random.default_rng(d)
    whole = np.repeat(random.integers(0, 3, (60, d)), 2, axis=0)
    numbers = made(whole)
    (rows,) = distances.prepare(numbers)
    assert not rows.exact
    twin = exact.squared(*2 * [np.rint((numbers - numbers[0]) * 4).astype(np.int64)])
    np.fill_diagonal(twin, 2**62)
    for k in (1, 2, 5):
        radii = distances.kth(rows, k)
        np.testing.assert_array_equal(radii * 16, np.sort(twin, axis=1)[:, k - 1])
        (block,) = [block for _, block in distances.others(rows)]
        distances.settle(block, rows, slice(0, 120), rows, thresholds=radii[None])
        inside = twin <= np.sort(twin, axis=1)[:, k - 1][None]
        np.testing.assert_array_equal(block <= radii, inside)
    nearest = np.concatenate([mask for _, mask in distances.nearest(rows)])
    np.testing.assert_array_equal(nearest, twin == twin.min(axis=1)[:, None])


@pytest.mark.parametrize("d", [3, 64, 784])
def test_the_order_and_sign_of_differences_break_no_tie(d):
    random = np.random.default_rng(d)
    step = random.normal(size=d)
    around = random.permuted(np.tile(step, (40, 1)), axis=1)
    around *= random.choice([-1, 1], around.shape)
    x, y = distances.prepare(np.zeros((2, d)), around)
    (block,) = [block for _, block in distances.blocks(x, y)]
    first = distances.by_differences(x, np.array([0]), y, np.array([0]))
    distances.settle(block, x, slice(0, 2), y, thresholds=np.tile(first, (2, 1)))
    assert (block == first).all()


def test_copies_of_floats_are_at_distance_zero():
    points = np.random.default_rng(0).normal(5, 1, (50, 300))
    found = distances.squared(np.repeat(points, 3, axis=0), points)
    np.testing.assert_array_equal(found == 0, np.repeat(np.eye(50), 3, axis=0))
    zeros = np.array([[0.0, 0.5], [-0.0, 0.5], [0.1, 0.5]])
    (rows,) = distances.prepare(zeros)
    assert rows.twins.tolist() == [0, 0, 2]


def test_a_collapsed_set_costs_one_distance_of_each_kind(monkeypatch):
    points = np.repeat(np.random.default_rng(0).normal(size=(4, 50)), 200, axis=0)
    computed = []
    plain = distances.by_differences

    def counted(x, i, y, j):
        computed.append(len(i))
        return plain(x, i, y, j)

    monkeypatch.setattr(distances, "by_differences", counted)
    (rows,) = distances.prepare(points)
    assert (distances.kth(rows, 5) == 0).all()
    assert sum(computed) <= 2 * 16


def test_squares_that_overflow_are_refused():
    with pytest.raises(InputError, match=r"1e\+200"):
        distances.prepare(np.array([[1e200, 0.5], [0.0, 0.5]]))
