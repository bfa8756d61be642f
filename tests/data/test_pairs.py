"""Pairs of images from folders of every layout, and of letters."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from jaxgan.checks import InputError
from jaxgan.data import glyphs, images, load_pairs
from jaxgan.data.source import DataWarning
from tests.data.pair_files import TARGET, fill, opened, save, save_pair


@pytest.fixture
def root(tmp_path):
    (tmp_path / "set").mkdir()
    return tmp_path / "set"


def values(split):
    """Of each row the input's value; checks that each target is its partner."""
    a, b = split.columns["input"], split.columns["target"]
    assert a.shape == b.shape
    assert (a[..., 0] == a[:, :1, :1, 0]).all()
    np.testing.assert_array_equal(b, a + TARGET)
    return a[:, 0, 0, 0].tolist()


SPLITS = {
    "train/A": ("{0}/A/{1}.png", "{0}/B/{1}.png"),
    "A/train": ("A/{0}/{1}.png", "B/{0}/{1}.png"),
    "trainA": ("{0}A/{1}.png", "{0}B/{1}.png"),
    "halves": ("{0}/{1}.png", ""),
}
NO_SPLITS = {"A": ("A/{0}.png", "B/{0}.png"), "halves": ("{0}.png", "")}


def test_partners_of_different_shapes_are_refused_with_crop_too(tmp_path):
    for side, width in (("A", 128), ("B", 64)):
        for number in range(20):
            path = tmp_path / "set" / side / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng(number).integers(0, 256, (64, 128, 3))
            image = Image.fromarray(pixels.astype(np.uint8)).resize((width, 64))
            image.save(path)
    with pytest.raises(InputError, match="another shape"):
        opened(tmp_path / "set", resolution=32, crop=True)


@pytest.mark.parametrize("held_out", ["test", "val"])
@pytest.mark.parametrize("layout", SPLITS)
def test_splits_that_are_given_are_taken(root, layout, held_out):
    a, b = SPLITS[layout]
    for split, count, first in (("train", 12, 0), (held_out, 3, 50)):
        for i in range(count):
            names = [each.format(split, f"{i:02}") for each in (a, b)]
            save_pair(root, *names, first + i)
    data = opened(root)
    assert values(data.train) == list(range(12))  # in the order of the names
    assert values(data.test) == [50, 51, 52]
    assert ("side by side" in data.note) == (layout == "halves")
    assert "12 train, 3 held out" in data.note


@pytest.mark.parametrize("layout", NO_SPLITS)
def test_without_splits_a_tenth_is_held_out(root, layout):
    for i in range(100):
        save_pair(root, *(each.format(f"{i:02}") for each in NO_SPLITS[layout]), i)
    data = opened(root)
    train, test = values(data.train), values(data.test)
    assert sorted(train + test) == list(range(100))
    assert train == sorted(train)
    assert 2 <= len(test) <= 20
    assert data.note.count("\n") == 0
    # Adding pairs moves none of the others.
    for i in range(100, 120):
        save_pair(root, *(each.format(f"{i}") for each in NO_SPLITS[layout]), i)
    more = opened(root)
    assert {i for i in values(more.test) if i < 100} == set(test)


def test_val_and_test_may_use_the_same_names(root):
    for split, value in (("train", 0), ("val", 10), ("test", 20)):
        save_pair(root, f"{split}/A/1.png", f"{split}/B/1.png", value)
    data = opened(root)
    assert values(data.train) == [0]
    assert sorted(values(data.test)) == [10, 20]


def test_names_sides_and_suffixes_in_any_case(root):
    for i in range(6):
        save_pair(root, f"Train/a/x/{i}.PNG", f"Train/B/x/{i}.bmp", i)
        save_pair(root, f"Train/a/y/{i}.PNG", f"Train/B/y/{i}.bmp", 10 + i)
    data = opened(root)
    both = values(data.train) + values(data.test)
    assert sorted(both) == [*range(6), *range(10, 16)]


@pytest.mark.parametrize("halves", [True, False])
def test_each_image_is_resized_by_itself(root, halves):
    """Against `images.decode` of each: nothing of the target enters the input."""
    rng = np.random.default_rng(0)
    alone = root.parent / "alone"
    alone.mkdir()
    for i in range(3):
        both = rng.integers(0, 256, (2, 16, 16, 3), np.uint8)
        for side, image in zip("AB", both, strict=True):
            Image.fromarray(image).save(alone / f"{side}{i}.png")
        if halves:
            Image.fromarray(np.concatenate(both, 1)).save(root / f"{i}.png")
        else:
            for side, image in zip("AB", both, strict=True):
                (root / side).mkdir(exist_ok=True)
                Image.fromarray(image).save(root / side / f"{i}.png")
    data = opened(root, resolution=(4, 8), crop=True)
    for name, side in (("input", "A"), ("target", "B")):
        found = [*data.train.columns[name], *data.test.columns[name]]
        expected = [
            images.decode(
                alone / f"{side}{i}.png", "", channels=3, resolution=(4, 8), crop=True
            )
            for i in range(3)
        ]
        assert sorted(x.tobytes() for x in found) == sorted(
            x.tobytes() for x in expected
        )


def test_sizes_that_differ_are_brought_to_one(root):
    fill(root)
    save(root / "A" / "3.png", 3, (8, 8))
    assert sorted(
        values(opened(root, resolution=2).train)
        + values(opened(root, resolution=2).test)
    ) == list(range(6))


