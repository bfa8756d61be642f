"""Coloured pictographs of the font DejaVu Sans on a background, named by Unicode.

They are from the blocks Arrows (U+2190), Miscellaneous Symbols (U+2600: weather, chess,
suits of cards, dice, zodiac), Dingbats (U+2700) and Emoticons (U+1F600). matplotlib
ships the font, so nothing is downloaded.

A name is Unicode's in lower case, of at most four words. "Black" and "white", which
there mean filled and outlined, become "solid" and "hollow", as captions name colours.
Names with a word that captions use for a size or a place ("small", "left") are left
out, and so are all but the first of pictographs that look alike.
"""

import functools
import unicodedata
from typing import NamedTuple

import numpy as np
from fontTools.ttLib import TTFont
from jaxtyping import UInt8
from PIL import Image, ImageDraw, ImageFont

from jaxgan.checks import InputError
from jaxgan.data import canvas, shapes
from jaxgan.data.captioned import CaptionedSet, Factor, of_arrays
from jaxgan.data.glyphs import font_file
from jaxgan.data.grammar import Grammar
from jaxgan.data.shapes import Drawn, Which
from jaxgan.data.source import CREDITS
from jaxgan.data.vocabulary import words_of

BLOCKS = {
    "Arrows": range(0x2190, 0x2200),
    "Miscellaneous Symbols": range(0x2600, 0x2700),
    "Dingbats": range(0x2700, 0x27C0),
    "Emoticons": range(0x1F600, 0x1F650),
}
"""The code points of each Unicode block that pictographs are taken from."""

_MOST_WORDS = 4  # in a name
_INSTEAD = {"black": "solid", "white": "hollow"}
_POINTS = 256  # pixels per em, before a pictograph is shrunk
_COMPARED = 12  # pixels: the side at which pictographs must differ


class Pictograph(NamedTuple):
    """A character and its name in captions."""

    character: str
    name: str


def pictographs(
    *, count: int = 30_000, seed: int = 0, size: int = 32, wordings: int = 5
) -> CaptionedSet:
    """Draws pictures of one pictograph each, all different, and a tenth to hold out.

    Every other held-out picture has a pair of pictograph and colour that is not trained
    on; for the rest the pair is trained on, in another size, place or on another
    ground.

    Args:
        count: the number of pictures to train on, at least 20.
        seed: the seed of all random choices.
        size: height and width of a picture in pixels, at least 16.
        wordings: captions per picture, at most 10.

    Returns:
        The set, with columns "image" uint8 [n size size 3], "captions" int32 [n k L]
        and "factors" int32 [n 5], the first of which indexes `known`. The pixels, and
        so the fingerprint, may change with Pillow's FreeType.

    Raises:
        InputError: a number is too small or too large, or matplotlib's fonts are not
            where they should be.

    Example:
        >>> data = pictographs(count=20)
        >>> "snowman" in data.factors[0].values, data.image_shape
        (True, (32, 32, 3))
    """
    same, other = shapes.halves(count)
    trained = draw(count + same, seed=(seed, 0), size=size)
    train = Drawn(*(each[:count] for each in trained))
    test = shapes.interleaved(
        Drawn(*(each[count:] for each in trained)),
        draw(other, seed=(seed, 1), size=size, pairs="held out"),
    )
    factor = _factor()
    rules = grammar()
    columns = shapes.captioned(rules, train, test, wordings=wordings, seed=seed)
    note = (
        f"Pictures of one of {len(known()):,} pictographs, {size}x{size}, {wordings} "
        f"captions each: {count:,} train, {same + other:,} held out, {other:,} of them "
        "with pairs of pictograph and colour that are not trained on."
    )
    return of_arrays(
        *columns,
        name="pictographs",
        vocabulary=rules.vocabulary,
        factors=shapes.factors_of(factor),
        bound=((0, 1),),
        note=note,
        credit=CREDITS["glyphs"],
    )


def grammar() -> Grammar:
    """Returns the grammar of the captions."""
    return shapes.grammar_of(_factor())


