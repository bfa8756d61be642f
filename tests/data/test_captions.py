"""Images and captions of one's own, and by name; how they are read and split."""

import json
import shutil
import sys

import numpy as np
import pytest

from jaxgan.checks import InputError
from jaxgan.data import images, load_captioned, pictographs, scenes, two_scenes
from jaxgan.data.source import DataWarning
from jaxgan.data.vocabulary import Vocabulary
from tests.data.captioned_folders import (
    COUNT,
    fill,
    lines_of,
    opened,
    save,
    told,
    write_csv,
    write_json,
)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "set").mkdir()
    return tmp_path / "set"


@pytest.mark.parametrize("write", [write_csv, write_json])
def test_captions_stay_with_their_images(root, write):
    fill(root, write=write)
    data = opened(root)
    train, test = told(data, data.train), told(data, data.test)
    assert sorted(train + test) == list(range(COUNT))
    assert train == sorted(train)
    assert 1 <= len(test) <= 10
    assert data.factors == () == data.bound
    assert set(data.train.columns) == {"image", "captions"}
    assert data.train.columns["captions"].dtype == np.int32
    assert data.vocabulary.length == 2
    assert data.vocabulary.words == tuple(
        sorted({"a", "shade", *map(str, range(COUNT))})
    )
    assert f"{COUNT} images, 2 captions each, 42 words, at most 2" in data.note
    assert data.note.count("\n") == 0
    # The order of the lines does not matter, but for the captions of one image.
    write(root, sorted(lines_of(), key=lambda line: -int(line[0][:2])))
    again = opened(root)
    assert told(again, again.train) == train
    assert again.fingerprint == data.fingerprint


def test_splits_are_by_image_and_do_not_move(root):
    fill(root)
    data = opened(root)
    test = set(told(data, data.test))
    fill(root, COUNT + 20)
    more = opened(root)
    assert {i for i in told(more, more.test) if i < COUNT} == test


def test_folders_named_like_splits_are_splits(root):
    """As for folder:PATH; captions have no say in it."""
    lines = ["file,caption"]
    for number in range(24):
        place = f"{'train' if number < 20 else 'Test'}/{'a' * (number % 2 + 1)}"
        (root / place).mkdir(parents=True, exist_ok=True)
        save(root / place / f"{number}.png", number)
        lines.append(f"{place}/{number}.png,number n{number}")
    (root / "captions.csv").write_text("\n".join(lines) + "\n")
    data = opened(root)
    assert (len(data.train), len(data.test)) == (20, 4)
    assert set(data.test.columns["image"][:, 0, 0, 0].tolist()) == {20, 21, 22, 23}
    assert "Test/ held out" in data.note


def test_captions_without_spaces_are_told(root):
    lines = ["file,caption"]
    for number in range(24):
        save(root / f"{number}.png", number)
        lines.append(f"{number}.png,{chr(0x4E00 + number)}\u8272\u7684")
    (root / "captions.csv").write_text("\n".join(lines) + "\n")
    with pytest.warns(DataWarning, match="spaces"):
        opened(root)


def test_json_lines_may_hold_lists_and_csv_quotes_and_other_columns(root):
    for i in range(4):
        save(root / f"{i}.png", i)
    lines = [
        {"file": f"{i}.png", "captions": [f"Shade, {i}!", f"a {i}"]} for i in (0, 1)
    ]
    lines += [{"file": f"{i}.png", "caption": f"shade {i}"} for i in (2, 3)]
    lines += [{"file": f"{i}.png", "caption": f"a {i}", "id": 7} for i in (2, 3)]
    text = "\n\n".join(map(json.dumps, lines))
    (root / "words.jsonl").write_text(text)
    first = opened(root)
    assert sorted(told(first, first.train) + told(first, first.test)) == list(range(4))
    (root / "words.jsonl").unlink()
    rows = [
        "Caption , number, FILE",
        *(f'"Shade, ""{i}""",{i},{i}.png' for i in range(4)),
    ]
    rows += [f'"a\n{i}",,./{i}.png' for i in range(4)]
    (root / "words.csv").write_text("\ufeff" + "\r\n".join(rows), encoding="utf-8")
    second = opened(root)
    assert second.fingerprint == first.fingerprint
    (root / "other.csv").write_text("number\n1\n")
    third = opened(root / "words.csv")
    assert third.fingerprint == first.fingerprint


def test_fewer_captions_are_repeated_in_turn(root):
    fill(root, 6)
    more = [("03.png", "third"), *(("04.png", each) for each in "xyz")]
    write_csv(root, [*lines_of(6), *more])
    data = opened(root)
    texts = {}
    for split in (data.train, data.test):
        rows = zip(split.columns["image"], split.columns["captions"], strict=True)
        for image, several in rows:
            texts[int(image[0, 0, 0])] = [data.vocabulary.decode(x) for x in several]
    assert texts[0] == ["shade 0", "a 0"] * 2 + ["shade 0"]
    assert texts[3] == ["shade 3", "a 3", "third", "shade 3", "a 3"]
    assert texts[4] == ["shade 4", "a 4", "x", "y", "z"]
    assert "2 to 5 captions each" in data.note


def test_words_of_held_out_captions_alone_are_told_and_not_taken(root):
    fill(root)
    held = told(data := opened(root), data.test)
    assert f"{len(held)} words occur only in captions that are held out" in data.note
    assert str(held[0]) in data.note.rpartition(":")[2]
    assert set(map(int, data.vocabulary.unlearnt)) == set(held)
    with pytest.raises(InputError, match=f"unknown here: '{held[0]}'"):
        data.vocabulary.encode(f"shade {held[0]}")
    again = Vocabulary.from_json(data.vocabulary.as_json())
    assert again == data.vocabulary
    write_csv(root, [(name, "the same words") for name, _ in lines_of()])
    assert "only in captions" not in opened(root).note


