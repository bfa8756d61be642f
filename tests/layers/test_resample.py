"""Resampling against its matrix, made by SciPy and NumPy in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import signal

from jaxgan import InputError
from jaxgan.layers import resample

FILTERS = [(1, 2, 1), (1, 3, 3, 1), (1, 4, 6, 4, 1), (-1, 3, 4, 4, 3, -1)]
SIZE = (4, 6)


def by_scipy(image, taps, *, above, stride, before, size):
    """Zeros between the pixels, the full convolution, and every so many of it."""
    stretched = np.zeros([above * n for n in image.shape])
    stretched[::above, ::above] = image
    kernel = np.outer(taps, taps) / np.sum(taps) ** 2
    whole = signal.convolve2d(stretched, kernel, mode="full")
    at = lambda n: np.arange(n) * stride + len(taps) - 1 - before
    whole = np.pad(whole, 2 * len(taps))  # further out there are zeros only
    rows, columns = (at(n) + 2 * len(taps) for n in size)
    return above**2 * whole[np.ix_(rows, columns)]


def up(image, taps):
    size = [2 * n for n in image.shape]
    how = {"above": 2, "stride": 1, "before": len(taps) // 2}
    return by_scipy(image, taps, size=size, **how)


def down(image, taps):
    size = [n // 2 for n in image.shape]
    how = {"above": 1, "stride": 2, "before": (len(taps) - 1) // 2}
    return by_scipy(image, taps, size=size, **how)


def blur(image, taps, padding):
    size = [n + sum(padding) - len(taps) + 1 for n in image.shape]
    how = {"above": 1, "stride": 1, "before": padding[0]}
    return by_scipy(image, taps, size=size, **how)


def bilinear(image):
    """Between the pixels' centres; np.interp keeps the border's values beyond it."""
    for axis in (0, 1):
        n = image.shape[axis]
        places = (np.arange(2 * n) + 0.5) / 2 - 0.5
        line = lambda values, places=places, n=n: np.interp(
            places, np.arange(n), values
        )
        image = np.apply_along_axis(line, axis, image)
    return image


def check(ours, reference, size=SIZE):
    """Value, gradient, and the gradient's own, by the matrix of the reference."""
    units = np.eye(np.prod(size)).reshape(-1, *size)
    out = reference(units[0]).shape
    matrix = np.stack([reference(unit).reshape(-1) for unit in units], axis=1)
    random = np.random.default_rng(0)
    x, v = random.normal(size=(2, 2, *size, 3))

    def rows(images):
        return np.moveaxis(images, 3, 1).reshape(6, -1)

    def images(rows, size):
        return np.moveaxis(rows.reshape(2, 3, *size), 1, 3)

    def cubes(x):
        return (ours(x) ** 3).sum()

    @jax.jit
    def found(x, v):
        return ours(x), *jax.jvp(jax.grad(cubes), (x,), (v,))

    y = rows(x) @ matrix.T
    expected = (
        images(y, out),
        images(3 * y**2 @ matrix, size),
        images(6 * y * (rows(v) @ matrix.T) @ matrix, size),
    )
    for one, other in zip(found(*map(jnp.float32, (x, v))), expected, strict=True):
        scale = abs(other).max()
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=2e-6 * scale)


@pytest.mark.parametrize("taps", FILTERS, ids=str)
def test_up_is_that_of_scipy(taps):
    check(lambda x: resample.up(x, taps), lambda image: up(image, taps), size=(3, 4))


@pytest.mark.parametrize("taps", FILTERS, ids=str)
def test_down_is_that_of_scipy(taps):
    check(lambda x: resample.down(x, taps), lambda image: down(image, taps))


@pytest.mark.parametrize(
    ("taps", "padding"),
    [
        ((1, 2, 1), None),
        ((1, 3, 3, 1), (2, 1)),
        ((1, 3, 3, 1), (1, 1)),
        ((1, 1), (0, 0)),
    ],
    ids=str,
)
def test_blur_is_that_of_scipy(taps, padding):
    check(
        lambda x: resample.blur(x, taps, padding=padding),
        lambda image: blur(image, taps, padding or (1, 1)),
        size=(3, 5),
    )


def test_bilinear_upsampling_is_that_of_numpy():
    check(resample.upsample_bilinear, bilinear, size=(3, 1))


def test_nearest_upsampling_repeats_pixels():
    twice = lambda image: image.repeat(2, axis=0).repeat(2, axis=1)
    check(resample.upsample_nearest, twice, size=(3, 4))


def test_average_pooling_takes_means():
    mean = lambda image: image.reshape(2, 2, 3, 2).mean(axis=(1, 3))
    check(resample.average_pool, mean)


@pytest.mark.parametrize("taps", [(1, 2, 1), (1, 3, 3, 1)], ids=str)
def test_down_is_a_quarter_of_the_transpose_of_up(taps):
    random = np.random.default_rng(1)
    fine, coarse = (random.normal(size=(2, n, n, 1)) for n in (6, 3))

    @jax.jit
    def products(fine, coarse):
        left = jnp.vdot(resample.up(coarse, taps), fine)
        return left, 4 * jnp.vdot(coarse, resample.down(fine, taps))

    left, right = products(jnp.float32(fine), jnp.float32(coarse))
    np.testing.assert_allclose(left, right, rtol=1e-4)


@pytest.mark.parametrize("taps", [(1, 4, 6, 4, 1), (-1, 3, 4, 4, 3, -1)], ids=str)
def test_constants_stay_so_inside(taps):
    @jax.jit
    def inside(ones):
        up, edge = resample.up(ones, taps), len(taps)
        blurred = resample.blur(ones, taps, padding=(0, 0))
        down = resample.down(ones, taps)[:, 2:-2, 2:-2]
        return up[:, edge:-edge, edge:-edge], down, blurred

    for y in inside(jnp.ones((1, 12, 12, 1))):
        np.testing.assert_allclose(y, 1, rtol=1e-6)


def test_bilinear_upsampling_keeps_constants_to_the_border():
    y = jax.jit(resample.upsample_bilinear)(jnp.full((1, 3, 3, 1), 5, jnp.bfloat16))
    assert y.dtype == jnp.bfloat16
    np.testing.assert_array_equal(np.asarray(y, np.float32), 5)


@pytest.mark.parametrize(
    ("run", "word"),
    [
        (lambda x: resample.down(x[:, :5], (1, 1)), "5x6"),
        (lambda x: resample.average_pool(x[:, :, :3]), "6x3"),
        (lambda x: resample.up(x, (1, 2, 3)), "symmetric"),
        (lambda x: resample.down(x, (1,)), "2 or more"),
        (lambda x: resample.down(x, (-1, -1)), "above 0"),
        (lambda x: resample.up(x, (1, 1, 1)), r"0\.6667 and 0\.3333"),
        (lambda x: resample.blur(x, (1, 3, 3, 1)), "4 taps"),
        (lambda x: resample.blur(x, (1,) * 7, padding=(0, 0)), "6x6"),
    ],
    ids=[
        "odd",
        "odd width",
        "asymmetric",
        "one",
        "negative",
        "uneven",
        "even",
        "large",
    ],
)
def test_what_cannot_be_filtered_is_refused(run, word):
    with pytest.raises(InputError, match=word):
        run(jnp.ones((1, 6, 6, 1)))
