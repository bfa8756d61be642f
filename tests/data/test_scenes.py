"""Scenes of digits: their pixels, their splits, their factors and captions."""

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from jaxgan.checks import InputError
from jaxgan.data import canvas, digits, scenes, shapes, two_scenes
from jaxgan.data.captioned import held_out_pairs

DIGITS = load_digits()
COLOURS = {
    "red": (230, 40, 40), "green": (40, 170, 60), "blue": (50, 80, 230),
    "yellow": (240, 210, 40), "purple": (150, 60, 190), "orange": (240, 130, 30),
    "cyan": (40, 200, 210), "pink": (240, 120, 190),
}  # fmt: skip
GROUNDS = {
    "black": (20, 20, 20), "white": (235, 235, 235), "brown": (90, 60, 30),
    "blue": (30, 60, 90),
}  # fmt: skip


@pytest.fixture(scope="module")
def one():
    return scenes.scenes(count=4_000)


@pytest.fixture(scope="module")
def two():
    return two_scenes.two_scenes(count=2_000)


def enlarged(row, side):
    """A digit as Pillow makes it, 0 to 1."""
    small = Image.fromarray(np.rint(DIGITS.images[row] * 255 / 16).astype(np.uint8))
    large = small.resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(large, np.float64)[..., None] / 255


def drawn(image, row, colour, side, top, left):
    """Puts a digit onto a picture of floats."""
    mask = enlarged(row, side)
    part = image[top : top + side, left : left + side]
    image[top : top + side, left : left + side] = part * (1 - mask) + mask * colour


def names(data, row):
    return [f.values[v] for f, v in zip(data.factors, row, strict=True)]


def test_scenes_are_a_digit_in_its_colour_size_and_place_on_the_ground(one):
    """Against a drawing in floats, with the row of the digit that fits best."""
    places = {"top left corner": (0, 0), "top right corner": (0, 1),
              "bottom left corner": (1, 0), "bottom right corner": (1, 1),
              "middle": (0.5, 0.5)}  # fmt: skip
    sides = {"small": 12, "medium": 16, "large": 20}
    for split, rows in ((one.train, range(1_415)), (one.test, range(1_415, 1_797))):
        for i in range(12):
            image = split.columns["image"][i].astype(float)
            digit, colour, size, place, ground = names(one, split.columns["factors"][i])
            number = scenes.DIGIT.values.index(digit)
            side = sides[size]
            down, right = ((32 - side) * each for each in places[place])
            best = np.inf
            for row in rows:
                if DIGITS.target[row] != number:
                    continue
                expected = np.tile(np.float64(GROUNDS[ground]), (32, 32, 1))
                at = int(down), int(right)
                drawn(expected, row, np.float64(COLOURS[colour]), side, *at)
                best = min(best, np.abs(expected - image).max())
            assert best <= 0.5 + 1e-9


def test_two_digits_stand_as_their_relation_says(two):
    """What is not ground lies in two halves; each is drawn by one digit."""
    for i in range(40):
        image = two.train.columns["image"][i].astype(float)
        row = two.train.columns["factors"][i]
        relation, ground = names(two, row)[4:]
        shown = (np.abs(image - GROUNDS[ground]) > 1).any(axis=-1)
        along = shown.any(axis=0 if relation == "left of" else 1)
        across = np.flatnonzero(shown.any(axis=1 if relation == "left of" else 0))
        assert along[:24].any()
        assert along[24:].any()
        assert np.ptp(across) < 20 + 2 * 4
        parts = np.split(image, 2, axis=1 if relation == "left of" else 0)
        for part, colour in zip(parts, names(two, row)[1:4:2], strict=True):
            # The pixel farthest from the ground lies between it and the colour.
            step = np.float64(COLOURS[colour]) - GROUNDS[ground]
            flat = (part - GROUNDS[ground]).reshape(-1, 3)
            share = flat @ step / (step @ step)
            np.testing.assert_allclose(flat, share[:, None] * step, atol=1)
            assert share.max() > 0.9