def test_images_in_folders_are_named_by_their_path(root):
    for i in range(6):
        save(root / "some folder" / f"{i:02}.png", i)
    for form in ("some folder/{}", "./some folder/{}", "some folder\\{}"):
        write_csv(root, [(form.format(name), text) for name, text in lines_of(6)])
        data = opened(root)
        assert len(told(data, data.train)) == 6 - len(told(data, data.test))


def test_names_may_be_composed_otherwise_than_on_the_disk(root):
    fill(root, 6)
    (root / "03.png").rename(root / "e\u0301.png")
    lines = [(n.replace("03", "\u00e9"), text) for n, text in lines_of(6)]
    write_csv(root, lines)
    data = opened(root)
    assert 3 in told(data, data.train) + told(data, data.test)


@pytest.mark.parametrize("header", [True, False])
def test_a_damaged_image_takes_its_captions_along(root, header):
    fill(root)
    whole = opened(root)
    values = told(whole, whole.train)
    path = root / f"{values[2]:02}.png"
    path.write_bytes(path.read_bytes()[:45] if header else b"<html>")
    with pytest.raises(InputError, match=rf"{path.name} cannot be read.*--skip-damage"):
        opened(root)
    for _ in range(2):  # decoded, and from the cache
        with pytest.warns(DataWarning, match=r"1 damaged"):
            left = opened(root, skip_damaged=True)
        assert told(left, left.train) == [v for v in values if v != int(path.stem)]
        assert told(left, left.test) == told(whole, whole.test)


def test_fingerprints_follow_images_captions_and_words(root):
    fill(root)
    first = opened(root)
    copy = root.parent / "elsewhere"
    shutil.copytree(root, copy)
    moved = load_captioned(f"captions:{copy}", data_dir=root.parent / "other")
    assert moved.fingerprint == first.fingerprint
    seen = {first.fingerprint}
    save(root / "02.png", 99)
    seen.add(opened(root).fingerprint)
    save(root / "02.png", 2)
    write_csv(root, [(n, t.replace("shade", "value")) for n, t in lines_of()])
    seen.add(opened(root).fingerprint)
    write_csv(root, [(n, t.replace("shade", "zebra")) for n, t in lines_of()])
    seen.add(opened(root).fingerprint)
    lines = lines_of()
    write_csv(root, [lines[1], lines[0], *lines[2:]])
    seen.add(opened(root).fingerprint)
    seen.add(opened(root, resolution=2).fingerprint)
    assert len(seen) == 6


def test_a_change_of_captions_decodes_nothing(root, monkeypatch):
    fill(root)
    first = opened(root)

    def fail(*args, **options):
        raise AssertionError("decoded again")

    monkeypatch.setattr(images, "read", fail)
    monkeypatch.setattr(images, "is_gray", fail)
    write_csv(root, [(name, "other words") for name, _ in lines_of()])
    again = opened(root)
    assert again.vocabulary.words == ("other", "words")
    column = again.train.columns["image"]
    np.testing.assert_array_equal(column, first.train.columns["image"])
    assert isinstance(column, np.memmap)


def test_options_are_those_of_folders(root):
    for i in range(6):
        save(root / f"{i:02}.png", (i, i, 0), (8, 4), "RGB")
    write_csv(root, lines_of(6))
    with pytest.raises(InputError, match="--crop"):
        opened(root, resolution=2)
    data = opened(root, resolution=2, crop=True)
    assert data.image_shape == (2, 2, 3)
    assert opened(root, channels=1).image_shape == (4, 8, 1)
    assert opened(root).image_shape == (4, 8, 3)


def test_equal_images_in_both_splits_are_told(root):
    fill(root)
    data = opened(root)
    trained, held_out = told(data, data.train)[0], told(data, data.test)[0]
    shutil.copy(root / f"{trained:02}.png", root / f"{held_out:02}.png")
    assert "1 of the images held out are also trained on" in opened(root).note


def test_images_without_a_format_that_is_read_are_told(root):
    fill(root)
    (root / "x.avif").write_bytes(b"")
    with pytest.warns(DataWarning, match=r"1 images .*\.avif"):
        assert len(opened(root).train) > 30


@pytest.mark.parametrize(
    ("name", "draw", "size"),
    [
        ("scenes", scenes.scenes, 32),
        ("scenes:two", two_scenes.two_scenes, 48),
        ("pictographs", pictographs.pictographs, 32),
    ],
)
def test_what_is_drawn_is_found_by_name(tmp_path, name, draw, size, monkeypatch):
    small = lambda **how: draw(**{"count": 40, **how})
    monkeypatch.setattr(sys.modules[draw.__module__], draw.__name__, small)
    data = load_captioned(name, data_dir=tmp_path)
    assert data.fingerprint == draw(count=40).fingerprint
    assert data.image_shape == (size, size, 3)
    assert data.name == name
    larger = load_captioned(name, data_dir=tmp_path, resolution=50, channels=3)
    assert larger.image_shape == (50, 50, 3)
    assert not list(tmp_path.iterdir())


def test_a_space_before_a_quote_is_no_part_of_a_caption(root):
    for i in range(12):
        save(root / f"{i}.png", i)
    rows = [f'{i}.png, "shade {i}, alone"' for i in range(12)]
    (root / "captions.csv").write_text("\n".join(["file, caption", *rows]))
    data = opened(root)
    first = data.vocabulary.decode(data.train.columns["captions"][0, 0])
    assert first.split()[::2] == ["shade", "alone"]