def test_grey_and_colour_become_rgb(root):
    fill(root)
    assert opened(root).train.columns["input"].shape[-1] == 1
    save(root / "B" / "3.png", 103, mode="RGB")
    data = opened(root)
    assert data.train.columns["input"].shape[1:] == (4, 4, 3)
    both = np.concatenate([s.columns["target"] for s in (data.train, data.test)])
    colour = both[both[..., 2].max((1, 2)) == 0]
    assert colour[0, 0, 0].tolist() == [103, 103, 0]
    assert opened(root, channels=1).train.columns["target"].shape[-1] == 1


@pytest.mark.parametrize("side", ["A", "B"])
@pytest.mark.parametrize("header", [True, False])
def test_a_damaged_file_takes_its_pair_along(root, side, header):
    fill(root, 9)
    whole = opened(root)
    path = root / side / f"{values(whole.train)[2]}.png"
    content = path.read_bytes()
    path.write_bytes(content[:45] if header else b"<html>")
    with pytest.raises(InputError, match=rf"{path.name} cannot be read.*--skip-damage"):
        opened(root)
    for _ in range(2):  # decoded, and from the cache
        with pytest.warns(DataWarning, match=r"1 damaged"):
            left = opened(root, skip_damaged=True)
        assert values(left.train) == [
            v for v in values(whole.train) if v != int(path.stem)
        ]
        assert values(left.test) == values(whole.test)


def test_fingerprints_follow_contents_names_and_layout(root):
    fill(root)
    first = opened(root)
    assert opened(root).fingerprint == first.fingerprint
    copy = root.parent / "elsewhere"
    shutil.copytree(root, copy)
    moved = load_pairs(f"pairs:{copy}", data_dir=root.parent / "other")
    assert moved.fingerprint == first.fingerprint
    seen = {first.fingerprint}
    save(root / "B" / "2.png", 7)
    seen.add(opened(root).fingerprint)
    for side in "AB":
        os.rename(root / side / "2.png", root / side / "9.png")
    seen.add(opened(root).fingerprint)
    shutil.move(root / "A", root / "C")
    shutil.move(root / "B", root / "A")
    shutil.move(root / "C", root / "B")
    seen.add(opened(root).fingerprint)
    seen.add(opened(root, resolution=2).fingerprint)
    assert len(seen) == 5


def test_a_name_alone_makes_another_fingerprint(root):
    """A new name that moves no pair, of which even the order stays."""
    for i in range(4):
        save_pair(root, f"train/A/{i}.png", f"train/B/{i}.png", i)
    save_pair(root, "test/A/0.png", "test/B/0.png", 9)
    first = opened(root)
    for side in "AB":
        os.rename(root / "train" / side / "3.png", root / "train" / side / "5.png")
    second = opened(root)
    assert values(second.train) == values(first.train)
    assert second.fingerprint != first.fingerprint


def test_a_second_start_decodes_nothing(root, monkeypatch):
    fill(root)
    first = opened(root)

    def fail(*args, **options):
        raise AssertionError("decoded again")

    monkeypatch.setattr(images, "read", fail)
    monkeypatch.setattr(images, "is_gray", fail)
    again = opened(root)
    assert values(again.train) == values(first.train)
    column = again.train.columns["input"]
    assert isinstance(column, np.memmap)
    assert column[0].flags.c_contiguous
    assert not column.flags.owndata
    with pytest.raises(AssertionError, match="decoded again"):
        opened(root, resolution=2)


def test_equal_images_in_both_splits_are_told(root):
    for i in range(4):
        save_pair(root, f"train/A/{i}.png", f"train/B/{i}.png", i)
    save_pair(root, "test/A/9.png", "test/B/9.png", 2)
    assert "2 of the images held out are also trained on" in opened(root).note


def test_images_of_formats_that_are_not_read_are_told(root):
    fill(root)
    for side in "AB":
        (root / side / "x.avif").write_bytes(b"")
    with pytest.warns(DataWarning, match=r"2 images .*2 \.avif"):
        data = opened(root)
    assert len(data.train) + len(data.test) == 6


def test_letters_are_those_of_glyphs(tmp_path):
    data = load_pairs("glyphs:sans:serif", data_dir=tmp_path, resolution=16)
    made = glyphs.pairs("sans", "serif", size=16)
    assert data.fingerprint == made.fingerprint
    assert not list(tmp_path.iterdir())
    colour = load_pairs("glyphs:sans:serif", data_dir=tmp_path, channels=3)
    assert colour.train.columns["input"].shape[1:] == (32, 32, 3)
    assert colour.name == "glyphs:sans:serif"
    assert colour.credit == made.credit != ""
    grey = load_pairs("glyphs:sans:serif", data_dir=tmp_path, channels=1)
    for name in ("input", "target"):
        np.testing.assert_array_equal(
            colour.test.columns[name][..., 2:], grey.test.columns[name]
        )


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("glyphs:sans", {}, "glyphs:SOURCE:TARGET.*sans-bold"),
        ("glyphs:sans:serif:mono", {}, "glyphs:SOURCE:TARGET"),
        ("glyphs:sans:papyrus", {}, "'papyrus'.*serif-italic"),
        ("glyphs:sans:serif", {"resolution": (32, 64)}, "one number, got 32x64"),
        ("glyphs:sans:serif", {"crop": True}, "--crop"),
        ("glyphs:sans:serif", {"bits": 12}, "--bits"),
        ("glyphs:sans:serif", {"channels": 2}, "got 2"),
    ],
)
def test_what_letters_cannot_do_is_refused(tmp_path, name, options, message):
    with pytest.raises(InputError, match=message):
        load_pairs(name, data_dir=tmp_path, **options)
