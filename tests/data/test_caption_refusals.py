"""Captions of one's own that cannot be understood, each named with its line."""

import pytest

from jaxgan.checks import InputError
from jaxgan.data import load_captioned
from jaxgan.data.caption_files import MOST_WORDS
from tests.data.captioned_folders import COUNT, fill, lines_of, opened, save, write_csv


@pytest.fixture
def root(tmp_path):
    (tmp_path / "set").mkdir()
    return tmp_path / "set"


def add_image(root):
    for name in ("x1.png", "x2.png"):
        save(root / name, 1)


def lose_image(root):
    for name in ("03.png", "04.png"):
        (root / name).unlink()


def no_header(root):
    text = (root / "captions.csv").read_text()
    (root / "captions.csv").write_text(text.partition("\n")[2])


def add(root, *rows, name="captions.csv"):
    with (root / name).open("a") as file:
        file.write("\n".join(rows) + "\n")


def of(root, content, name="captions.csv"):
    file = root / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())


def of_json(root, content):
    (root / "captions.csv").unlink()
    of(root, content, "captions.jsonl")


LINE = 2 * COUNT + 2  # of the first row that is added
REFUSED = {
    "images without captions": (
        add_image, r"no caption for 2 \(x1\.png, x2\.png\) of the 42 images"),
    "captions without images": (
        lose_image, r"line 8: there is no image 2 \(03\.png, 04\.png\) in .* as 00"),
    "one without": (
        lambda root: (root / "03.png").unlink(), r"no image 03\.png in"),
    "not read": (
        lambda root: (root / "03.png").rename(root / "03.avif")
        and write_csv(root, [(f.replace("03.png", "03.avif"), c)
                             for f, c in lines_of()]),
        r"no image 03\.avif .*not read; convert"),
    "outside": (lambda root: add(root, "../x.png,a"), r"\.\./x\.png.*relative"),
    "empty": (
        lambda root: add(root, "03.png,", "04.png,a"),
        rf"line {LINE}: the caption of 03\.png is empty"),
    "signs": (lambda root: add(root, "03.png,?!"), r"is empty: '\?!' has no word"),
    "long": (
        lambda root: add(root, "03.png," + "word " * (MOST_WORDS + 1)),
        rf"line {LINE}: .*03\.png has 65 words, more than 64; shorten"),
    "columns": (
        lambda root: add(root, "03.png,red, green"),
        rf"line {LINE} is broken: found 3 columns.*quotes"),
    "one column": (lambda root: add(root, "03.png"), rf"line {LINE} is broken.*1 col"),
    "open quotes": (lambda root: add(root, '03.png,"red'), r"found invalid CSV"),
    "no name": (lambda root: add(root, ",red"), r"broken: found an empty file name"),
    "no header": (no_header, r"line 1: expected a header.*'00\.png,shade 0'"),
    "semicolons": (
        lambda root: of(root, "file;caption\n00.png;red\n"), r"commas, not by ';'"),
    "nothing": (lambda root: of(root, ""), r"holds no caption"),
    "header alone": (lambda root: of(root, "file,caption\n"), r"holds no caption"),
    "latin-1": (
        lambda root: of(root, b"file,caption\n00.png,a\n00.png,b\xe4r\n"),
        r"line 3: the byte 0xe4 is not UTF-8; save"),
    "utf-16": (
        lambda root: of(root, "file,caption\n00.png,a\n".encode("utf-16")),
        r"line 1: the byte 0xff is not UTF-8"),
    "no json": (
        lambda root: of_json(root, '{"file": "00.png", "caption": "a"}\n{"file": \n'),
        r"line 2 is broken: found invalid JSON"),
    "no object": (lambda root: of_json(root, "[1]\n"), r"line 1 .*'\[1\]'; expected"),
    "no file": (lambda root: of_json(root, '{"caption": "a"}'), r'object with "file"'),
    "both": (
        lambda root: of_json(
            root, '{"file": "00.png", "caption": "a", "captions": ["b"]}'),
        r"line 1 .*not both"),
    "no list": (
        lambda root: of_json(root, '{"file": "00.png", "captions": "a"}'),
        r"captions 'a'; expected a non-empty list"),
    "empty list": (
        lambda root: of_json(root, '{"file": "00.png", "captions": []}'),
        r"captions \[\]; expected a non-empty list"),
    "a number": (
        lambda root: of_json(root, '{"file": "00.png", "caption": 3}'), r"two strings"),
    "deep": (lambda root: of_json(root, "[" * 100_000), r"line 1 is broken"),
    "several": (
        lambda root: of(root, "x", "more.jsonl"), r"found 2 \(captions\.csv, more\.j"),
    "none": (
        lambda root: (root / "captions.csv").unlink(), r"captions\.csv .*found none"),
    "one image": (
        lambda root: [each.unlink() for each in root.glob("*.png") if each.stem != "00"]
        and write_csv(root, lines_of(1)),
        r"holds one image"),
    "sizes": (lambda root: save(root / "03.png", 3, (8, 4)), r"--resolution"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_understood_is_refused(root, case):
    fill(root)
    change, message = REFUSED[case]
    change(root)
    with pytest.raises(InputError, match=message):
        opened(root)


def test_a_file_that_cannot_be_read_is_named(root, tmp_path):
    fill(root)
    with pytest.raises(InputError, match=r"none is neither a folder of images"):
        opened(root / "none")
    (root / "notes.txt").write_text("file,caption\n")
    with pytest.raises(InputError, match=r"notes\.txt is neither .*\.csv or \.jsonl"):
        opened(root / "notes.txt")
    (root / "captions.csv").unlink()
    (root / "captions.csv").mkdir()
    with pytest.raises(InputError, match=r"captions\.csv cannot be read"):
        opened(root)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("scenes", {"resolution": (32, 64)}, "one number, got 32x64"),
        ("scenes:two", {"crop": True}, "--crop"),
        ("pictographs", {"bits": 12}, "--bits"),
        ("scenes", {"channels": 1}, "--channels 1"),
        ("scenes", {"channels": 2}, "got 2"),
        ("scenes:three", {}, "set 'scenes:three'.*scenes:two.*captions:PATH"),
        ("captions:", {}, "captioned set 'captions:'"),
        ("mnist", {}, "captioned set 'mnist'"),
    ],
)
def test_what_cannot_be_loaded_is_refused(tmp_path, name, options, message):
    with pytest.raises(InputError, match=message):
        load_captioned(name, data_dir=tmp_path, **options)
