"""Single files: modes, alpha, depth, orientation, shape and damage."""

import io

import numpy as np
import pytest
from PIL import Image

from jaxgan.checks import InputError
from jaxgan.data.images import decode, is_gray


def encoded(image, format="PNG", **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    file.seek(0)
    return file


def rgb(size=(4, 4), seed=0):
    shape = (size[1], size[0], 3)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_decode_keeps_gray_values(channels):
    pixels = np.arange(16, dtype=np.uint8).reshape(4, 4) * 17
    got = decode(encoded(Image.fromarray(pixels)), "x", channels=channels)
    np.testing.assert_array_equal(got, np.repeat(pixels[..., None], channels, axis=2))


@pytest.mark.parametrize("format", ["PNG", "WEBP"])
def test_decode_keeps_rgb_values(format):
    pixels = rgb()
    options = {"lossless": True} if format == "WEBP" else {}
    file = encoded(Image.fromarray(pixels), format, **options)
    np.testing.assert_array_equal(decode(file, "x", channels=3), pixels)


def test_decode_weighs_colours_as_luma():
    # ITU-R 601: 0.299 R + 0.587 G + 0.114 B.
    pixels = rgb()
    got = decode(encoded(Image.fromarray(pixels)), "x", channels=1)[..., 0]
    luma = pixels @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(got, luma, atol=0.51)


def test_decode_puts_transparency_on_white():
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[..., 3] = [[0, 51], [204, 255]]  # black, more and more opaque
    got = decode(encoded(Image.fromarray(pixels)), "x", channels=3)
    expected = 255 * (1 - pixels[..., 3:] / 255) * np.ones(3)
    np.testing.assert_allclose(got, expected, atol=1)


def test_decode_puts_gray_transparency_on_white():
    pixels = np.array([[[10, 0], [10, 255]]] * 2, np.uint8)
    file = encoded(Image.fromarray(pixels, "LA"))
    got = decode(file, "x", channels=1)[..., 0]
    np.testing.assert_array_equal(got, [[255, 10]] * 2)


def test_decode_scales_16_bit_gray():
    values = np.array([[0, 128], [32768, 65535]], np.uint16)
    got = decode(encoded(Image.fromarray(values)), "x", channels=1)[..., 0]
    np.testing.assert_array_equal(got, np.rint(values / 257).astype(np.uint8))


def test_decode_converts_palette():
    image = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8)).convert("P")
    image.putpalette([255, 0, 0, 0, 0, 255] + [0] * 762)
    got = decode(encoded(image), "x", channels=3)
    red, blue = [255, 0, 0], [0, 0, 255]
    np.testing.assert_array_equal(got, [[red, blue], [blue, red]])


def test_decode_converts_one_bit():
    image = Image.fromarray(np.array([[0, 255], [255, 0]], np.uint8)).convert("1")
    got = decode(encoded(image), "x", channels=1)[..., 0]
    np.testing.assert_array_equal(got, [[0, 255], [255, 0]])


def test_decode_turns_upright():
    pixels = np.zeros((8, 8), np.uint8)
    pixels[0] = 255  # a bright top row
    exif = Image.Exif()
    exif[0x0112] = 6  # "turn by 90 degrees clockwise to show"
    file = encoded(Image.fromarray(pixels), "PNG", exif=exif)
    got = decode(file, "x", channels=1)[..., 0]
    np.testing.assert_array_equal(got, np.rot90(pixels, k=-1))


def test_decode_keeps_the_shape():
    pixels = rgb((6, 4))
    got = decode(encoded(Image.fromarray(pixels)), "x", channels=3)
    np.testing.assert_array_equal(got, pixels)


@pytest.mark.parametrize("resolution", [4, (2, 4)], ids=["square", "wide"])
def test_decode_refuses_another_aspect_ratio(resolution):
    file = encoded(Image.fromarray(rgb((6, 4))))
    with pytest.raises(InputError, match=r"cat\.png is 4x6 .* --crop"):
        decode(file, "cat.png", channels=3, resolution=resolution)


