"""ADA's affine maps and filters against SciPy and Fourier transforms in float64."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage, stats

from jaxgan.methods.ada_transforms import filters, geometry, wavelets
from tests.methods.draws import KEYS, RGB, assert_drawn_from, assert_share

# The affine map.


def matrix(motion):
    """The map of (down, right, 1), composed as in the paper's appendix B."""

    def linear(values):
        whole = np.eye(3)
        whole[:2, :2] = values
        return whole

    def rotation(angle):
        cos, sin = np.cos(angle), np.sin(angle)
        return linear([[cos, -sin], [sin, cos]])

    shift = np.eye(3)
    shift[:2, 2] = motion.by
    stretch = linear(np.diag([1 / motion.stretch, motion.stretch]))
    scale = linear(motion.scale * np.eye(2))
    return shift @ rotation(motion.after) @ stretch @ rotation(motion.before) @ scale


def resampled(image, motion):
    """SciPy's bilinear look-up between convolutions, of an image padded with NumPy."""
    taps, margin = np.array(wavelets.SYM6), wavelets.MARGIN
    size = np.array(image.shape[:2])

    def up(line):
        spread = np.zeros(2 * len(line))
        spread[::2] = line
        return np.convolve(spread, np.sqrt(2) * taps)[margin : margin + len(spread)]

    def down(line):
        return np.correlate(line, taps / np.sqrt(2))[::2]

    pads = 2 * (size - 1)
    lines = [np.arange(-margin, 2 * n + margin) for n in size]
    fine = np.stack(np.meshgrid(*lines, indexing="ij")).reshape(2, -1)
    centre = (size[:, None] - 1) / 2
    offset = np.concatenate([(fine - 0.5) / 2 - centre, np.ones((1, fine.shape[1]))])
    source = (np.linalg.inv(matrix(motion)) @ offset)[:2] + centre
    places = 2 * (source + pads[:, None]) + 0.5
    found = []
    for channel in np.moveaxis(image.astype(np.float64), -1, 0):
        whole = np.pad(channel, [(n, n) for n in pads], mode="reflect")
        for axis in (0, 1):
            whole = np.apply_along_axis(up, axis, whole)
        seen = ndimage.map_coordinates(whole, places, order=1)
        seen = seen.reshape(len(lines[0]), len(lines[1]))
        for axis in (0, 1):
            seen = np.apply_along_axis(down, axis, seen)
        found.append(seen)
    return np.stack(found, axis=-1)


def motion(scale=1.0, before=0.0, stretch=1.0, after=0.0, by=(0.0, 0.0)):
    leaves = (scale, before, stretch, after, jnp.array(by))
    return geometry.Motion(*map(jnp.float32, leaves))


MOVED = jax.jit(geometry.moved)


@pytest.mark.parametrize(
    "parts",
    [
        {"by": (2.3, -1.6)},
        {"scale": 0.7, "before": 0.5},
        {"before": -1.1, "stretch": 1.3, "after": 2.0, "by": (-3.0, 4.5)},
        {"scale": 1.4, "stretch": 0.8, "after": -0.3, "by": (0.2, 0.7)},
    ],
)
def test_moved_images_are_scipys(parts):
    parts = motion(**parts)
    seen = MOVED(jnp.asarray(RGB), parts)
    np.testing.assert_allclose(seen, resampled(RGB, parts), atol=5e-5)


def test_a_map_that_moves_nothing_returns_the_image():
    seen = MOVED(jnp.asarray(RGB), geometry.still())
    np.testing.assert_allclose(seen, RGB, atol=2e-6)


def test_smooth_images_are_those_of_the_moved_function():
    """A plane wave of ten pixels, rotated by 30 degrees and moved."""
    size, parts = 24, motion(before=np.pi / 6, by=(1.5, -0.75))
    line = np.arange(size) - (size - 1) / 2
    places = np.stack([*np.meshgrid(line, line, indexing="ij"), np.ones((size, size))])
    wave = lambda place: np.sin(2 * np.pi / 10 * (0.8 * place[0] + 0.6 * place[1]))
    back = np.tensordot(np.linalg.inv(matrix(parts)), places, 1)
    inside = (np.abs(back[:2]) < size / 2 - 4).all(axis=0)
    image = jnp.asarray(wave(places)[..., None], jnp.float32)
    seen = np.asarray(MOVED(image, parts))[..., 0]
    assert inside.mean() > 0.3
    np.testing.assert_allclose(seen[inside], wave(back)[inside], atol=0.03)
    assert np.abs(seen - wave(places))[inside].max() > 0.5


def test_gradients_are_the_transposed_map():
    """<w, M x> has the gradient M'w, for which <M'w, v> = <w, M v>, by SciPy."""
    parts = motion(scale=0.8, before=0.4, stretch=1.2, after=-1.0, by=(1.0, 2.5))
    w, v = np.random.default_rng(1).normal(size=(2, *RGB.shape)).astype(np.float32)
    product = lambda image: (geometry.moved(image, parts) * w).sum()
    grad = np.asarray(jax.jit(jax.grad(product))(jnp.asarray(RGB)), np.float64)
    expected = (resampled(v, parts) * w).sum()
    np.testing.assert_allclose((grad * v).sum(), expected, rtol=1e-4)


