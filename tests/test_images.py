"""Pixels and floats are inverses; unknown ranges are refused."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan import images


def test_every_pixel_value_survives_the_round_trip():
    pixels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(images.as_uint8(images.as_float(pixels)), pixels)


def test_as_uint8_leaves_pixels_as_they_are():
    """A game's samples may be pixels already."""
    pixels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(images.as_uint8(pixels), pixels)


def test_as_float_spans_minus_one_to_one():
    ends = images.as_float(np.array([0, 255], np.uint8))
    np.testing.assert_allclose(ends, [-1, 1], atol=1e-6)


def test_as_float_leaves_floats_as_they_are():
    x = jnp.array([-0.5, 0.25])
    np.testing.assert_array_equal(images.as_float(x), x)


def test_as_float_refuses_integers_of_unknown_range():
    with pytest.raises(TypeError, match=r"uint8 in \[0, 255\].*int32"):
        images.as_float(jnp.array([1, 2]))
