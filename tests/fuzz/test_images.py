"""2,000 mutated image files: each is read, or refused by a message that names it."""

import io
import zlib
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from jaxgan.checks import InputError
from jaxgan.data import images, load
from tests.fuzz.mutate import bounded, mutated

COUNT = 2_000


def originals():
    """Small files of every format, and of the forms that each has."""
    random = np.random.default_rng(0)
    colours = random.integers(0, 256, (12, 10, 4), np.uint8)
    wide = random.integers(0, 65536, (12, 10)).astype(np.uint16)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x8769] = 6, "maker", {0x9003: "2026:01:01"}
    rgba, rgb = Image.fromarray(colours), Image.fromarray(colours[..., :3])
    gray, palette = rgb.convert("L"), rgb.convert("P")
    forms = [
        *((image, "PNG", {}) for image in (rgba, rgb, gray, palette, rgb.convert("1"))),
        (Image.fromarray(wide), "PNG", {}),
        (gray, "PNG", {"exif": exif, "transparency": 7}),
        (rgb, "JPEG", {"exif": exif}),
        (gray, "JPEG", {"progressive": True}),
        (rgb.convert("CMYK"), "JPEG", {}),
        (rgb, "WEBP", {"exif": exif}),
        (rgba, "WEBP", {"lossless": True}),
        *((image, "BMP", {}) for image in (rgb, gray, palette)),
        *((rgb, "TIFF", {"compression": c}) for c in (None, "tiff_lzw", "jpeg")),
        (Image.fromarray(wide), "TIFF", {"compression": "tiff_adobe_deflate"}),
        (rgb.convert("1"), "TIFF", {"compression": "group4"}),
        *((image, "PPM", {}) for image in (rgb, gray, rgb.convert("1"))),
        *((image, "GIF", {}) for image in (palette, gray)),
        (palette, "GIF", {"save_all": True, "append_images": [palette.rotate(90)]}),
    ]
    for image, format, options in forms:
        file = io.BytesIO()
        image.save(file, format, **options)
        yield format, file.getvalue()
    yield "PPM", b"P3 3 2 4095\n" + b"1 2 3 4 5 4095 " * 3


def with_checksums(content):
    """A PNG whose chunks have the checksums of their content, so that it is read."""
    out, at = bytearray(content), 8
    while at + 12 <= len(out):
        end = at + 8 + int.from_bytes(out[at : at + 4], "big")
        if end + 4 > len(out):
            break
        out[end : end + 4] = zlib.crc32(out[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(out)


def cases():
    random = np.random.default_rng(1)
    files = list(originals())
    for number in range(COUNT):
        format, content = files[number % len(files)]
        _, other = files[random.integers(len(files))]
        changed = mutated(content, random, other)
        if format == "PNG" and number % 2:
            changed = with_checksums(changed)
        yield number, format, changed


def read(content, name, channels):
    """The image or the message: one of the two."""
    try:
        return images.read(io.BytesIO(content), name, channels=channels).image, ""
    except InputError as error:
        return None, str(error)


@pytest.mark.filterwarnings("ignore")
def test_mutated_images_are_read_or_named():
    ends = Counter()
    for number, format, content in cases():
        name = f"{number}.{format.lower()}"
        with bounded(name):
            found, message = read(content, name, 1 + number % 2 * 2)
        if found is None:
            assert name in message
        else:
            assert (found.dtype, found.ndim) == (np.uint8, 3)
        ends["read" if found is not None else "refused"] += 1
    # Neither is rare, or the mutations would show nothing.
    assert min(ends.values()) > COUNT // 10
    assert sum(ends.values()) == COUNT


@pytest.mark.filterwarnings("ignore")
def test_a_folder_of_mutated_images_loads_what_can_be_read(tmp_path):
    root = tmp_path / "pictures"
    root.mkdir()
    for number, format, content in cases():
        if number % 10 == 0:
            (root / f"{number}.{format.lower()}").write_bytes(content)
    opened = lambda **options: load(
        f"folder:{root}", data_dir=tmp_path / "data", resolution=8, crop=True, **options
    )
    with bounded("the folder"):
        with pytest.raises(InputError, match="cannot be read"):
            opened()
        data = opened(skip_damaged=True)
    assert 20 < len(data.train) + len(data.test) < COUNT // 10
