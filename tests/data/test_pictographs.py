"""Pictographs of DejaVu: which there are, their names, their pictures and splits."""

import re
import unicodedata
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageDraw, ImageFont

from jaxgan.checks import InputError
from jaxgan.data import canvas, pictographs

FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


@pytest.fixture(scope="module")
def data():
    return pictographs.pictographs(count=12_000)


def mask_of(character, side):
    """Large, cut to its box, in the middle of a square, averaged over small ones."""
    face = ImageFont.truetype(str(FONT), 256, layout_engine=ImageFont.Layout.BASIC)
    image = Image.new("L", (900, 900))
    ImageDraw.Draw(image).text((300, 300), character, fill=255, font=face)
    pixels = np.asarray(image)
    rows, columns = (np.flatnonzero(pixels.any(axis=axis)) for axis in (1, 0))
    cut = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = cut.shape
    most = max(cut.shape)
    square = np.zeros((most, most), np.uint8)
    top, left = (most - height) // 2, (most - width) // 2
    square[top : top + height, left : left + width] = cut
    return np.asarray(
        Image.fromarray(square).resize((side, side), Image.Resampling.BOX)
    )


def test_names_are_unicodes_with_other_words_for_black_and_white():
    has = set(FT2Font(FONT).get_charmap())
    known = pictographs.known()
    assert len(known) == len({each.name for each in known}) > 300
    assert [each.character for each in known] == sorted(e.character for e in known)
    for character, name in known:
        assert ord(character) in has
        assert any(ord(character) in block for block in pictographs.BLOCKS.values())
        plain = re.sub(r"\bsolid\b(?!-)", "black", name)
        plain = re.sub(r"\bhollow\b(?!-)", "white", plain)
        assert plain == unicodedata.name(character).lower()
    names = dict(known)
    assert names["♚"] == "solid chess king"
    assert names["♔"] == "hollow chess king"
    assert names["☃"] == "snowman"
    assert names["⚅"] == "die face-6"
    assert names["♌"] == "leo"


def test_names_take_no_word_of_another_factor_and_four_at_most():
    words = {word for each in pictographs.known() for word in each.name.split()}
    others = (canvas.COLOUR, canvas.SIZE, canvas.PLACE, canvas.GROUND)
    taken = {w for f in others for each in f.phrases for p in each for w in p.split()}
    assert not words & taken
    assert max(len(each.name.split()) for each in pictographs.known()) == 4
    left_out = {"↔", "⚬", "⬤"}  # left right arrow; medium small; large
    assert not left_out & {each.character for each in pictographs.known()}


def test_no_two_look_alike_and_none_is_blank():
    masks = pictographs._masks(12)
    assert len({mask.tobytes() for mask in masks}) == len(masks)
    assert masks.any(axis=(1, 2)).all()
    # Each reaches two opposite edges of its square.
    edges = masks.any(axis=2), masks.any(axis=1)
    full = [each[:, 0] & each[:, -1] for each in edges]
    assert (full[0] | full[1]).mean() > 0.98


def test_twins_keep_the_first_name(monkeypatch):
    """Every character drawn as one of two: their first names are left."""
    pictographs.known.cache_clear()
    face = lambda character, side: np.full((side, side), ord(character) % 2, np.uint8)
    monkeypatch.setattr(pictographs, "_mask", face)
    try:
        assert [e.character for e in pictographs.known()] == ["\u2191"]
    finally:
        pictographs.known.cache_clear()


def test_pictures_are_pictographs_in_colour(data):
    """Against another drawing, at each size in the middle of the picture."""
    colours = {"red": (230, 40, 40), "cyan": (40, 200, 210)}
    checked = set()
    factors = data.train.columns["factors"]
    for image, row in zip(data.train.columns["image"], factors, strict=True):
        names = [f.values[v] for f, v in zip(data.factors, row, strict=True)]
        if names[1] not in colours or names[3] != "middle" or names[4] != "white":
            continue
        if names[2] in checked:
            continue
        checked.add(names[2])
        side = {"small": 12, "medium": 16, "large": 20}[names[2]]
        mask = mask_of(pictographs.known()[row[0]].character, side)[..., None] / 255
        expected = np.full((32, 32, 3), 235.0)
        inside = slice((32 - side) // 2, (32 + side) // 2)
        ground = expected[inside, inside]
        expected[inside, inside] = ground + mask * (colours[names[1]] - ground)
        np.testing.assert_allclose(image, expected, atol=0.5 + 1e-9)
    assert checked == {"small", "medium", "large"}


def test_splits_share_no_picture_and_every_other_pair_is_held_out(data):
    train, test = (s.columns["factors"] for s in (data.train, data.test))
    assert (len(train), len(test)) == (12_000, 1_200)
    both = np.concatenate([train, test])
    assert len(np.unique(both, axis=0)) == len(both)
    images = [s.columns["image"] for s in (data.train, data.test)]
    seen = [{image.tobytes() for image in each} for each in images]
    assert not seen[0] & seen[1]
    assert len(seen[0]) == 12_000
    held = (both[:, 0] * 8 + both[:, 1]) % 10 == 0
    assert not held[:12_000].any()
    np.testing.assert_array_equal(held[12_000:], np.arange(1_200) % 2 == 1)
    np.testing.assert_array_equal(data.is_held_out(test), held[12_000:])
    assert len(np.unique(train[:, 0])) == len(pictographs.known())


def test_captions_name_the_pictograph(data):
    for split in (data.train, data.test):
        rows = zip(split.columns["factors"], split.columns["captions"], strict=True)
        for row, several in list(rows)[:100]:
            name = pictographs.known()[row[0]].name
            assert all(name in data.vocabulary.decode(each) for each in several)


def test_fingerprints_follow_the_arguments(data):
    made = lambda **how: pictographs.pictographs(**{"count": 40, **how}).fingerprint
    assert len({made(), made(), made(seed=1), made(size=20), made(count=50)}) == 4
    assert "Bitstream Vera" in data.credit


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"count": 10}, "20 pictures or more"),
        ({"count": 20, "size": 8}, "8x8.*at least 16"),
        ({"count": 1_000_000}, "pictures of pictographs.*1,100,000|ask for fewer"),
    ],
)
def test_what_cannot_be_drawn_is_refused(how, message):
    with pytest.raises(InputError, match=message):
        pictographs.pictographs(**how)
