"""Sizes of images in pixels: N for N x N, or height before width."""

import re
from typing import TypeAlias

from jaxgan.checks import InputError

Size: TypeAlias = int | tuple[int, int]
"""The side of a square, or (height, width)."""


def parse_size(text: str) -> Size:
    """Parses a size: "64", or "256x64" with the height first.

    Raises:
        InputError: ``text`` is neither a number nor two of them.

    Example:
        >>> parse_size("64"), parse_size("256x64")
        (64, (256, 64))
    """
    if not re.fullmatch(r"[0-9]+(x[0-9]+)?", text):
        raise InputError(
            f"--resolution must be N or HxW in pixels, height first, such as 64 or "
            f"256x64; got {text!r}."
        )
    sides = [int(side) for side in text.split("x")]
    return sides[0] if len(sides) == 1 else (sides[0], sides[1])


def as_pair(size: Size) -> tuple[int, int]:
    """Returns ``size`` as (height, width).

    Raises:
        InputError: it does not have one or two sides of at least a pixel.
    """
    sides = (size, size) if isinstance(size, int) else tuple(size)
    if len(sides) != 2 or min(sides) < 1:
        raise InputError(
            f"--resolution must be at least 1 pixel, got {size}; expected one number, "
            "or a height and a width."
        )
    return sides


def simplest(size: Size) -> Size:
    """Returns ``size`` as one number if it is square, so that 64x64 equals 64."""
    height, width = as_pair(size)
    return height if height == width else (height, width)
