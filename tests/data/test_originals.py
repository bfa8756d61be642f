"""Files of every kind, read with their bits, their alpha and their profile."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps, TiffImagePlugin

from jaxgan.checks import InputError
from jaxgan.data import originals
from jaxgan.data.images import UnreadableImage

BITS_PER_SAMPLE, PHOTOMETRIC = 258, 262


@pytest.fixture
def read(tmp_path):
    """Saves an image, or bytes, and reads the file."""

    def read_(image, suffix="png", **how):
        file = tmp_path / f"some.{suffix}"
        if isinstance(image, bytes):
            file.write_bytes(image)
        else:
            image.save(file, **how)
        return originals.read(file, otherwise="or leave it out")

    return read_


def random(*shape, dtype=np.uint8):
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype)


def chunk_of_transparency(image, key):
    """The PNG file with 16-bit samples, and a colour (or value) that is clear."""
    height, width, channels = image.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in image)
    kind = {1: 0, 2: 4, 3: 2}[channels]
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))]
    if key is not None:
        parts.append((b"tRNS", struct.pack(f">{len(key)}H", *key)))
    parts += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    pack = lambda name, body: (
        struct.pack(">I", len(body))
        + name
        + body
        + struct.pack(">I", zlib.crc32(name + body))
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(pack(*part) for part in parts)


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_images_are_turned_upright(read, turn, dtype):
    image = Image.fromarray(random(5, 7, dtype=dtype))
    exif = Image.Exif()
    exif[0x0112] = turn
    found = read(image, exif=exif)
    image.getexif()[0x0112] = turn
    expected = np.asarray(ImageOps.exif_transpose(image))
    assert found.pixels.dtype == dtype
    np.testing.assert_array_equal(found.pixels, expected)


def test_a_damaged_tag_does_not_hide_the_picture(read):
    """Pillow cannot write this EXIF block again, which turning by it would."""
    tags = [(0x0112, 3, 1, b"\6\0\0\0"), (0x011A, 2, 4, b"abc\0")]  # a resolution
    body = b"".join(struct.pack("<HHI", *tag[:3]) + tag[3] for tag in tags)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(tags)) + body + bytes(4)
    photo = Image.fromarray(random(5, 7, 3))
    content = io.BytesIO()
    photo.save(content, "PNG", exif=exif)
    with pytest.raises(TypeError):
        ImageOps.exif_transpose(Image.open(content))
    found = read(content.getvalue())
    np.testing.assert_array_equal(found.pixels, np.rot90(np.asarray(photo), 3))


def test_white_is_zero_and_12_bits_are_made_16(read):
    values = random(5, 7, dtype=np.uint16)
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[PHOTOMETRIC] = 0
    found = read(Image.fromarray(values), "tif", tiffinfo=tags)
    np.testing.assert_array_equal(found.pixels, 65535 - values)
    # In the tags alone, as files of cameras say it.
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[281] = 4095  # MaxSampleValue
    values = np.array([[0, 1000, 4095]], np.uint16)
    found = read(Image.fromarray(values), "tif", tiffinfo=tags)
    np.testing.assert_array_equal(found.pixels, [[0, 16004, 65535]])


def test_grey_of_16_bits_with_alpha_has_8(read):
    image = random(5, 7, 2, dtype=np.uint16)
    found = read(chunk_of_transparency(image, None))
    assert found.pixels.dtype == found.alpha.dtype == np.uint8
    expected = np.rint(image / 257)
    np.testing.assert_array_equal(found.pixels, expected[..., 0])
    np.testing.assert_array_equal(found.alpha, expected[..., 1])


@pytest.mark.parametrize("channels", [1, 3])
def test_a_clear_value_of_16_bits_is_clear(read, channels):
    image = random(5, 7, channels, dtype=np.uint16)
    image[2, 3] = [40_000, 50_000, 60_000][:channels]
    found = read(chunk_of_transparency(image, image[2, 3].tolist()))
    assert found.alpha[2, 3] == 0
    assert (found.alpha == 255).sum() == 34


@pytest.mark.parametrize(
    ("mode", "shape", "alpha"),
    [
        ("1", (5, 7), False),
        ("L", (5, 7), False),
        ("LA", (5, 7), True),
        ("P", (5, 7, 3), False),
        ("RGB", (5, 7, 3), False),
        ("RGBA", (5, 7, 3), True),
    ],
)
def test_modes_of_8_bits(read, mode, shape, alpha):
    image = Image.fromarray(random(5, 7, 4)).convert("RGB").convert(mode)
    found = read(image)
    assert (found.pixels.shape, found.alpha is not None) == (shape, alpha)
    expected = image.convert("L" if len(shape) == 2 else "RGB")
    np.testing.assert_array_equal(found.pixels, np.asarray(expected))


def test_a_profile_stays_with_its_colours(read):
    image = Image.fromarray(random(5, 7, 3))
    for each in (image, image.quantize(8), Image.fromarray(random(5, 7))):
        assert read(each, icc_profile=b"a profile").profile == b"a profile"
    wide = Image.fromarray(random(5, 7, dtype=np.uint16))
    assert read(wide, icc_profile=b"a profile").profile == b"a profile"
    printed = image.convert("CMYK")
    assert read(printed, "tif", icc_profile=b"a profile").profile is None


def test_files_that_would_be_read_wrongly_are_named(read):
    for values, match in (
        (np.ones((5, 7), np.float32), "floats"),
        (np.full((5, 7), 70_000, np.int32), "32-bit"),
    ):
        with pytest.raises(InputError, match=match):
            read(Image.fromarray(values), "tif")
    with pytest.raises(UnreadableImage, match="or leave it out"):
        read(b"no image")
