"""The cache: whole or absent, rebuilt when damaged, and shared by writers."""

import collections
import errno
import io
import json
import os
import zlib

import numpy as np
import pytest

from jaxgan.checks import InputError
from jaxgan.data import cache, checksums, writing
from jaxgan.data.source import DataWarning, Decoded, Example, Source, Split

KEY = {"name": "toy", "version": "1"}


def split(values, labels=None):
    def fetch(block):
        return [
            Example(f"toy/{i}", io.BytesIO(bytes([values[i]])), labels and labels[i])
            for i in block
        ]

    return Split(len(values), fetch)


def decode(example):
    return Decoded(np.full((2, 2, 1), example.file.read()[0], np.uint8), None)


def toy(start=0, labels=True):
    train = list(range(start, start + 150))  # more than two blocks
    numbers = [v % 2 for v in train] if labels else None
    held_out = [0, 1] if labels else None
    classes = ("even", "odd") if labels else ()
    return Source(1, classes, split(train, numbers), split([200, 201], held_out))


def test_cache_returns_what_was_written(tmp_path):
    folder = tmp_path / "deep" / "toy"
    assert cache.read(folder, KEY) is None
    cache.write(folder, KEY, toy(), decode, "toy")
    arrays, classes, left_out, largest = cache.read(folder, KEY)
    assert (left_out, largest) == ((), None)
    assert classes == ("even", "odd")
    np.testing.assert_array_equal(arrays["train_images"][:, 0, 0, 0], np.arange(150))
    np.testing.assert_array_equal(arrays["train_labels"], np.arange(150) % 2)
    np.testing.assert_array_equal(arrays["test_images"][:, 1, 1, 0], [200, 201])
    assert arrays["train_images"].shape == (150, 2, 2, 1)


def test_cache_is_a_read_only_map(tmp_path):
    cache.write(tmp_path / "toy", KEY, toy(), decode, "toy")
    images = cache.read(tmp_path / "toy", KEY).arrays["train_images"]
    assert isinstance(images, np.memmap)
    assert not images.flags.writeable


def test_cache_without_labels_holds_none(tmp_path):
    cache.write(tmp_path / "toy", KEY, toy(labels=False), decode, "toy")
    assert set(cache.read(tmp_path / "toy", KEY).arrays) == {
        "train_images",
        "test_images",
    }


def shorten(folder):
    content = (folder / "train_images.npy").read_bytes()
    (folder / "train_images.npy").write_bytes(content[:-1])


def flip(name, place):
    """Changes one bit, and neither the size nor the time of the file."""

    def flipped(folder):
        stat = (folder / name).stat()
        with open(folder / name, "r+b") as file:
            file.seek(place, io.SEEK_END if place < 0 else io.SEEK_SET)
            byte = file.read(1)[0]
            file.seek(-1, io.SEEK_CUR)
            file.write(bytes([byte ^ 16]))
        os.utime(folder / name, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    return flipped


def other_classes(folder):
    text = (folder / "meta.json").read_text()
    assert "even" in text
    (folder / "meta.json").write_text(text.replace("even", "ever"))


DAMAGE = {
    "truncated": shorten,
    "missing": lambda folder: (folder / "test_labels.npy").unlink(),
    "half-meta": lambda folder: (folder / "meta.json").write_text('{"key": '),
    "nested-meta": lambda folder: (folder / "meta.json").write_text("[" * 10**5),
    "classes": other_classes,
    "pixel": flip("train_images.npy", -1),
    "header": flip("train_images.npy", 70),
    "label": flip("train_labels.npy", -8),
}
ABSENT = {
    "no-meta": lambda folder: (folder / "meta.json").unlink(),
    "older-form": lambda folder: (folder / "meta.json").write_text(
        json.dumps({"key": KEY, "sizes": {}, "classes": []})
    ),
    "other-json": lambda folder: (folder / "meta.json").write_text("[]"),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damaged_cache_is_told_and_replaced(tmp_path, damage):
    folder = tmp_path / "toy"
    cache.write(folder, KEY, toy(), decode, "toy")
    damage(folder)
    with pytest.warns(DataWarning, match="toy is damaged"):
        assert cache.read(folder, KEY) is None
    cache.write(folder, KEY, toy(start=3), decode, "toy")
    assert cache.read(folder, KEY).arrays["train_images"][0, 0, 0, 0] == 3
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]


@pytest.mark.parametrize("change", ABSENT.values(), ids=ABSENT.keys())
def test_what_is_no_cache_is_replaced(tmp_path, change):
    folder = tmp_path / "toy"
    cache.write(folder, KEY, toy(), decode, "toy")
    change(folder)
    assert cache.read(folder, KEY) is None
    cache.write(folder, KEY, toy(start=3), decode, "toy")
    assert cache.read(folder, KEY).arrays["train_images"][0, 0, 0, 0] == 3


def test_checksums_are_those_of_the_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(checksums, "_BLOCK", 4)
    (tmp_path / "x").write_bytes(b"123456789")
    (tmp_path / "empty").write_bytes(b"")
    found = checksums.of_files([tmp_path / "x", tmp_path / "empty"], "x")
    parts = [zlib.crc32(part) for part in (b"1234", b"5678", b"9")]
    assert found["x"] == {"size": 9, "crc32": parts}
    assert found["empty"] == {"size": 0, "crc32": []}


def test_later_writer_keeps_the_earlier_cache(tmp_path):
    folder = tmp_path / "toy"
    cache.write(folder, KEY, toy(), decode, "toy")
    kept = cache.read(folder, KEY).arrays["train_images"]
    cache.write(folder, KEY, toy(start=3), decode, "toy")
    assert cache.read(folder, KEY).arrays["train_images"][0, 0, 0, 0] == 0
    assert kept[5, 0, 0, 0] == 5
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]


