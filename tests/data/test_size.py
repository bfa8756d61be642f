"""Sizes as the command line and `load` take them."""

import pytest

from jaxgan.checks import InputError
from jaxgan.data import parse_size
from jaxgan.data.size import as_pair, simplest


def test_one_number_is_square_and_two_are_height_and_width():
    assert parse_size("64") == 64
    assert parse_size("256x64") == (256, 64)
    assert as_pair(64) == (64, 64)
    assert as_pair((256, 64)) == (256, 64)
    assert simplest((64, 64)) == simplest(64) == 64
    assert simplest((256, 64)) == (256, 64)


@pytest.mark.parametrize("text", ["", "x", "64x", "-4", "8x8x8", "64 x 64", "big", "٤"])
def test_other_texts_are_refused(text):
    with pytest.raises(InputError, match=r"--resolution .*256x64"):
        parse_size(text)


@pytest.mark.parametrize("size", [0, -1, (0, 8), (8, -1)])
def test_sides_below_one_pixel_are_refused(size):
    with pytest.raises(InputError, match="at least 1 pixel"):
        as_pair(size)