def motions(p):
    draw = functools.partial(geometry.draw, scale=0.2, stretch=0.3, by=0.125)
    drawn = jax.jit(jax.vmap(lambda key, p: draw(key, p, (12, 10)), (0, None)))
    return jax.tree.map(np.asarray, drawn(KEYS, p))


def test_maps_are_drawn_from_the_papers_distributions():
    found = motions(1.0)
    assert_drawn_from(np.log2(found.scale), stats.norm(scale=0.2))
    assert_drawn_from(np.log2(found.stretch), stats.norm(scale=0.3))
    for angle in (found.before, found.after):
        assert_drawn_from(angle, stats.uniform(-np.pi, 2 * np.pi))
    by = found.by / np.array([12, 10])
    assert_drawn_from(by, stats.norm(scale=0.125))
    columns = [found.scale, found.stretch, found.before, found.after, *found.by.T]
    correlations = np.corrcoef(columns) - np.eye(6)
    assert np.abs(correlations).max() < 4 / np.sqrt(1000)


def test_there_is_a_rotation_with_probability_p():
    found = motions(0.4)
    before, after = found.before != 0, found.after != 0
    for share in (found.scale != 1, found.stretch != 1, (found.by != 0).all(axis=1)):
        assert_share(share, 0.4)
    for share in (before, after):
        assert_share(share, 1 - np.sqrt(0.6))
    assert_share(before | after, 0.4)
    coins = [found.scale != 1, before, found.stretch != 1, after, found.by[:, 0] != 0]
    assert np.abs(np.corrcoef(coins) - np.eye(5)).max() < 4 / np.sqrt(1000)


# Wavelets and filters.


@pytest.mark.parametrize("taps", [wavelets.SYM2, wavelets.SYM6])
def test_wavelets_are_orthonormal_with_vanishing_moments(taps):
    taps, n = np.array(taps), len(taps) // 2
    shifted = np.correlate(taps, taps, mode="full")[len(taps) - 1 :: 2]
    np.testing.assert_allclose(shifted, np.eye(n)[0], atol=1e-10)
    np.testing.assert_allclose(taps.sum(), np.sqrt(2), atol=1e-10)
    places = np.arange(len(taps)) - (len(taps) - 1) / 2
    high = (-1.0) ** np.arange(len(taps)) * taps
    moments = [(places**i * high).sum() for i in range(n)]
    np.testing.assert_allclose(moments, 0, atol=1e-8)
    assert abs((places**n * high).sum()) > 0.1


def response(gains, size):
    """The filter's response to the frequencies of an image and its mirror image."""
    omega = 2 * np.pi * np.fft.fftfreq(2 * (size - 1))
    taps = np.array(wavelets.SYM2)

    def low(omega):
        phases = np.exp(-1j * np.outer(omega, np.arange(len(taps))))
        return np.abs(phases @ taps) ** 2 / 2

    one, two, four = low(omega), low(2 * omega), low(4 * omega)
    bands = [four * two * one, (1 - four) * two * one, (1 - two) * one, 1 - one]
    return np.tensordot(gains, bands, 1)


def test_filters_multiply_the_spectrum_of_the_reflected_image():
    h, w = RGB.shape[:2]
    gains = np.array([0.9, 1.7, 0.4, 1.3])
    pads = ((0, h - 2), (0, w - 2), (0, 0))
    spectrum = np.fft.fft2(np.pad(RGB, pads, mode="reflect"), axes=(0, 1))
    factors = np.outer(response(gains, h), response(gains, w))
    expected = np.fft.ifft2(spectrum * factors[..., None], axes=(0, 1)).real[:h, :w]
    seen = filters.filtered(jnp.asarray(RGB), jnp.asarray(gains, jnp.float32))
    np.testing.assert_allclose(seen, expected, atol=5e-6)
    same = filters.filtered(jnp.asarray(RGB), jnp.ones(4))
    np.testing.assert_allclose(same, RGB, atol=2e-6)


def test_octaves_are_amplified_with_probability_p_and_keep_the_power():
    draw = jax.vmap(functools.partial(filters.draw, std=1.0), in_axes=(0, None))
    gains = np.asarray(jax.jit(draw)(KEYS, 0.25), np.float64)
    assert_share((gains == 1).all(axis=1), 0.75**4)
    # Where one octave is amplified, three are equal.
    middle = np.median(gains, axis=1, keepdims=True)
    one = (np.isclose(gains, middle).sum(axis=1) == 3) & (gains != 1).any(axis=1)
    power = (gains[one] ** 2 * np.array([10, 1, 1, 1]) / 13).sum(axis=1)
    np.testing.assert_allclose(power, 1, rtol=1e-5)
    factors = (gains / middle)[one]
    logs = np.log2(factors[~np.isclose(factors, 1)])
    assert_drawn_from(logs, stats.norm())
    assert_share(one, 4 * 0.25 * 0.75**3)
