"""Scenes of two digits, and their position relative to each other.

"A red seven left of a blue three" is also "a blue three right of a red seven", so a
model has to read which colour belongs to which digit, and which digit comes first. In
the factors the left or upper digit is the first, so every picture has a single
description there.
"""

import numpy as np
from jaxtyping import Float64, Int

from jaxgan.checks import InputError
from jaxgan.data import canvas, shapes
from jaxgan.data.captioned import CaptionedSet, Factor, of_arrays
from jaxgan.data.grammar import Grammar, Slot
from jaxgan.data.scenes import DIGIT, Writers, digits_of, enlarged
from jaxgan.data.shapes import Drawn, Which
from jaxgan.data.source import CREDITS

_FORTH = (("left of", "to the left of"), ("above", "over"))
_BACK = (("right of", "to the right of"), ("below", "under"))

RELATION = Factor("relation", tuple(a + b for a, b in zip(_FORTH, _BACK, strict=True)))
"""The relation of the first digit to the second: left of it, or above it."""

FACTORS = (
    DIGIT._replace(name="first digit"),
    canvas.COLOUR._replace(name="first colour"),
    DIGIT._replace(name="second digit"),
    canvas.COLOUR._replace(name="second colour"),
    RELATION,
    canvas.GROUND,
)
"""The left or upper digit and its colour, the other's, the relation and the ground."""

_BOUND = ((0, 1), (2, 3))
_ONE, _TWO = "a [{colour}] {digit}", "a [{colour_2}] {digit_2}"
_TEMPLATES = tuple(
    form.format(pair=pair, ground="{ground}")
    for pair in (f"{_ONE} {{forth}} {_TWO}", f"{_TWO} {{back}} {_ONE}")
    for form in (
        "{pair} [on {ground}]",
        "{pair}, [on a {ground} ground]",
        "[on {ground}], {pair}",
        "there is {pair}; the ground is {ground}",
        "a {ground} ground with {pair}",
    )
)
_SIDE = 20  # pixels, in pictures of 48x48
_LEAST = 24  # pixels of a picture
_MOST_OFF = 1 / 12  # of the side: the largest offset from the edge or the common line


def grammar() -> Grammar:
    """Returns the grammar of captions for two digits, in both orders of the digits.

    Example:
        >>> rules = grammar()
        >>> rules.vocabulary.decode(rules.captions(
        ...     np.int32([[7, 0, 3, 2, 0, 0]]), wordings=1, seed=3)[0, 0])
        'a red seven to the left of a blue three on jet black'
    """
    columns = {"digit": 0, "colour": 1, "digit_2": 2, "colour_2": 3, "ground": 5}
    slots = {name: Slot(i, FACTORS[i].phrases) for name, i in columns.items()}
    relations = {"forth": Slot(4, _FORTH), "back": Slot(4, _BACK)}
    return Grammar(_TEMPLATES, slots | relations)


def two_scenes(
    *, count: int = 30_000, seed: int = 0, size: int = 48, wordings: int = 5
) -> CaptionedSet:
    """Draws scenes of two digits, and a tenth as many held-out ones by other writers.

    The arguments, columns and errors are those of `jaxgan.data.scenes.scenes`, except
    for the six `FACTORS` and the smallest size, 24. Every other held-out scene has a
    digit in a colour that this digit never has in training.

    Example:
        >>> data = two_scenes(count=40)
        >>> data.image_shape, data.train.columns["factors"].shape
        ((48, 48, 3), (40, 6))
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
        f"Scenes of two digits, {size}x{size}, {wordings} captions each: {count:,} "
        f"train, {same + other:,} held out, by other writers, {other:,} of them with a "
        "digit in a colour it never has in training."
    )
    return of_arrays(
        *columns,
        name="scenes:two",
        vocabulary=rules.vocabulary,
        factors=FACTORS,
        bound=_BOUND,
        note=note,
        credit=CREDITS["digits"],
    )


def draw(
    count: int,
    *,
    seed: tuple[int, ...],
    size: int = 48,
    writers: Writers = "train",
    pairs: Which = "seen",
) -> Drawn:
    """Draws scenes of two digits without captions.

    Digits side by side are at the left and the right edge, digits one above the other
    at the upper and the lower edge, up to a twelfth of the picture's side away from it.
    Along the other axis, both are at most that far from a common line.

    Args:
        count: the number of scenes.
        seed: see `numpy.random.default_rng`.
        size: height and width of a picture in pixels.
        writers: whose digits to draw.
        pairs: the pairs of digit and colour; "seen": both are trained on; "held out":
            one, the first or the second at random, is not, the other is; "all": any.

    Raises:
        InputError: the pictures are too small.

    Example:
        >>> draw(3, seed=(0,)).images.shape
        (3, 48, 48, 3)
    """
    if size < _LEAST:
        raise InputError(
            f"Two digits in pictures of {size}x{size} pixels cannot be told apart; the "
            f"size must be at least {_LEAST}, 48 is usual."
        )
    chances = np.random.default_rng(seed).random((count, 12)).T
    odd = chances[0] < 0.5  # whether the first digit, not the second, is of ``pairs``
    other: Which = "all" if pairs == "all" else "seen"
    rows, found = [], []
    for number, special in enumerate((odd, ~odd)):
        picks = [
            _digits(chances[1 + 2 * number], chances[2 + 2 * number], writers, which)
            for which in (pairs, other)
        ]
        row, digit, colour = np.where(special, *picks)
        rows.append(row)
        found += [digit, colour]
    relations, grounds = shapes.any_of(chances[5], 2), shapes.any_of(chances[6], 4)
    masks = enlarged(round(size * _SIDE / 48))
    places = _places(chances[7:], relations == 1, size, masks.shape[1])
    layers = tuple(
        canvas.Shape(masks[row], colour, *place)
        for row, colour, place in zip(rows, found[1::2], places, strict=True)
    )
    images = canvas.paint(grounds, layers, size)
    return Drawn(images, np.stack([*found, relations, grounds], 1).astype(np.int32))


def _digits(
    first: Float64[np.ndarray, " n"],
    second: Float64[np.ndarray, " n"],
    writers: Writers,
    pairs: Which,
) -> Int[np.ndarray, "3 n"]:
    """Draws rows, digits and colours."""
    rows, digits = digits_of(first, writers, pairs)
    colours = shapes.choose(second, shapes.allowed(10, pairs)[digits])
    return np.stack([rows, digits, colours])


def _places(
    chances: Float64[np.ndarray, "5 n"],
    upright: np.ndarray,
    size: int,
    side: int,
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Returns the rows and columns of both digits' upper left pixels.

    ``upright`` marks digits one above the other, for which the axes are swapped.
    """
    room, off = size - side, round(size * _MOST_OFF)
    near, far = (shapes.any_of(each, off + 1) for each in chances[:2])
    line = off + shapes.any_of(chances[2], room - 2 * off + 1)
    across = [line + shapes.any_of(each, 2 * off + 1) - off for each in chances[3:5]]
    found = []
    for along, beside in zip((near, room - far), across, strict=True):
        found.append(
            (np.where(upright, along, beside), np.where(upright, beside, along))
        )
    return found
