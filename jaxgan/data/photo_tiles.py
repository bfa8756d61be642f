"""Photos cut into pairs of tiles: small ones of the shrunk photo, and the originals.

The whole photo is shrunk and then cut, so that tiles have no artificial borders: near
its edges a tile holds what the filter computed from pixels beyond them.
"""

from collections.abc import Iterator

import numpy as np
from jaxtyping import UInt8
from PIL import Image


def shrunk(
    photo: UInt8[np.ndarray, "h w c"], scale: int
) -> tuple[UInt8[np.ndarray, "g q c"], UInt8[np.ndarray, "u v c"]]:
    """Shrinks a photo by Pillow's bicubic filter; returns it and the cropped original.

    Pillow widens the filter by the scale, so that it does not alias. The photo is first
    cropped at the right and the bottom so that the scale divides both sides.

    Args:
        photo: with sides of at least ``scale`` pixels.
        scale: the factor by which to shrink.

    Example:
        >>> small, whole = shrunk(np.full((9, 14, 3), 7, np.uint8), 4)
        >>> small.shape, whole.shape, small.max().item()
        ((2, 3, 3), (8, 12, 3), 7)
    """
    height, width = (side // scale for side in photo.shape[:2])
    whole = photo[: height * scale, : width * scale]
    image = Image.fromarray(whole)
    small = image.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(small), whole


def enlarged(
    small: UInt8[np.ndarray, "h w c"], scale: int
) -> UInt8[np.ndarray, "u v c"]:
    """Enlarges an image by Pillow's bicubic filter: the baseline for a network.

    Example:
        >>> enlarged(np.full((2, 3, 3), 7, np.uint8), 4).shape
        (8, 12, 3)
    """
    height, width = (side * scale for side in small.shape[:2])
    image = Image.fromarray(small)
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))


def starts(length: int, tile: int, step: int) -> list[int]:
    """Returns the starts of tiles along a side: every ``step`` pixels, one at the end.

    Args:
        length: the length of the side, at least ``tile``.
        tile: the side of a tile.
        step: the distance from one tile to the next.

    Example:
        >>> starts(100, 40, 24), starts(100, 100, 24)
        ([0, 24, 48, 60], [0])
    """
    last = length - tile
    return [*range(0, last, step), last]


def starts_apart(length: int, tile: int) -> list[int]:
    """Returns the starts of tiles without overlap; a rest at the end is left out.

    Example:
        >>> starts_apart(100, 40)
        [0, 40]
    """
    return list(range(0, length - tile + 1, tile))


def places(size: tuple[int, int], scale: int, tile: int, *, apart: bool) -> list:
    """Returns the upper left corners (y, x) of a photo's tiles, multiples of the scale.

    Args:
        size: the photo's (height, width).
        scale: the factor by which it is shrunk.
        tile: the side of a tile in pixels of the photo, a multiple of the scale.
        apart: whether tiles do not overlap; else they overlap by half or more.
    """
    step = max(tile // 2 // scale, 1) * scale
    sides = [side // scale * scale for side in size]
    along = [
        starts_apart(side, tile) if apart else starts(side, tile, step)
        for side in sides
    ]
    return [(y, x) for y in along[0] for x in along[1]]


def pairs(
    photo: UInt8[np.ndarray, "h w 3"], scale: int, tile: int, *, apart: bool
) -> Iterator[tuple[UInt8[np.ndarray, "s s 3"], UInt8[np.ndarray, "t t 3"]]]:
    """Yields the tiles of the shrunk photo with those of the photo, see `places`."""
    small, whole = shrunk(photo, scale)
    side = tile // scale
    for y, x in places(photo.shape[:2], scale, tile, apart=apart):
        up, left = y // scale, x // scale
        yield (
            small[up : up + side, left : left + side],
            whole[y : y + tile, x : x + tile],
        )
