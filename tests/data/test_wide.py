"""Files of more than 8 bits: scaled by the range that they have, or refused."""

import io
import itertools
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from jaxgan.checks import InputError
from jaxgan.data import images, load
from jaxgan.data.images import is_gray
from jaxgan.data.source import DataWarning

BITS_PER_SAMPLE, PHOTOMETRIC, MAX_SAMPLE_VALUE = 258, 262, 281


def chunk(kind, content):
    body = kind + content
    return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))


def png(samples, colour_type, *chunks):
    """A PNG of 16 bits a sample, ``[h w n]``, by the specification."""
    height, width, _ = samples.shape
    head = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in samples)
    parts = [chunk(b"IHDR", head), *(chunk(*each) for each in chunks)]
    parts += [chunk(b"IDAT", zlib.compress(lines)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


GRAY, RGB, GRAY_ALPHA = 0, 2, 4


def tiff(values, **tags):
    file, info = io.BytesIO(), TiffImagePlugin.ImageFileDirectory_v2()
    for name, value in tags.items():
        info[globals()[name]] = value
    Image.fromarray(values.astype(np.uint16)).save(file, "TIFF", tiffinfo=info)
    return file.getvalue()


def ramp(peak, count=64):
    return np.linspace(0, peak, count).round().astype(np.uint16).reshape(8, -1)


def read(content, channels=1, **options):
    image, largest = images.read(io.BytesIO(content), "x", channels=channels, **options)
    return image[..., 0] if channels == 1 else image, largest


def expected(values, peak):
    return np.rint(values * (255 / peak))


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


def test_max_sample_value_of_tiff():
    values = ramp(1000)
    got, largest = read(tiff(values, MAX_SAMPLE_VALUE=1000))
    np.testing.assert_array_equal(got, expected(values, 1000))
    assert largest is None
    # A tag that the values contradict is no range, and 65,535 would be a guess.
    with pytest.raises(InputError, match=r"1000, and says .* 999; pass --bits"):
        read(tiff(values, MAX_SAMPLE_VALUE=999))
    got, _ = read(tiff(values, MAX_SAMPLE_VALUE=999), bits=10)
    np.testing.assert_array_equal(got, expected(values, 1023))


def test_packed_12_bits_of_tiff():
    values = ramp(4095)
    packed = np.stack([values.ravel()[::2], values.ravel()[1::2]], axis=1)
    words = "".join(f"{a:012b}{b:012b}" for a, b in packed)
    content = int(words, 2).to_bytes(len(words) // 8, "big")
    entries = [
        (256, 3, 1, 8), (257, 3, 1, 8), (258, 3, 1, 12), (259, 3, 1, 1),
        (262, 3, 1, 1), (273, 4, 1, 200), (277, 3, 1, 1), (278, 3, 1, 8),
        (279, 4, 1, len(content)),
    ]  # fmt: skip
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    head += b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    got, largest = read(head.ljust(200, b"\0") + content)
    np.testing.assert_array_equal(got, expected(values, 4095))
    assert largest is None


def test_white_is_zero_of_tiff():
    values = ramp(65535)
    got, _ = read(tiff(values, PHOTOMETRIC=0))
    np.testing.assert_array_equal(got, 255 - expected(values, 65535))


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


@pytest.mark.parametrize(
    "values",
    [np.zeros((4, 4), np.float32), np.full((4, 4), 10**6, np.int32),
     np.full((4, 4), -3, np.int16)],
    ids=["float", "int32", "int16"],
)  # fmt: skip
def test_values_without_a_known_range_are_refused(values):
    file = io.BytesIO()
    if values.dtype == np.int16:  # Pillow reads it, but does not write it
        file.write(tiff(values.view(np.uint16), SAMPLE_FORMAT=2))
    else:
        Image.fromarray(values).save(file, "TIFF")
    with pytest.raises(InputError, match=r"x holds .*convert it"):
        read(file.getvalue())


SAMPLE_FORMAT = 339


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("number", range(1, 9))
def test_turned_gray_tiff_is_the_same_by_path_and_in_memory(tmp_path, depth, number):
    """Pillow takes a mapped file for one of the size that it has upright."""
    stored = np.arange(16 * 8).reshape(8, 16) * (2 if depth == 8 else 512)
    file, exif = tmp_path / "x.tif", Image.Exif()
    exif[0x0112] = number
    array = stored.astype(np.uint8 if depth == 8 else np.uint16)
    Image.fromarray(array).save(file, exif=exif)
    by_path = images.decode(file, "x", channels=1)
    in_memory = images.decode(io.BytesIO(file.read_bytes()), "x", channels=1)
    np.testing.assert_array_equal(by_path, in_memory)
    assert by_path.shape == ((8, 16, 1) if number < 5 else (16, 8, 1))
    if number == 6:
        upright = np.rot90(np.rint(array / (1 if depth == 8 else 257)), -1)
        np.testing.assert_array_equal(by_path[..., 0], upright)


def tiff_of(entries, content):
    """A TIFF of one strip, or of several, by the specification."""
    entries = sorted(entries)
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    head += b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    return head.ljust(400, b"\0") + content


def test_planes_of_16_bits_are_refused():
    planes = np.zeros((3, 4, 4), np.uint16)
    content = planes.astype("<u2").tobytes()
    entries = [
        (256, 3, 1, 4), (257, 3, 1, 4), (258, 3, 3, 300), (259, 3, 1, 1),
        (262, 3, 1, 2), (273, 4, 3, 320), (277, 3, 1, 3), (278, 3, 1, 4),
        (279, 4, 3, 340), (284, 3, 1, 2),
    ]  # fmt: skip
    file = bytearray(tiff_of(entries, content))
    file[300:306] = struct.pack("<3H", 16, 16, 16)
    file[320:332] = struct.pack("<3I", 400, 432, 464)
    file[340:352] = struct.pack("<3I", 32, 32, 32)
    with pytest.raises(InputError, match=r"x holds each colour of 16 bits in a plane"):
        read(bytes(file), channels=3)


def test_signed_bytes_are_refused():
    entries = [
        (256, 3, 1, 4), (257, 3, 1, 4), (258, 3, 1, 8), (259, 3, 1, 1),
        (262, 3, 1, 1), (273, 4, 1, 400), (277, 3, 1, 1), (278, 3, 1, 4),
        (279, 4, 1, 16), (339, 3, 1, 2),
    ]  # fmt: skip
    with pytest.raises(InputError, match=r"x holds signed integers of 8 bits"):
        read(tiff_of(entries, bytes(16)))


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