def test_replaced_cache_stays_open_for_its_readers(tmp_path):
    folder = tmp_path / "toy"
    cache.write(folder, KEY, toy(), decode, "toy")
    old = cache.read(folder, KEY).arrays["train_images"]
    newer = KEY | {"version": "2"}
    cache.write(folder, newer, toy(start=3), decode, "toy")
    assert cache.read(folder, KEY) is None
    assert cache.read(folder, newer).arrays["train_images"][0, 0, 0, 0] == 3
    np.testing.assert_array_equal(old[:, 0, 0, 0], np.arange(150))


class Unreadable(InputError):
    pass


def broken(*names):
    def decode_some(example):
        if example.name in names:
            raise Unreadable(f"{example.name} is broken")
        return decode(example)

    return decode_some


def test_skipped_examples_leave_no_gap(tmp_path):
    bad = ("toy/0", "toy/70", "toy/149")
    skip = (Unreadable,)
    cache.write(tmp_path / "toy", KEY, toy(), broken(*bad), "toy", skip=skip)
    arrays, _, left_out, _ = cache.read(tmp_path / "toy", KEY)
    kept = np.delete(np.arange(150), [0, 70, 149])
    np.testing.assert_array_equal(arrays["train_images"][:, 1, 0, 0], kept)
    np.testing.assert_array_equal(arrays["train_labels"], kept % 2)
    # Of two held-out examples the first has a name of these, too.
    assert [each.name for each in left_out] == [*bad, "toy/0"]
    assert arrays["test_images"].shape == (1, 2, 2, 1)


def test_a_class_that_is_lost_is_refused(tmp_path):
    odd = [f"toy/{i}" for i in range(1, 150, 2)]
    with pytest.raises(InputError, match=r"class odd .*toy/1 is broken"):
        cache.write(
            tmp_path / "toy", KEY, toy(), broken(*odd), "toy", skip=(Unreadable,)
        )
    assert list(tmp_path.iterdir()) == []


def test_a_split_that_is_lost_is_refused(tmp_path):
    both = ["toy/0", "toy/1"]
    with pytest.raises(InputError, match=r"No image in the split test .*toy/0 is"):
        cache.write(
            tmp_path / "toy", KEY, toy(), broken(*both), "toy", skip=(Unreadable,)
        )


def test_other_errors_are_not_skipped(tmp_path):
    def fail(example):
        raise InputError("another shape")

    with pytest.raises(InputError, match="another shape"):
        cache.write(tmp_path / "toy", KEY, toy(), fail, "toy", skip=(Unreadable,))


def test_full_disk_while_writing_is_an_error(tmp_path, monkeypatch):
    """The space is there when it is looked at, and gone when it is needed."""

    class Full(io.BufferedWriter):
        left = 300

        def write(self, content):
            self.left -= len(content)
            if self.left < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "images.npy")
            return super().write(content)

    opened = lambda path, mode: Full(io.FileIO(path, mode))
    monkeypatch.setattr(writing, "open", opened, raising=False)
    with pytest.raises(OSError, match="No space left"):
        cache.write(tmp_path / "toy", KEY, toy(), decode, "toy")
    assert list(tmp_path.iterdir()) == []


def test_failed_write_leaves_nothing(tmp_path):
    def fail(example):
        if example.name == "toy/149":
            raise InputError("broken")
        return decode(example)

    with pytest.raises(InputError, match="broken"):
        cache.write(tmp_path / "toy", KEY, toy(), fail, "toy")
    assert list(tmp_path.iterdir()) == []


def test_empty_split_is_refused(tmp_path):
    source = Source(1, (), split([1, 2]), split([]))
    with pytest.raises(InputError, match="toy has no image in its split test"):
        cache.write(tmp_path / "toy", KEY, source, decode, "toy")


def test_full_disk_is_refused_before_writing(tmp_path, monkeypatch):
    usage = collections.namedtuple("usage", "total used free")
    monkeypatch.setattr(writing.shutil, "disk_usage", lambda path: usage(9, 9, 0))
    with pytest.raises(InputError, match=r"need 0\.0 GB, and .* make room"):
        cache.write(tmp_path / "toy", KEY, toy(), decode, "toy")
