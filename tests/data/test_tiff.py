"""TIFF files: their ranges, planes and orientation."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from jaxgan.checks import InputError
from jaxgan.data import images
from tests.data.wide_files import (
    expected,
    ramp,
    read,
    tiff,
    tiff_of,
)


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
