"""Pictures of one shape, and the grammar of their captions.

A picture has five factors: its shape, its colour, its size, its place and the ground. A
tenth of the pairs of shape and colour is held out.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float64, Int, Int32, UInt8

from jaxgan.checks import InputError
from jaxgan.data import canvas
from jaxgan.data.captioned import Factor, held_out_pairs
from jaxgan.data.grammar import Grammar, Slot

Which = Literal["seen", "held out", "all"]
"""The pairs of shape and colour to draw: those to train on, the others, or both."""

_LEAST = 20  # pictures to train on: with this many, two are held out
_TEMPLATES = (
    "a [{size}] [{colour}] {shape} [on a {ground} ground], [in the {place}]",
    "a [{size}] [{colour}] {shape} [in the {place}], [on {ground}]",
    "[in the {place}] there is a [{size}] [{colour}] {shape} [on {ground}]",
    "in the {place} of a {ground} picture, a [{size}] [{colour}] {shape}",
    "[on {ground}], a [{colour}] {shape}, [{size}], [in the {place}]",
    "the {shape} [in the {place}] is {size} and {colour}, [on a {ground} background]",
    "a {shape} [in {colour}], [{size}], [on {ground}], [in the {place}]",
    "[{size}] [{colour}] {shape}, [{place}], [{ground} ground]",
    "a {ground} ground with a [{size}] [{colour}] {shape} [in the {place}]",
    "there is a [{colour}] {shape} [in the {place}]; it is {size}, the ground is "
    "{ground}",
)


Columns = dict[str, np.ndarray]


class Drawn(NamedTuple):
    """Pictures and their factors.

    Attributes:
        images: uint8 [n size size 3].
        factors: int32 [n f].
    """

    images: UInt8[np.ndarray, "n size size 3"]
    factors: Int32[np.ndarray, "n f"]


def factors_of(shape: Factor) -> tuple[Factor, ...]:
    """Returns the five factors of a picture of one shape, in their columns' order."""
    return (shape, canvas.COLOUR, canvas.SIZE, canvas.PLACE, canvas.GROUND)


def grammar_of(shape: Factor) -> Grammar:
    """Returns the grammar of captions for pictures of one shape.

    Example:
        >>> rules = grammar_of(Factor("digit", (("seven", "7"),)))
        >>> rules.vocabulary.decode(rules.captions(
        ...     np.int32([[0, 5, 2, 4, 0]]), wordings=1, seed=3)[0, 0])
        'a big orange seven on a jet black ground in the centre'
    """
    names = ("shape", "colour", "size", "place", "ground")
    slots = {
        name: Slot(column, factor.phrases)
        for column, (name, factor) in enumerate(
            zip(names, factors_of(shape), strict=True)
        )
    }
    return Grammar(_TEMPLATES, slots)


def captioned(
    rules: Grammar, train: Drawn, test: Drawn, *, wordings: int, seed: int
) -> tuple[Columns, Columns]:
    """Describes pictures; returns the columns of both splits."""
    found = []
    for number, part in enumerate((train, test)):
        captions = rules.captions(
            part.factors, wordings=wordings, seed=2 * seed + number
        )
        columns = {"captions": captions, "factors": part.factors}
        found.append({"image": part.images, **columns})
    return found[0], found[1]


def picture(
    masks: Sequence[UInt8[np.ndarray, "m _ _"]],
    rows: Int[np.ndarray, " n"],
    factors: Int32[np.ndarray, "n 5"],
    size: int,
) -> UInt8[np.ndarray, "n size size 3"]:
    """Draws one shape in each picture.

    Args:
        masks: of the small, medium and large shapes, [m z z], each with its own z.
        rows: the index of each picture's mask.
        factors: the values; the first column is ignored.
        size: height and width of a picture in pixels.
    """
    images = np.empty((len(rows), size, size, 3), np.uint8)
    _, colours, kinds, places, grounds = factors.T
    for kind, mask in enumerate(masks):
        at = np.flatnonzero(kinds == kind)
        where = canvas.placed(places[at], mask.shape[1], size)
        shape = canvas.Shape(mask[rows[at]], colours[at], *where)
        images[at] = canvas.paint(grounds[at], (shape,), size)
    return images


def allowed(values: int, which: Which) -> Bool[np.ndarray, "values colours"]:
    """Returns which pairs of shape and colour may be drawn."""
    held = held_out_pairs(values, len(canvas.COLOUR.phrases))
    return {"seen": ~held, "held out": held, "all": held | True}[which]


def choose(
    chances: Float64[np.ndarray, " n"], allowed: Bool[np.ndarray, "n values"]
) -> Int32[np.ndarray, " n"]:
    """Chooses one of the allowed values for each row.

    Args:
        chances: uniform in [0, 1).
        allowed: which values each row allows, at least one.

    Example:
        >>> may = np.array([[True, False, True]])
        >>> [choose(np.array([u]), may).item() for u in (0.4, 0.6)]
        [0, 2]
    """
    order = np.argsort(~allowed, axis=1, kind="stable")
    places = (chances * allowed.sum(axis=1)).astype(np.int64)
    return np.take_along_axis(order, places[:, None], axis=1)[:, 0].astype(np.int32)


def any_of(chances: Float64[np.ndarray, " n"], count: int) -> Int32[np.ndarray, " n"]:
    """Maps chances uniform in [0, 1) to integers uniform in 0..count-1."""
    return (chances * count).astype(np.int32)


def interleaved(first: Drawn, second: Drawn) -> Drawn:
    """Interleaves two sets of pictures; the first has as many, or one more.

    So both kinds are among the first pictures, however many are taken.
    """
    count = len(first.images) + len(second.images)
    order = np.concatenate([np.arange(0, count, 2), np.arange(1, count, 2)])
    joined = (np.concatenate(each) for each in zip(first, second, strict=True))
    return Drawn(*(each[np.argsort(order)] for each in joined))


def halves(count: int) -> tuple[int, int]:
    """Returns how many pictures to hold out: with seen pairs, and with the others.

    Together they are a tenth of ``count``, the number to train on, half of each.

    Raises:
        InputError: the tenth is less than two.
    """
    if count < _LEAST:
        raise InputError(
            f"Expected {_LEAST} pictures or more, since a tenth as many are held out, "
            f"got count={count}."
        )
    test = count // 10
    return test - test // 2, test // 2
