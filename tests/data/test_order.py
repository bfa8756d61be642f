"""The order contract, against the published generator and a plain Python twin."""

import numpy as np
import pytest

from jaxgan.checks import InputError
from jaxgan.data import batch_indices, epoch_order
from jaxgan.data.order import _splitmix64

GOLDEN = 0x9E3779B97F4A7C15


def splitmix64(state: int) -> int:
    """The reference in Python integers, reduced modulo 2^64 after each operation."""
    z = (state + GOLDEN) % 2**64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return z ^ (z >> 31)


def test_splitmix64_gives_published_outputs():
    # The first five outputs for the seed 1234567, as many implementations list them.
    states = np.uint64(1234567) + np.arange(5, dtype=np.uint64) * np.uint64(GOLDEN)
    assert _splitmix64(states).tolist() == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]


@pytest.mark.parametrize("seed", [0, 7, -1, 2**63 + 5], ids=str)
@pytest.mark.parametrize("epoch", [0, 3])
def test_epoch_order_equals_python_twin(seed, epoch):
    start = splitmix64(splitmix64(seed % 2**64) ^ epoch)
    ranks = [splitmix64((start + i * GOLDEN) % 2**64) for i in range(50)]
    assert epoch_order(seed, epoch, 50).tolist() == sorted(
        range(50), key=ranks.__getitem__
    )


def test_epoch_order_never_changes():
    # A change here breaks the resuming of every run made before.
    assert epoch_order(0, 0, 8).tolist() == [0, 7, 2, 5, 4, 6, 3, 1]
    assert epoch_order(42, 9, 8).tolist() == [5, 0, 2, 4, 3, 7, 1, 6]


@pytest.mark.parametrize("n", [1, 2, 1000])
def test_epoch_order_is_permutation(n):
    order = epoch_order(3, 1, n)
    assert order.dtype == np.int64
    np.testing.assert_array_equal(np.sort(order), np.arange(n))


def test_epoch_order_is_read_only():
    with pytest.raises(ValueError, match="read-only"):
        epoch_order(0, 0, 4)[0] = 1


def test_epoch_orders_are_uncorrelated():
    orders = np.stack([epoch_order(seed, e, 2000) for seed in (0, 1) for e in (0, 1)])
    correlations = np.corrcoef(orders)[~np.eye(4, dtype=bool)]
    # The standard deviation of a correlation of 2000 pairs is 1/sqrt(2000) = 0.022.
    np.testing.assert_allclose(correlations, 0, atol=0.1)


def test_epoch_order_puts_example_anywhere():
    from scipy import stats

    places = np.array(
        [np.flatnonzero(epoch_order(5, e, 16) == 3)[0] for e in range(1600)]
    )
    assert stats.chisquare(np.bincount(places, minlength=16)).pvalue > 1e-3


def test_batch_indices_equal_definition():
    seed, n, d_steps, batch_size, start, steps = 11, 7, 2, 5, 3, 6
    indices = batch_indices(
        seed, start=start, steps=steps, d_steps=d_steps, batch_size=batch_size, n=n
    )
    assert indices.shape == (steps, d_steps, batch_size)
    assert indices.dtype == np.int32
    for t in range(steps):
        for j in range(d_steps):
            for i in range(batch_size):
                p = ((start + t) * d_steps + j) * batch_size + i
                assert indices[t, j, i] == epoch_order(seed, p // n, n)[p % n]


def test_batch_indices_show_each_example_once_an_epoch():
    indices = batch_indices(1, start=0, steps=12, d_steps=1, batch_size=5, n=20)
    np.testing.assert_array_equal(np.bincount(indices.ravel()), np.full(20, 3))
    for epoch in indices.reshape(3, 20):
        np.testing.assert_array_equal(np.sort(epoch), np.arange(20))


def test_batch_indices_do_not_depend_on_chunks():
    whole = batch_indices(2, start=0, steps=10, d_steps=3, batch_size=4, n=9)
    parts = [
        batch_indices(2, start=a, steps=b - a, d_steps=3, batch_size=4, n=9)
        for a, b in ((0, 1), (1, 6), (6, 6), (6, 10))
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_batch_indices_reach_far_steps():
    # Places beyond 2^32 must not wrap.
    start, n = 2**40, 10
    indices = batch_indices(0, start=start, steps=1, d_steps=1, batch_size=4, n=n)
    places = np.arange(start * 4, start * 4 + 4)
    expected = [epoch_order(0, int(p) // n, n)[p % n] for p in places]
    assert indices.ravel().tolist() == expected


def test_batch_larger_than_set_is_refused():
    with pytest.raises(InputError, match=r"batch of 9 .* only 8; pass --batch-size 8"):
        batch_indices(0, start=0, steps=1, d_steps=1, batch_size=9, n=8)


@pytest.mark.parametrize(
    "wrong", [{"start": -1}, {"d_steps": 0}, {"batch_size": 0}], ids=str
)
def test_impossible_counts_are_refused(wrong):
    numbers = {"start": 0, "steps": 1, "d_steps": 1, "batch_size": 2} | wrong
    with pytest.raises(InputError, match="Expected start >= 0"):
        batch_indices(0, **numbers, n=8)
