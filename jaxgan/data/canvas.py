"""Pictures of shapes that vary in size, colour, place and background ("ground")."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from jaxgan.checks import InputError
from jaxgan.data.captioned import Factor

SIZE = Factor(
    "size",
    (
        ("small", "little", "tiny"),
        ("medium", "medium-sized", "middle-sized"),
        ("large", "big", "huge"),
    ),
)
COLOUR = Factor(
    "colour",
    (
        ("red", "crimson"),
        ("green", "emerald"),
        ("blue", "azure"),
        ("yellow", "golden"),
        ("purple", "violet"),
        ("orange", "amber"),
        ("cyan", "turquoise"),
        ("pink", "rose"),
    ),
)
PLACE = Factor(
    "place",
    (
        ("top left corner", "upper left corner", "top left"),
        ("top right corner", "upper right corner", "top right"),
        ("bottom left corner", "lower left corner", "bottom left"),
        ("bottom right corner", "lower right corner", "bottom right"),
        ("middle", "centre", "center"),
    ),
)
GROUND = Factor(
    "ground",
    (
        ("black", "jet black"),
        ("white", "snow white"),
        ("brown", "chocolate brown"),
        ("blue", "dark blue", "navy"),
    ),
)

_COLOURS = np.array(
    [
        *([230, 40, 40], [40, 170, 60], [50, 80, 230], [240, 210, 40]),
        *([150, 60, 190], [240, 130, 30], [40, 200, 210], [240, 120, 190]),
    ],
    np.uint8,
)
_GROUNDS = np.array(
    [[20, 20, 20], [235, 235, 235], [90, 60, 30], [30, 60, 90]], np.uint8
)
_SIZES = (12, 16, 20)  # sides in pixels, for pictures of 32x32
_PLACES = ((0, 0), (0, 2), (2, 0), (2, 2), (1, 1))  # down, right: halves of free space
_LEAST = 16  # pixels; in smaller pictures, shapes cannot be told apart
_BLOCK = 2**12  # pictures painted at a time


def sides(size: int) -> tuple[int, ...]:
    """Returns the sides of a small, medium and large shape in a picture, in pixels.

    Raises:
        InputError: the picture is too small.

    Example:
        >>> sides(32)
        (12, 16, 20)
    """
    if size < _LEAST:
        raise InputError(
            f"Shapes in pictures of {size}x{size} pixels cannot be told apart; the "
            f"size must be at least {_LEAST}, 32 is usual."
        )
    return tuple(round(side * size / 32) for side in _SIZES)


class Shape(NamedTuple):
    """One shape for each of n pictures: masks, colours and upper left pixels.

    Attributes:
        masks: [n z z]; 255 shows the colour, 0 what is beneath it.
        colours: [n], values of `COLOUR`.
        tops: [n], the rows of the upper left pixels.
        lefts: [n], their columns.
    """

    masks: UInt8[np.ndarray, "n z z"]
    colours: Int[np.ndarray, " n"]
    tops: Int[np.ndarray, " n"]
    lefts: Int[np.ndarray, " n"]


def placed(
    places: Int[np.ndarray, " n"], side: int, size: int
) -> tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]:
    """Returns the rows and columns of the upper left pixels for values of `PLACE`.

    Example:
        >>> [each.tolist() for each in placed(np.array([1, 4]), 12, 32)]
        [[0, 10], [20, 10]]
    """
    halves = np.array(_PLACES)[places]
    pixels = halves * (size - side) // 2
    return pixels[:, 0], pixels[:, 1]


def paint(
    grounds: Int[np.ndarray, " n"], shapes: tuple[Shape, ...], size: int
) -> UInt8[np.ndarray, "n size size 3"]:
    """Draws shapes onto grounds, one after the other.

    A mask m mixes the colour c with the pixel b beneath: (m c + (255 - m) b) / 255,
    rounded in integer arithmetic, so the result is the same on every machine.

    Args:
        grounds: [n], values of `GROUND`.
        shapes: each has one shape for every picture.
        size: height and width of a picture in pixels.
    """
    images = np.empty((len(grounds), size, size, 3), np.uint8)
    for start in range(0, len(grounds), _BLOCK):
        rows = slice(start, start + _BLOCK)
        block = np.empty_like(images[rows])
        block[:] = _GROUNDS[grounds[rows]][:, None, None]
        for shape in shapes:
            block = _mixed(block, Shape(*(each[rows] for each in shape)))
        images[rows] = block
    return images


def _mixed(
    images: UInt8[np.ndarray, "b s s 3"], shape: Shape
) -> UInt8[np.ndarray, "b s s 3"]:
    count, size = images.shape[:2]
    cover = np.zeros((count, size, size), np.uint16)
    along = np.arange(shape.masks.shape[1])
    down = (shape.tops[:, None] + along)[:, :, None]
    right = (shape.lefts[:, None] + along)[:, None, :]
    cover[np.arange(count)[:, None, None], down, right] = shape.masks
    cover = cover[..., None]
    colours = _COLOURS[shape.colours].astype(np.uint16)[:, None, None]
    # 255 * 255 + 127 fits into 16 bits.
    mixed = cover * colours + (255 - cover) * images + np.uint16(127)
    return (mixed // 255).astype(np.uint8)