@pytest.mark.parametrize(
    ("size", "rows", "columns"),
    [((30, 12), slice(0, 12), slice(3, 27)), ((20, 19), slice(4, 14), slice(0, 20))],
    ids=["too-wide", "too-high"],
)
def test_decode_crops_to_the_aspect_ratio(size, rows, columns):
    """8x16 needs twice the height as width, out of the middle."""
    pixels = rgb(size)
    got = decode(
        encoded(Image.fromarray(pixels)), "x", channels=3, resolution=(8, 16), crop=True
    )
    middle = Image.fromarray(np.ascontiguousarray(pixels[rows, columns]))
    expected = middle.resize((16, 8), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(got, np.asarray(expected))


def test_decode_resizes_the_same_aspect_ratio_uncropped():
    pixels = rgb((20, 12))
    got = decode(encoded(Image.fromarray(pixels)), "x", channels=3, resolution=(6, 10))
    expected = Image.fromarray(pixels).resize((10, 6), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(got, np.asarray(expected))


def test_decode_crops_a_line_to_at_least_one_pixel():
    file = encoded(Image.fromarray(rgb((1, 50))))
    got = decode(file, "x", channels=3, resolution=(1, 900), crop=True)
    assert got.shape == (1, 900, 3)


@pytest.mark.parametrize("size", [(7, 4), (4, 7)], ids=["wide", "tall"])
def test_decode_crops_the_centre(size):
    pixels = rgb(size)
    got = decode(encoded(Image.fromarray(pixels)), "x", channels=3, crop=True)
    expected = pixels[:, 1:5] if size[0] > size[1] else pixels[1:5]
    np.testing.assert_array_equal(got, expected)


def test_decode_does_not_alias():
    # One-pixel stripes hold no detail that half the resolution can show: they turn
    # gray, where nearest or unfiltered sampling would turn them black or white.
    stripes = np.tile(np.array([0, 255], np.uint8), (32, 16))
    file = encoded(Image.fromarray(stripes))
    got = decode(file, "x", channels=1, resolution=8)[1:-1, 1:-1]
    np.testing.assert_allclose(got, 127.5, atol=3)


@pytest.mark.parametrize("resolution", [3, 8, 16])
def test_decode_resizes_to_resolution(resolution):
    file = encoded(Image.fromarray(rgb((8, 8))))
    got = decode(file, "x", channels=3, resolution=resolution)
    assert got.shape == (resolution, resolution, 3)
    assert got.dtype == np.uint8


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize(
    "kept", [0, 9, 0.4, 0.9], ids=["none", "magic", "part", "most"]
)
def test_decode_names_truncated_file(format, kept):
    content = encoded(Image.fromarray(rgb((64, 64))), format).getvalue()
    short = content[: kept if isinstance(kept, int) else int(len(content) * kept)]
    with pytest.raises(InputError, match="dog cannot be read as an image") as caught:
        decode(io.BytesIO(short), "dog", channels=3)
    assert caught.value.__cause__ is not None


def test_decode_names_damaged_png():
    content = bytearray(encoded(Image.fromarray(rgb((64, 64)))).getvalue())
    content[60:90] = bytes(30)
    with pytest.raises(InputError, match="dog cannot be read as an image"):
        decode(io.BytesIO(content), "dog", channels=3)


def test_decode_names_file_that_is_no_image():
    with pytest.raises(InputError, match="notes cannot be read as an image"):
        decode(io.BytesIO(b"some text"), "notes", channels=3)


@pytest.mark.parametrize(
    ("mode", "gray"),
    [("1", True), ("L", True), ("LA", True), ("I;16", True), ("P", False),
     ("RGB", False), ("RGBA", False)],
)  # fmt: skip
def test_is_gray_reads_the_header(tmp_path, mode, gray):
    Image.new(mode, (4, 4)).save(tmp_path / "x.png")
    assert is_gray(tmp_path / "x.png") is gray


def test_an_image_of_too_many_pixels_is_named_as_such(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    Image.new("L", (11, 10)).save(tmp_path / "wide.png")
    with pytest.raises(InputError, match="more than 100 pixels"):
        decode(tmp_path / "wide.png", "wide", channels=1)