@pytest.mark.parametrize("draw", [scenes.draw, two_scenes.draw])
def test_no_writer_stands_in_both_splits(draw, monkeypatch):
    """The rows whose masks are drawn are those of the split's writers."""
    assert scenes.FIRST_HELD_OUT == digits._FIRST_HELD_OUT == 1_415
    seen = {}
    for writers in ("train", "held out"):
        rows = []
        original = scenes.digits_of

        def watched(*args, rows=rows, original=original):
            found = original(*args)
            rows.append(found[0])
            return found

        for module in (scenes, two_scenes):
            monkeypatch.setattr(module, "digits_of", watched)
        for pairs in ("seen", "held out", "all"):
            draw(3_000, seed=(0,), writers=writers, pairs=pairs)
        monkeypatch.undo()
        seen[writers] = set(np.concatenate(rows).tolist())
    assert max(seen["train"]) < 1_415 <= min(seen["held out"])
    assert len(seen["train"]) > 1_000
    assert len(seen["held out"]) > 350


def test_a_writer_begins_where_the_digits_are_cut():
    begins = np.tile(np.arange(10), 3)
    at = lambda row: DIGITS.target[row : row + 30]
    np.testing.assert_array_equal(at(1_415), begins)
    assert (at(1_400) != begins).any()
    np.testing.assert_array_equal(DIGITS.target, digits.read()[1])


def test_pairs_held_out_are_a_tenth_and_never_trained_on(one):
    held = held_out_pairs(10, 8)
    assert held.sum() == 8
    pairs = lambda split: set(map(tuple, split.columns["factors"][:, :2].tolist()))
    assert pairs(one.train) == {tuple(p) for p in np.argwhere(~held).tolist()}
    test = one.test.columns["factors"]
    np.testing.assert_array_equal(one.is_held_out(test), np.arange(len(test)) % 2 == 1)
    rule = (test[:, 0] * 8 + test[:, 1]) % 10 == 0
    np.testing.assert_array_equal(one.is_held_out(test), rule)
    assert pairs(one.test) > {tuple(p) for p in np.argwhere(held).tolist()}


def test_of_two_digits_held_out_one_has_a_pair_that_is_not_trained_on(two):
    held = held_out_pairs(10, 8)
    split = lambda f: (held[f[:, 0], f[:, 1]], held[f[:, 2], f[:, 3]])
    assert not np.any(split(two.train.columns["factors"]))
    test = two.test.columns["factors"]
    first, second = split(test)
    assert not (first & second).any()
    np.testing.assert_array_equal(first | second, np.arange(len(test)) % 2 == 1)
    np.testing.assert_array_equal(two.is_held_out(test), first | second)
    assert first.sum() > 20 < second.sum()


def test_columns_counts_and_factors(one, two):
    for data, factors, size in ((one, 5, 32), (two, 6, 48)):
        count = len(data.train)
        assert len(data.test) == count // 10
        columns = data.train.columns
        assert columns["image"].shape == (count, size, size, 3)
        assert columns["image"].dtype == np.uint8
        length = data.vocabulary.length
        assert columns["captions"].shape == (count, 5, length)
        assert columns["factors"].shape == (count, factors)
        assert columns["captions"].dtype == columns["factors"].dtype == np.int32
        sizes = [len(f.phrases) for f in data.factors]
        np.testing.assert_array_equal(columns["factors"].max(axis=0) + 1, sizes)
        assert "CC BY 4.0" in data.credit
        assert data.note.count("\n") == 0
        # Uniform, but for what is held out.
        for column in range(2, factors):
            shares = np.bincount(columns["factors"][:, column]) / count
            np.testing.assert_allclose(shares, 1 / sizes[column], atol=0.035)


def test_more_scenes_leave_the_first_as_they_are():
    for draw in (scenes.scenes, two_scenes.two_scenes):
        few, many = draw(count=40), draw(count=90)
        for name, column in few.train.columns.items():
            np.testing.assert_array_equal(column, many.train.columns[name][:40])


