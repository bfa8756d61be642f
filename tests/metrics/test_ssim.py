"""SSIM against scikit-image's figures, explicit windows, and closed forms."""

import numpy as np
import pytest

from jaxgan.checks import InputError
from jaxgan.metrics import ssim, windows
from jaxgan.metrics.paired import PROTOCOLS, Protocol
from tests.metrics.paired_images import SCIKIT_IMAGE, pair


def _by_definition(x, y, weights, correction):
    """The mean over all windows, each by itself and from differences to its means."""
    size, values = len(weights), []
    for i in range(x.shape[0] - size + 1):
        for j in range(x.shape[1] - size + 1):
            a, b = (z[i : i + size, j : j + size] for z in (x, y))
            mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
            covariance = lambda u, v, w=(mean_a, mean_b): (
                correction * (weights * (u[0] - w[u[1]]) * (v[0] - w[v[1]])).sum()
            )
            aa = covariance((a, 0), (a, 0))
            bb = covariance((b, 1), (b, 1))
            ab = covariance((a, 0), (b, 1))
            values.append(
                (2 * mean_a * mean_b + 2.55**2)
                * (2 * ab + 7.65**2)
                / (mean_a**2 + mean_b**2 + 2.55**2)
                / (aa + bb + 7.65**2)
            )
    return np.mean(values)


@pytest.mark.parametrize("size", SCIKIT_IMAGE)
def test_figures_are_those_of_scikit_image(size):
    for name, (_, expected) in SCIKIT_IMAGE[size].items():
        found = ssim.of_pair(*pair(*size), PROTOCOLS[name])
        assert found == pytest.approx(expected, rel=1e-9)


def test_values_are_those_of_explicit_windows():
    x, y = np.random.default_rng(0).uniform(0, 255, (2, 14, 13))
    y = 0.5 * x + 0.5 * y
    away = np.arange(11) - 5
    bell = np.exp(-(away[:, None] ** 2 + away[None] ** 2) / (2 * 1.5**2))
    expected = _by_definition(x, y, bell / bell.sum(), 1.0)
    assert ssim.of_planes(x, y, windows.GAUSSIAN) == pytest.approx(expected, rel=1e-10)
    flat = np.full((7, 7), 1 / 49)
    expected = _by_definition(x, y, flat, 49 / 48)
    assert ssim.of_planes(x, y, windows.UNIFORM) == pytest.approx(expected, rel=1e-10)


def test_flat_images_differ_by_their_brightness_alone():
    dark, bright = (np.full((16, 12, 3), level, np.uint8) for level in (50, 120))
    expected = (2 * 50 * 120 + 2.55**2) / (50**2 + 120**2 + 2.55**2)
    assert ssim.of_pair(dark, bright) == pytest.approx(expected, rel=1e-9)


def test_equal_images_have_one_and_negatives_less_than_none():
    real, _ = pair(40, 40)
    assert ssim.of_pair(real, real) == 1
    assert ssim.of_pair(real, 255 - real) < -0.5


def test_channels_count_alike():
    real, fake = pair(24, 31)
    one_by_one = [
        ssim.of_planes(
            real[..., c].astype(float), fake[..., c].astype(float), windows.GAUSSIAN
        )
        for c in range(3)
    ]
    assert ssim.of_pair(real, fake) == pytest.approx(np.mean(one_by_one), rel=1e-12)


def test_mean_is_over_pairs_and_its_protocol_names_the_window():
    sizes = [(24, 31), (40, 40)]
    real, fake = zip(*(pair(*size) for size in sizes), strict=True)
    found = ssim.measure(list(real), list(fake))
    each = [SCIKIT_IMAGE[size]["rgb"][1] for size in sizes]
    assert found.value == pytest.approx(np.mean(each), rel=1e-9)
    for word in ("RGB", "Gaussian", "11 x 11", "1.5", "K1 0.01", "K2 0.03", "255"):
        assert word in found.protocol
    uniform = ssim.measure(real, fake, protocol=PROTOCOLS["scikit-image"])
    assert "7 x 7" in uniform.protocol
    assert "sample covariance" in uniform.protocol


def test_images_smaller_than_the_window_are_refused():
    real, fake = pair(12, 30)
    with pytest.raises(InputError, match="10 x 28"):
        ssim.of_pair(real, fake, Protocol(crop=1))
    with pytest.raises(InputError, match="same size"):
        ssim.of_pair(real, fake[:, :-1])
    for make in (windows.gaussian, windows.uniform):
        with pytest.raises(InputError, match="size=8"):
            make(8)
    with pytest.raises(InputError, match="sigma=0"):
        windows.gaussian(11, 0)
