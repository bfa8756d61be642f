"""Discrete values are found again as whole numbers, whatever their scale."""

import numpy as np
import pytest

from jaxgan.images import as_float
from jaxgan.metrics import grid
from tests.metrics import exact

MANY = np.random.default_rng(0).integers(0, 65_536, (300, 700))


@pytest.mark.parametrize("scale", exact.SCALES)
def test_pixels_on_any_scale_are_whole_numbers_again(scale):
    pixels = MANY % 256
    x, y = np.split(exact.SCALES[scale](pixels).astype(np.float64), 2)
    found = np.concatenate(grid.whole(x, y))
    np.testing.assert_array_equal(found, pixels - pixels.min())


@pytest.mark.parametrize(
    "numbers",
    [
        np.asarray(as_float(np.arange(256, dtype=np.uint8)), np.float64)[MANY % 256],
        (MANY.astype(np.float32) / np.float32(32_767.5) - 1).astype(np.float64),
        MANY * 0.1 - 7,
        1e9 + MANY % 3 / 3,
    ],
    ids=["as_float", "16 bits", "tenths", "far from zero"],
)
def test_all_levels_of_a_grid_are_found(numbers):
    (found,) = grid.whole(numbers)
    _, levels = np.unique(numbers, return_inverse=True)
    steps, whole = np.unique(found, return_inverse=True)
    np.testing.assert_array_equal(whole.ravel(), levels.ravel())
    np.testing.assert_allclose(
        np.diff(np.unique(numbers)) / np.diff(steps), np.ptp(numbers) / np.ptp(found),
        rtol=0.02,
    )  # fmt: skip


def test_levels_that_leave_gaps_keep_them():
    (found,) = grid.whole(np.array([[0.3, 0.4, 1.1]]))
    np.testing.assert_array_equal(found, [[0, 1, 8]])
    (found,) = grid.whole(np.full((3, 2), 0.7))
    np.testing.assert_array_equal(found, 0)


@pytest.mark.parametrize(
    "numbers",
    [
        np.random.default_rng(0).normal(size=(500, 700)),
        np.random.default_rng(0).normal(size=(5, 3)),
        np.array([[0.0, 1.0, 1.0 + 1e-15]]),
        np.array([[-1.7e308, 0.0, 1.7e308, 1e300]]),
        np.array([[0.0, 1.0, np.sqrt(2)]]),
    ],
    ids=["continuous", "few", "too fine", "huge", "irrational"],
)
def test_other_numbers_stay_as_they_are(numbers):
    (found,) = grid.whole(numbers)
    assert found is numbers