def test_fingerprints_follow_count_seed_size_and_wordings():
    made = lambda **how: scenes.scenes(**{"count": 40, **how}).fingerprint
    assert made() == made()
    others = [
        made(count=41), made(seed=1), made(size=33), made(wordings=4),
        two_scenes.two_scenes(count=40).fingerprint,
    ]  # fmt: skip
    assert len({made(), *others}) == 6


def test_captions_of_two_digits_bind_colours_to_digits_in_both_orders(two):
    orders = set()
    for row, several in zip(
        two.test.columns["factors"][:200], two.test.columns["captions"], strict=False
    ):
        first, colour, second, other, *_ = (
            f.phrases[v] for f, v in zip(two.factors, row, strict=True)
        )
        things = [
            {f"{c} {d}" for c in colours for d in numbers}
            for colours, numbers in ((colour, first), (other, second))
        ]
        for caption in several:
            text = two.vocabulary.decode(caption)
            back = any(f" {way} " in text for way in ("right of", "below", "under"))
            places = [
                min(text.find(t) for t in each if f"{t} " in f"{text} ")
                for each in things
            ]
            if things[0].isdisjoint(things[1]):
                assert (places[0] > places[1]) == back, text
            orders.add(back)
    assert orders == {True, False}


@pytest.mark.parametrize("size", [16, 33, 64])
def test_scenes_grow_with_the_size(size):
    images, factors = scenes.draw(200, seed=(3,), size=size)
    assert images.shape == (200, size, size, 3)
    widths = []
    for kind in range(3):
        rows = factors[:, 2] == kind
        corner = images[rows][:, :1, :1]
        # In the middle, so that no corner is covered.
        middle = rows[rows] & (factors[rows, 3] == 4)
        shown = (images[rows] != corner).any(axis=-1)[middle]
        widths.append(shown.any(axis=0).any(axis=0).sum())
    # Digits reach down and up, but not to all columns.
    shares = np.array(widths) / (np.array([12, 16, 20]) * size / 32)
    np.testing.assert_allclose(shares, 0.9, atol=0.15)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: scenes.scenes(count=19), "20 pictures or more.*19"),
        (lambda: two_scenes.two_scenes(count=0), "count=0"),
        (lambda: scenes.scenes(count=20, size=15), "15x15.*at least 16"),
        (lambda: two_scenes.two_scenes(count=20, size=23), "23x23.*at least 24"),
        (lambda: scenes.scenes(count=20, wordings=11), "10 wordings"),
    ],
)
def test_what_cannot_be_drawn_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_mixing_is_exact_rounding_in_integers():
    """All masks on all grounds in all colours, against exact quotients."""
    masks = np.arange(256, dtype=np.uint8).repeat(32).reshape(-1, 1, 1)
    colours = np.tile(np.arange(8).repeat(4), 256)
    grounds = np.tile(np.arange(4), 8 * 256)
    zero = np.zeros(len(masks), int)
    found = canvas.paint(grounds, (canvas.Shape(masks, colours, zero, zero),), 1)
    m = masks.astype(int)[:, 0]
    mixed = m * np.array(list(COLOURS.values()))[colours]
    mixed += (255 - m) * np.array(list(GROUNDS.values()))[grounds]
    np.testing.assert_array_equal(found[:, 0, 0], np.floor(mixed / 255 + 0.5))


def test_values_are_chosen_uniformly_of_those_allowed():
    chances = np.random.default_rng(0).random(8_000)
    allowed = np.tile([False, True, True, False, True], (8_000, 1))
    counts = np.bincount(shapes.choose(chances, allowed), minlength=5)
    assert counts[[0, 3]].tolist() == [0, 0]
    np.testing.assert_allclose(counts[[1, 2, 4]] / 8_000, 1 / 3, atol=0.02)