def draw(
    count: int, *, seed: tuple[int, ...], size: int = 32, pairs: Which = "seen"
) -> Drawn:
    """Draws pictures of pictographs without captions, no two with equal factors.

    Args:
        count: the number of pictures.
        seed: see `numpy.random.default_rng`.
        size: height and width of a picture in pixels.
        pairs: which pairs of pictograph and colour to draw.

    Raises:
        InputError: there are fewer such pictures.

    Example:
        >>> draw(3, seed=(0,)).images.shape
        (3, 32, 32, 3)
    """
    factors = shapes.factors_of(_factor())
    sizes = [len(factor.phrases) for factor in factors]
    may = shapes.allowed(sizes[0], pairs).ravel().repeat(np.prod(sizes[2:]))
    possible = np.flatnonzero(may)
    if count > len(possible):
        raise InputError(
            f"There are {len(possible):,} pictures of pictographs with such pairs, and "
            f"{count:,} are asked for; ask for fewer."
        )
    chosen = np.random.default_rng(seed).permutation(possible)[:count]
    values = np.stack(np.unravel_index(chosen, sizes), axis=1).astype(np.int32)
    masks = [_masks(side) for side in canvas.sides(size)]
    return Drawn(shapes.picture(masks, values[:, 0], values, size), values)


@functools.lru_cache(maxsize=1)
def known() -> tuple[Pictograph, ...]:
    """Returns the pictographs, in the order of their code points.

    Example:
        >>> known()[0], len(known()) > 250
        (Pictograph(character='←', name='leftwards arrow'), True)
    """
    with TTFont(font_file("sans"), lazy=True) as font:
        has = font.getBestCmap() or ()
    found: dict[bytes, Pictograph] = {}
    for character in (chr(code) for block in BLOCKS.values() for code in block):
        name = _name(character)
        if ord(character) not in has or name is None:
            continue
        mask = _mask(character, _COMPARED)
        if mask.any():
            found.setdefault(mask.tobytes(), Pictograph(character, name))
    return tuple(sorted(found.values()))


def _name(character: str) -> str | None:
    """Returns the name of a character in captions; None if it cannot be used."""
    words = words_of(unicodedata.name(character, ""))
    words = [_INSTEAD.get(word, word) for word in words]
    if not 0 < len(words) <= _MOST_WORDS or _taken().intersection(words):
        return None
    return " ".join(words)


@functools.lru_cache(maxsize=1)
def _taken() -> frozenset[str]:
    """Returns the words of all phrases of the other factors."""
    factors = (canvas.COLOUR, canvas.SIZE, canvas.PLACE, canvas.GROUND)
    values = [phrases for factor in factors for phrases in factor.phrases]
    return frozenset(words_of(" ".join(phrase for each in values for phrase in each)))


def _factor() -> Factor:
    return Factor("pictograph", tuple((each.name,) for each in known()))


@functools.lru_cache(maxsize=8)
def _masks(side: int) -> UInt8[np.ndarray, "n side side"]:
    return np.stack([_mask(each.character, side) for each in known()])


def _mask(character: str, side: int) -> UInt8[np.ndarray, "side side"]:
    """Renders a character that just fits into a square; all 0 if it is blank."""
    # Not the layout engine Raqm, which is not available everywhere.
    font = ImageFont.truetype(
        font_file("sans"), _POINTS, layout_engine=ImageFont.Layout.BASIC
    )
    image = Image.new("L", (3 * _POINTS, 3 * _POINTS))
    ImageDraw.Draw(image).text((_POINTS, _POINTS), character, 255, font)
    box = image.getbbox()
    if box is None:
        return np.zeros((side, side), np.uint8)
    left, top, right, bottom = box
    most = max(right - left, bottom - top)
    square = Image.new("L", (most, most))
    corner = (most - right + left) // 2, (most - bottom + top) // 2
    square.paste(image.crop(box), corner)
    return np.asarray(square.resize((side, side), Image.Resampling.BOX))
