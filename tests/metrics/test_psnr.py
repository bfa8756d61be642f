"""PSNR against scikit-image's figures and closed forms; luma and crops."""

import numpy as np
import pytest

from jaxgan.checks import InputError
from jaxgan.metrics import luma, psnr
from jaxgan.metrics.paired import PROTOCOLS, RGB, Protocol, super_resolution
from tests.metrics.paired_images import SCIKIT_IMAGE, pair


def _planes(colour, channels):
    image = np.array(colour, np.uint8).reshape(1, 1, 3)
    return Protocol(channels=channels).planes(image).ravel().tolist()


@pytest.mark.parametrize("size", SCIKIT_IMAGE)
def test_figures_are_those_of_scikit_image(size):
    for name, (expected, _) in SCIKIT_IMAGE[size].items():
        found = psnr.of_pair(*pair(*size), PROTOCOLS[name])
        assert found == pytest.approx(expected, rel=1e-12)


def test_an_error_that_is_known_gives_its_decibels():
    black = np.zeros((8, 8, 3), np.uint8)
    spot = black.copy()
    spot[3, 4, 1] = 40
    expected = 10 * np.log10(255**2 / (40**2 / (8 * 8 * 3)))
    assert psnr.of_pair(black, spot) == pytest.approx(expected, rel=1e-12)
    assert psnr.of_pair(black, black + np.uint8(255)) == pytest.approx(0, abs=1e-12)


def test_what_is_cropped_does_not_count():
    black = np.zeros((12, 10, 3), np.uint8)
    framed = np.full_like(black, 200)
    framed[3:-3, 3:-3] = 1
    inside = psnr.of_pair(black, framed, Protocol(crop=3))
    assert inside == pytest.approx(20 * np.log10(255), rel=1e-12)
    assert psnr.of_pair(black, framed, Protocol(crop=2)) < inside - 10


def test_luma_is_that_of_bt_601():
    # MATLAB's rgb2ycbcr: Y = 16 + 65.481 R + 128.553 G + 24.966 B for R in [0, 1].
    colours = np.random.default_rng(0).integers(0, 256, (20, 3))
    for colour in [*colours, (0, 0, 0), (255, 255, 255)]:
        expected = 16 + np.dot([65.481, 128.553, 24.966], colour) / 255
        assert _planes(colour, luma.LUMA) == pytest.approx([expected], rel=1e-12)
        (whole,) = _planes(colour, luma.LUMA_ROUNDED)
        assert whole == round(expected)
        full = np.dot([0.299, 0.587, 0.114], colour)
        assert _planes(colour, luma.LUMA_FULL) == pytest.approx([full], rel=1e-12)
        assert _planes(colour, luma.RGB) == list(colour)


def test_luma_in_16_to_235_lowers_the_error_by_a_known_factor():
    images = pair(24, 31)
    studio, full = (
        psnr.of_pair(*images, Protocol(channels=channels))
        for channels in (luma.LUMA, luma.LUMA_FULL)
    )
    assert studio - full == pytest.approx(20 * np.log10(255 / 219), rel=1e-10)


def test_mean_is_over_the_decibels_of_pairs():
    sizes = [(24, 31), (40, 40), (24, 31)]
    real, fake = zip(*(pair(*size) for size in sizes), strict=True)
    found = psnr.measure(list(real), list(fake), protocol=super_resolution(4))
    each = [SCIKIT_IMAGE[size]["y-crop-4"][0] for size in sizes]
    assert found.value == pytest.approx(np.mean(each), rel=1e-12)
    assert found.standard_error == pytest.approx(np.std(each, ddof=1) / np.sqrt(3))
    assert found.interval.low < found.value < found.interval.high
    for word in ("Y of BT.601 in [16, 235]", "4 px", "255", "3 pairs"):
        assert word in found.protocol


def test_equal_pairs_are_infinite_and_counted_but_left_out():
    real, fake = pair(24, 31)
    assert psnr.of_pair(real, real) == np.inf
    found = psnr.measure([real, real], [real, fake])
    assert found.value == psnr.of_pair(real, fake)
    assert found.details["equal"] == 1
    assert "1 equal" in found.protocol
    with pytest.raises(InputError, match="infinite"):
        psnr.measure([real], [real])


def test_nan_is_not_left_out():
    with pytest.raises(InputError, match="nan"):
        psnr.mean([30.0, np.nan], protocol=RGB, resamples=0)


def test_what_makes_no_pair_is_refused():
    real, fake = pair(24, 31)
    with pytest.raises(InputError, match="pair 1"):
        psnr.measure([real, real], [fake, fake[:-1]])
    with pytest.raises(InputError, match="2 real and 1"):
        psnr.measure([real, real], [fake])
    with pytest.raises(InputError, match="float32"):
        psnr.of_pair(real.astype(np.float32), fake.astype(np.float32))
    with pytest.raises(InputError, match=r"\[h w 3\]"):
        psnr.of_pair(real[..., :1], fake[..., :1])
    with pytest.raises(InputError, match="crop"):
        psnr.of_pair(real, fake, Protocol(crop=12))
    with pytest.raises(InputError, match="crop=-1"):
        Protocol(crop=-1)
