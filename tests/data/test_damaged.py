"""Damaged images are named or, if asked for, skipped; damaged EXIF does not matter."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from jaxgan.checks import InputError
from jaxgan.data import images, load
from jaxgan.data.source import DataWarning

ORIENTATION = 0x0112


def encoded(format="JPEG", exif=None):
    pixels = np.zeros((8, 8), np.uint8)
    pixels[:4] = 255  # a bright top half
    file = io.BytesIO()
    options = {} if exif is None else {"exif": exif}
    Image.fromarray(pixels).save(file, format, quality=95, **options)
    return file.getvalue()


def with_exif(*entries):
    """EXIF whose directory holds the entries (tag, type, count, value) as they are."""
    body = b"II*\0" + struct.pack("<IH", 8, len(entries))
    body += b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    return b"Exif\0\0" + body


TURNED = (ORIENTATION, 3, 1, 3)  # upside down
BROKEN_EXIF = {
    "offset-out-of-file": with_exif(TURNED, (0x010F, 2, 99, 10**6)),
    "sub-directory-of-nonsense": with_exif(TURNED, (0x8769, 4, 1, 10**6)),
    "unknown-type": with_exif(TURNED, (0x9999, 77, 1, 1)),
    "gps-of-another-type": with_exif(TURNED, (0x8825, 2, 4, 1)),
    "zero-denominator": with_exif(TURNED, (0x011A, 5, 1, 8)),
}


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("exif", BROKEN_EXIF.values(), ids=BROKEN_EXIF.keys())
def test_damaged_exif_keeps_the_orientation(exif):
    got = images.decode(io.BytesIO(encoded(exif=exif)), "x", channels=1)[..., 0]
    assert got[:4].max() < 20
    assert got[4:].min() > 235


@pytest.mark.parametrize(
    "exif",
    [b"Exif\0\0", b"Exif\0\0II*\0", b"Exif\0\0" + b"\xff" * 40, with_exif()[:14],
     with_exif((ORIENTATION, 2, 99, 10**6)), with_exif((ORIENTATION, 3, 1, 77))],
    ids=["empty", "cut", "nonsense", "half", "text", "unknown"],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_exif_without_an_orientation_leaves_the_picture(exif):
    got = images.decode(io.BytesIO(encoded(exif=exif)), "x", channels=1)[..., 0]
    assert got[:4].min() > 235
    assert got[4:].max() < 20


@pytest.mark.parametrize("number", range(1, 9))
@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_each_orientation_shows_the_same_picture(format, number):
    """Against NumPy: what is stored is the upright picture, turned the other way."""
    upright = np.zeros((16, 24, 3), np.uint8)
    upright[:8, :8], upright[:8, 16:] = (255, 0, 0), (0, 255, 0)
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[number]
    exif, file = Image.Exif(), io.BytesIO()
    exif[ORIENTATION] = number
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95, "subsampling": 0}}
    Image.fromarray(np.ascontiguousarray(stored)).save(
        file, format, exif=exif, **options.get(format, {})
    )
    got = images.decode(io.BytesIO(file.getvalue()), "x", channels=3)
    np.testing.assert_allclose(got, upright, atol=30 if format == "JPEG" else 0)


@pytest.mark.parametrize(
    "error",
    [TypeError("x"), KeyError(3), IndexError(), ZeroDivisionError(), MemoryError(),
     OverflowError("big"), RecursionError(), AttributeError("a"), AssertionError(),
     NotImplementedError("mode"), Image.DecompressionBombError("bomb")],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_whatever_pillow_raises_names_the_file(monkeypatch, error):
    def fail(*args, **options):
        raise error

    monkeypatch.setattr(images.Image, "open", fail)
    with pytest.raises(images.UnreadableImage, match=r"a/b\.png"):
        images.decode(io.BytesIO(), "a/b.png", channels=3)


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "pictures"
    for k in "ab":
        (root / k).mkdir(parents=True)
        for i in range(12):
            Image.new("L", (4, 4), i).save(root / k / f"{i}.png")
    return root


def damage(path):
    """Cuts an image off in its pixels, so that its header is whole."""
    path.write_bytes(path.read_bytes()[:45])


def test_damaged_images_are_refused_or_skipped(tmp_path, root):
    opened = lambda **options: load(
        f"folder:{root}", data_dir=tmp_path / "data", **options
    )
    whole = opened()
    held_out = {int(x) for x in whole.test.images[whole.test.labels == 0][:, 0, 0, 0]}
    kept = sorted({*held_out, 1, 3, 4, 7})[:4]
    for i in set(range(12)) - set(kept):
        damage(root / "a" / f"{i}.png")
    (root / "b" / "0.png").write_bytes(b"<html>")  # no header at all
    with pytest.raises(InputError, match=r"/0\.png cannot be read .*--skip-damaged"):
        opened()
    for _ in range(2):  # decoded, and from the cache
        with pytest.warns(DataWarning, match=r"9 damaged .*/a/\d+\.png.* and 6 more"):
            data = opened(skip_damaged=True)
        assert len(data.train) + len(data.test) == 24 - 9
        of_a = [
            sorted(split.images[split.labels == 0][:, 0, 0, 0].tolist())
            for split in (data.train, data.test)
        ]
        assert sorted([*of_a[0], *of_a[1]]) == kept
    with pytest.raises(InputError, match=r"/0\.png cannot be read"):
        opened()  # the cache of those that were left does not hide it
    assert data.fingerprint != whole.fingerprint


def test_skipping_changes_nothing_of_a_good_set(tmp_path, root):
    opened = lambda folder, **options: load(
        f"folder:{root}", data_dir=tmp_path / folder, **options
    )
    one, other = opened("x"), opened("y", skip_damaged=True)
    assert one.fingerprint == other.fingerprint
    np.testing.assert_array_equal(one.train.images, other.train.images)
    np.testing.assert_array_equal(one.train.labels, other.train.labels)


def test_a_class_of_damaged_images_is_refused(tmp_path, root):
    for path in (root / "b").iterdir():
        damage(path)
    with pytest.raises(InputError, match=r"class b would be lost"):
        load(f"folder:{root}", data_dir=tmp_path / "data", skip_damaged=True)


def test_another_shape_is_not_damage(tmp_path, root):
    Image.new("L", (5, 4)).save(root / "a" / "3.png")
    with pytest.raises(InputError, match=r"3\.png is 4x5"):
        load(f"folder:{root}", data_dir=tmp_path / "data", skip_damaged=True)
