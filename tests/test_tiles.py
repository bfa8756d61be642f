"""Tiles: the result of the whole image, by windows of one shape."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.checks import InputError
from jaxgan.nets.srresnet import Generator
from jaxgan.tiles import apply_tiled, spans


def drawn(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def network(scale):
    """A function of one image, and its radius; weights that are not small."""
    module = Generator(scale, 4, blocks=1)
    variables = jax.jit(module.init)(jax.random.key(0), jnp.zeros((1, 8, 8, 3)))
    noise = lambda leaf: leaf + 0.05 * drawn(*leaf.shape, seed=leaf.size)
    variables = jax.tree.map(noise, variables)
    play = jax.jit(lambda x: module.apply(variables, x[None])[0])
    return play, module.radius


@pytest.mark.parametrize("scale", [2, 4])
def test_the_result_is_that_of_the_whole_image(scale):
    """Of 3 x 4 tiles, which are no divisors of the size, by one program."""
    play, radius = network(scale)
    image, shapes, told = drawn(47, 61, 3), set(), []

    def noted(window):
        shapes.add(window.shape)
        return play(window)

    how = {"tile": 13, "scale": scale, "progress": lambda *n: told.append(n)}
    made = apply_tiled(noted, image, radius=radius, **how)
    whole = np.asarray(play(image))
    assert made.shape == whole.shape
    np.testing.assert_allclose(made, whole, rtol=1e-6, atol=1e-6 * np.abs(whole).max())
    side = 13 + 2 * radius
    assert shapes == {(side, side, 3)}
    assert told[-1][0] == len(told) >= 9
    assert told == [(n, len(told)) for n in range(1, len(told) + 1)]


def test_less_than_the_radius_leaves_seams():
    """So the test above would see a radius that is too small."""
    play, radius = network(4)
    image = drawn(47, 61, 3)
    made = apply_tiled(play, image, tile=13, radius=radius - 1, scale=4)
    whole = np.asarray(play(image))
    assert np.abs(made - whole).max() > 1e-5 * np.abs(whole).max()


@pytest.mark.parametrize("shape", [(5, 40, 3), (9, 9, 3), (1, 1, 3)])
def test_small_images_are_played_as_they_are(shape):
    """And one that is low and wide in windows as low as itself."""
    play, radius = network(2)
    image, seen = drawn(*shape), []

    def noted(window):
        seen.append(window.shape)
        return play(window)

    made = apply_tiled(noted, image, tile=8, radius=radius, scale=2)
    whole = np.asarray(play(image))
    np.testing.assert_allclose(made, whole, rtol=1e-6, atol=1e-6 * np.abs(whole).max())
    expected = tuple(min(side, 8 + 2 * radius) for side in shape[:2])
    assert {each[:2] for each in seen} == {expected}


@pytest.mark.parametrize(("tile", "radius"), [(1, 0), (1, 2), (4, 0), (5, 3), (50, 2)])
def test_tiles_cover_an_axis_once_and_have_their_surroundings(tile, radius):
    for length in range(1, 40):
        window, at = min(length, tile + 2 * radius), 0
        for start, first, last in spans(length, tile, window, radius):
            assert first == at < last
            assert 0 <= start <= length - window
            assert start == 0 or first - start >= radius
            assert start + window == length or start + window - last >= radius
            at = last
        assert at == length


def test_the_dtype_and_the_channels_are_the_functions():
    image = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)
    pair = lambda x: np.concatenate([x, 255 - x], axis=-1)
    made = apply_tiled(pair, image, tile=2, radius=0)
    assert made.dtype == np.uint8
    np.testing.assert_array_equal(made, pair(image))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tile": 0}, "tile=0"),
        ({"radius": -1}, "radius=-1"),
        ({"scale": 2}, "expected"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(InputError, match=message):
        apply_tiled(
            lambda x: x, np.zeros((4, 4, 1)), **{"tile": 2, "radius": 1, **changes}
        )
