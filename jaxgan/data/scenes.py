"""Scenes: real handwritten digits in colour, on a plain background, with captions.

scikit-learn's 1,797 digits of 8x8 pixels are enlarged, coloured and placed, so the
ground truth of each picture is known and nothing is downloaded. They are the test set
of a larger data set, by 13 people, and are ordered by writer. Rows 0 to 1,414 are used
for training and rows 1,415 to 1,796 are held out, as in the set ``digits``: row 1,415
is the first of a writer, so no writer is in both splits. (A cut at 1,400 would split
the digits of one.)
"""

import functools
from typing import Literal

import numpy as np
from jaxtyping import Int, UInt8
from PIL import Image

from jaxgan.data import canvas, shapes
from jaxgan.data.captioned import CaptionedSet, Factor, of_arrays
from jaxgan.data.grammar import Grammar
from jaxgan.data.shapes import Drawn, Which
from jaxgan.data.source import CREDITS

FIRST_HELD_OUT = 1_415
"""The first row of the digits by held-out writers."""

_NAMES = (
    *("zero", "one", "two", "three", "four"),
    *("five", "six", "seven", "eight", "nine"),
)
DIGIT = Factor("digit", tuple((name, str(i)) for i, name in enumerate(_NAMES)))
FACTORS = shapes.factors_of(DIGIT)
"""The factors of a scene: digit, colour, size, place and ground."""

Writers = Literal["train", "held out"]


def scenes(
    *, count: int = 30_000, seed: int = 0, size: int = 32, wordings: int = 5
) -> CaptionedSet:
    """Draws scenes of one digit, and a tenth as many held-out ones by other writers.

    Every other held-out scene has a pair of digit and colour that is not trained on,
    see `CaptionedSet.is_held_out`; the first one's pair is trained on.

    Args:
        count: the number to train on, at least 20; more leave the first ones unchanged.
        seed: the seed of all random choices.
        size: height and width of a picture in pixels, at least 16.
        wordings: captions per picture, at most 10.

    Returns:
        The set, with columns "image" uint8 [n size size 3], "captions" int32 [n k L]
        and "factors" int32 [n 5], see `FACTORS`. The pixels, and so the fingerprint,
        may change with Pillow's version.

    Raises:
        InputError: a number is too small or too large.

    Example:
        >>> data = scenes(count=40)
        >>> data.image_shape, len(data.train), len(data.test), len(data.factors)
        ((32, 32, 3), 40, 4, 5)
        >>> data.is_held_out(data.test.columns["factors"]).tolist()
        [False, True, False, True]
    """
    same, other = shapes.halves(count)
    train = draw(count, seed=(seed, 0), size=size)
    test = shapes.interleaved(
        draw(same, seed=(seed, 1), size=size, writers="held out"),
        draw(other, seed=(seed, 2), size=size, writers="held out", pairs="held out"),
    )
    rules = grammar()
    columns = shapes.captioned(rules, train, test, wordings=wordings, seed=seed)
    note = (
        f"Scenes of one digit, {size}x{size}, {wordings} captions each: {count:,} "
        f"train, {same + other:,} held out, by other writers, {other:,} of them with "
        "pairs of digit and colour that are not trained on."
    )
    return of_arrays(
        *columns,
        name="scenes",
        vocabulary=rules.vocabulary,
        factors=FACTORS,
        bound=((0, 1),),
        note=note,
        credit=CREDITS["digits"],
    )


def grammar() -> Grammar:
    """Returns the grammar of the captions."""
    return shapes.grammar_of(DIGIT)


def draw(
    count: int,
    *,
    seed: tuple[int, ...],
    size: int = 32,
    writers: Writers = "train",
    pairs: Which = "seen",
) -> Drawn:
    """Draws scenes of one digit without captions.

    Digits are drawn uniformly from the rows of those writers, every other factor
    uniformly from its values, and colours from those that ``pairs`` allows for a digit.

    Args:
        count: the number of scenes.
        seed: see `numpy.random.default_rng`.
        size: height and width of a picture in pixels.
        writers: whose digits to draw.
        pairs: which pairs of digit and colour to draw.

    Example:
        >>> images, factors = draw(3, seed=(0,), writers="held out", pairs="all")
        >>> images.shape, factors.shape
        ((3, 32, 32, 3), (3, 5))
    """
    masks = [enlarged(side) for side in canvas.sides(size)]
    chances = np.random.default_rng(seed).random((count, 5)).T
    rows, digits = digits_of(chances[0], writers, pairs)
    colours = shapes.choose(chances[1], shapes.allowed(10, pairs)[digits])
    others = [
        shapes.any_of(chance, len(factor.phrases))
        for chance, factor in zip(chances[2:], FACTORS[2:], strict=True)
    ]
    factors = np.stack([digits, colours, *others], axis=1)
    return Drawn(shapes.picture(masks, rows, factors, size), factors)


def digits_of(
    chances: np.ndarray, writers: Writers, pairs: Which
) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """Chooses rows of digits; returns the rows and their digits, int32.

    Args:
        chances: [n], uniform in [0, 1).
        writers: whose digits to choose.
        pairs: digits without such a pair, 4 and 9 for "held out", are left out.
    """
    labels = _digits()[1]
    all_rows = np.arange(len(labels))
    rows = np.split(all_rows, [FIRST_HELD_OUT])[writers == "held out"]
    possible = shapes.allowed(10, pairs).sum(axis=1) > 0
    rows = rows[possible[labels[rows]]]
    chosen = rows[shapes.any_of(chances, len(rows))]
    return chosen, labels[chosen]


@functools.lru_cache(maxsize=8)
def enlarged(side: int) -> UInt8[np.ndarray, "n side side"]:
    """Returns all digits, resized by Pillow's bicubic filter."""
    images = [Image.fromarray(each) for each in _digits()[0]]
    bicubic = Image.Resampling.BICUBIC
    return np.stack([np.asarray(each.resize((side, side), bicubic)) for each in images])


@functools.lru_cache(maxsize=1)
def _digits() -> tuple[UInt8[np.ndarray, "n 8 8"], Int[np.ndarray, " n"]]:
    from jaxgan.data import digits  # imports tfds

    images, labels = digits.read()
    return images[..., 0], labels.astype(np.int32)
