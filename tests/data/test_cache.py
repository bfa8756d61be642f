"""The cache: whole or absent, rebuilt when damaged, and shared by writers."""

import collections
import io
import json

import numpy as np
import pytest

from jaxgan.checks import InputError
from jaxgan.data import cache
from jaxgan.data.source import Example, Source, Split

KEY = {"name": "toy", "version": "1"}


def split(values, labels=None):
    def fetch(block):
        return [
            Example(f"toy/{i}", io.BytesIO(bytes([values[i]])), labels and labels[i])
            for i in block
        ]

    return Split(len(values), fetch)


def decode(example):
    return np.full((2, 2, 1), example.file.read()[0], np.uint8)


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
    arrays, classes = cache.read(folder, KEY)
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


DAMAGE = {
    "truncated": shorten,
    "missing": lambda folder: (folder / "test_labels.npy").unlink(),
    "no-meta": lambda folder: (folder / "meta.json").unlink(),
    "half-meta": lambda folder: (folder / "meta.json").write_text('{"key": '),
    "other-meta": lambda folder: (folder / "meta.json").write_text("[]"),
    "other-key": lambda folder: (folder / "meta.json").write_text(
        json.dumps({"key": {}, "sizes": {}, "classes": []})
    ),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_damaged_cache_is_found_and_replaced(tmp_path, damage):
    folder = tmp_path / "toy"
    cache.write(folder, KEY, toy(), decode, "toy")
    damage(folder)
    assert cache.read(folder, KEY) is None
    cache.write(folder, KEY, toy(start=3), decode, "toy")
    assert cache.read(folder, KEY).arrays["train_images"][0, 0, 0, 0] == 3
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]


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
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda path: usage(9, 9, 0))
    with pytest.raises(InputError, match=r"need 0\.0 GB, and .* make room"):
        cache.write(tmp_path / "toy", KEY, toy(), decode, "toy")
