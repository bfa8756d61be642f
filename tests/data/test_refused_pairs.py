"""Folders of pairs, and names of sets, that are refused."""

import shutil

import pytest

from jaxgan.checks import InputError
from jaxgan.data import load_pairs
from tests.data.pair_files import fill, opened, save, save_pair


@pytest.fixture
def root(tmp_path):
    (tmp_path / "set").mkdir()
    return tmp_path / "set"


def lose(root):
    (root / "B" / "3.png").unlink()


def empty(root):
    shutil.rmtree(root / "B")
    (root / "B").mkdir()


def mix(root):
    save(root / "extra.png", 1)


def repeat(root):
    save(root / "A" / "3.jpg", 1)


def resize(root):
    save(root / "B" / "3.png", 1, (6, 4))


def nest(root):
    for side in "AB":
        shutil.move(root / side, root / f"side{side}")


def only_held_out(root):
    for side in "AB":
        (root / "test").mkdir(exist_ok=True)
        shutil.move(root / side, root / "test" / side)


def one_pair(root):
    for i in range(1, 6):
        for side in "AB":
            (root / side / f"{i}.png").unlink()


def empty_split(root):
    for side in "AB":
        (root / "train").mkdir(exist_ok=True)
        shutil.move(root / side, root / "train" / side)
    (root / "test" / "A").mkdir(parents=True)


def wrong_split(root):
    for side, split in (("A", "train"), ("B", "train"), ("A", "test")):
        (root / split).mkdir(exist_ok=True)
        shutil.copytree(root / side, root / split / side)
    for side in "AB":
        shutil.rmtree(root / side)


def unread_partner(root):
    (root / "B" / "3.png").rename(root / "B" / "3.avif")


REFUSED = {
    lose: r"A/3\.png has no partner.*unpaired:PATH",
    empty: r"no image of the side B.*A/0\.png.*fill it",
    mix: r"mixes layouts.*A/0\.png.*extra\.png.*move",
    repeat: r"A/3\.jpg and .*A/3\.png differ only in the suffix.*take one away",
    resize: r"A/3\.png is 4x4 .*B/3\.png is 4x6; pass --resolution",
    nest: r"sideA/0\.png lies in a folder that is neither.*Expected folders A and B",
    only_held_out: r"only images to hold out, in test/.*in train",
    one_pair: r"holds one pair.*at least two",
    empty_split: r"images in train/, but no image in test.*fill it",
    wrong_split: r"no image of the side B in its split test",
    unread_partner: r"A/3\.png has no partner.*not read.*convert",
}


@pytest.mark.parametrize("change", REFUSED, ids=lambda change: change.__name__)
def test_what_could_mean_two_things_is_refused(root, change):
    fill(root)
    change(root)
    with pytest.raises(InputError, match=REFUSED[change]):
        opened(root)


@pytest.mark.parametrize("size", [(4, 4), (9, 4), (8, 5), (4, 8)])
def test_images_side_by_side_are_twice_as_wide_as_high(root, size):
    for i in range(6):
        save_pair(root, f"{i}.png", "", i)
    save(root / "4.png", 1, size)
    with pytest.raises(InputError, match=r"4\.png is .*twice as wide.*A and B"):
        opened(root)


def test_no_folder_is_said(root):
    with pytest.raises(InputError, match=r"set/none is not a folder"):
        opened(root / "none")


@pytest.mark.parametrize("name", ["folder:x", "mnist", "unpaired:x", "glyph:a:b"])
def test_other_names_are_refused(tmp_path, name):
    with pytest.raises(InputError, match=r"pairs '.*glyphs:SOURCE:TARGET.*pairs:PATH"):
        load_pairs(name, data_dir=tmp_path)
