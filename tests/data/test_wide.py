"""Files of more than 8 bits: scaled by the range that they have, or refused."""

import itertools
import struct

import numpy as np
import pytest

from jaxgan.checks import InputError
from jaxgan.data import load
from jaxgan.data.images import is_gray
from jaxgan.data.source import DataWarning
from tests.data.wide_files import GRAY, GRAY_ALPHA, RGB, expected, png, ramp, read, tiff


def test_full_range_is_scaled_by_16_bits():
    values = ramp(65535)
    for content in (png(values[..., None], GRAY), tiff(values)):
        got, largest = read(content)
        np.testing.assert_array_equal(got, expected(values, 65535))
        assert largest == 65535


@pytest.mark.parametrize("bits", [9, 10, 12, 14])
def test_sbit_scales_values_stored_as_they_are(bits):
    values = ramp(2**bits - 1)
    got, largest = read(png(values[..., None], GRAY, (b"sBIT", bytes([bits]))))
    np.testing.assert_array_equal(got, expected(values, 2**bits - 1))
    assert largest is None


@pytest.mark.parametrize("bits", [10, 12, 15])
@pytest.mark.parametrize("way", ["replicated", "linear", "zeros"])
def test_sbit_of_values_scaled_as_png_prescribes(bits, way):
    original = ramp(2**bits - 1).astype(np.int64)
    values = {
        "replicated": original << 16 - bits | original >> 2 * bits - 16,
        "linear": np.rint(original * (65535 / (2**bits - 1))),
        "zeros": original << 16 - bits,
    }[way]
    got, _ = read(png(np.asarray(values)[..., None], GRAY, (b"sBIT", bytes([bits]))))
    np.testing.assert_allclose(got, expected(original, 2**bits - 1), atol=1)


def test_bits_are_taken_in_place_of_16():
    values = ramp(4095)
    for content in (png(values[..., None], GRAY), tiff(values)):
        got, largest = read(content, bits=12)
        np.testing.assert_array_equal(got, expected(values, 4095))
        assert largest is None
        with pytest.raises(InputError, match=r"x holds the value 4095, more than 11"):
            read(content, bits=11)


@pytest.mark.parametrize("channels", [1, 3])
def test_gray_with_alpha_is_gray_on_white(tmp_path, channels):
    values = ramp(65535).astype(np.float64)
    alpha = ramp(65535)[::-1].astype(np.float64)
    content = png(np.stack([values, alpha], axis=-1), GRAY_ALPHA)
    (tmp_path / "x.png").write_bytes(content)
    assert is_gray(tmp_path / "x.png")
    got, _ = read(content, channels)
    on_white = (values * alpha / 65535 + 65535 - alpha) / 257
    target = on_white if channels == 1 else np.stack([on_white] * 3, axis=-1)
    np.testing.assert_allclose(got, target, atol=1)


def test_gray_with_alpha_of_12_bits():
    values = ramp(4095)
    content = png(np.stack([values, np.full_like(values, 65535)], -1), GRAY_ALPHA)
    got, _ = read(content, bits=12)
    np.testing.assert_array_equal(got, expected(values, 4095))
    assert read(content)[1] == 4095


def test_transparent_value_of_16_bit_gray_is_white():
    values = ramp(65535)
    clear = int(values[3, 3])
    content = png(values[..., None], GRAY, (b"tRNS", struct.pack(">H", clear)))
    target = np.where(values == clear, 255, expected(values, 65535))
    np.testing.assert_array_equal(read(content)[0], target)


def test_transparent_colour_of_16_bits_is_white():
    samples = np.random.default_rng(0).integers(0, 65536, (4, 4, 3))
    clear = struct.pack(">HHH", *samples[2, 1])
    got, _ = read(png(samples, RGB, (b"tRNS", clear)), channels=3)
    target = samples // 256
    target[2, 1] = 255
    np.testing.assert_allclose(got, target, atol=1)


def test_narrow_colour_is_refused():
    samples = np.repeat(ramp(4095)[..., None], 3, axis=-1)
    for content, options in (
        (png(samples, RGB, (b"sBIT", bytes([12] * 3))), {}),
        (png(samples, RGB), {"bits": 12}),
    ):
        with pytest.raises(InputError, match=r"x holds colours of 12 bits"):
            read(content, channels=3, **options)
    assert read(png(samples, RGB), channels=3)[1] <= 4095


def test_pgm_is_scaled_by_its_maximum():
    values = ramp(4095)
    body = values.astype(">u2").tobytes()
    got, largest = read(b"P5 8 8 4095\n" + body)
    np.testing.assert_array_equal(got, expected(values, 4095))
    assert largest is None
    assert read(b"P5 8 8 4095\n" + body, bits=10)[1] is None  # the file knows better
    got, largest = read(b"P5 8 8 65535\n" + body)
    assert largest == 4095
    got, _ = read(b"P5 8 8 65535\n" + body, bits=12)
    np.testing.assert_array_equal(got, expected(values, 4095))


def test_colour_whose_alpha_is_narrow_too_is_refused():
    samples = np.full((4, 4, 4), 4095)
    with pytest.raises(InputError, match=r"x holds colours of 12 bits"):
        read(png(samples, 6), channels=3)


def test_colour_ppm_tells_its_largest_value():
    body = np.full((4, 4, 3), 4095, ">u2").tobytes()
    assert read(b"P6 4 4 65535\n" + body, channels=3)[1] <= 4095
    assert read(b"P6 4 4 4095\n" + body, channels=3)[1] is None


@pytest.fixture
def folder(tmp_path):
    def made(peak, chunks=(), count=6):
        root = tmp_path / f"pictures-{peak}"
        root.mkdir()
        for i, scale in zip(range(count), itertools.cycle([0.3, 1, 0.5])):
            samples = ramp(int(peak * scale))[..., None]
            (root / f"{i}.png").write_bytes(png(samples, GRAY, *chunks))
        return f"folder:{root}", tmp_path / "data"

    return made


def test_dark_sets_warn_at_each_start(folder):
    name, data_dir = folder(4095)
    for _ in range(2):
        with pytest.warns(DataWarning, match=r"4,095 .*--bits 12"):
            dark = load(name, data_dir=data_dir)
    assert dark.train.images.max() <= 16
    bright = load(name, data_dir=data_dir, bits=12)
    assert bright.train.images.max() > 120
    assert bright.fingerprint != dark.fingerprint


def test_sets_that_tell_or_use_their_range_do_not_warn(folder):
    load(folder(4096)[0], data_dir=folder(65535)[1])
    name, data_dir = folder(4095, [(b"sBIT", b"\x0c")])
    assert load(name, data_dir=data_dir).train.images.max() > 120


@pytest.mark.parametrize("bits", [0, 8, 17, -1])
def test_bits_out_of_range_are_refused(tmp_path, bits):
    with pytest.raises(InputError, match="bits must be from 9 to 16"):
        load("digits", data_dir=tmp_path, bits=bits)
