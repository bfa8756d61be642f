"""Large images processed tile by tile, with the same result as the whole image.

An output pixel of a convolutional network depends on the input within a radius. So each
tile is processed with that much of its real neighbourhood around it, which is cut off
from the result: no seam, and no blending. Where the image ends, the network sees the
same border as in the whole image. All windows have one shape, so that one program is
compiled; at the end of the image they are moved inwards.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Shaped

from jaxgan.checks import InputError

Progress = Callable[[int, int], Any]
"""A function of the number of finished tiles and the number of all tiles."""


class Span(NamedTuple):
    """A tile's position along one axis, in pixels of the input.

    Attributes:
        window: index of the window's first pixel.
        first: index of the tile's first pixel.
        last: index after the tile's last pixel.
    """

    window: int
    first: int
    last: int


def apply_tiled(
    function: Callable[[np.ndarray], Any],
    image: Shaped[np.ndarray, "h w c"],
    *,
    tile: int,
    radius: int,
    scale: int = 1,
    progress: Progress | None = None,
) -> Shaped[np.ndarray, "g q *o"]:
    """Applies a function of images window by window: ``[h w c] -> [s·h s·w ...]``.

    Args:
        function: ``[h w c] -> [s·h s·w ...]``, for any size, whose output at a pixel
            depends only on the input within ``radius`` pixels and on the position of
            the image's border, such as a network without norms.
        image: the whole image.
        tile: height and width of the part of a window that is kept, in pixels of the
            input. A window is larger by twice the radius, unless the image is smaller.
        radius: in pixels of the input, such as `jaxgan.nets.srresnet.Generator.radius`.
        scale: s, the ratio of the output's size to the input's.
        progress: called after each tile.

    Raises:
        InputError: an argument is out of range, or an output has another size.

    Example:
        >>> double = lambda x: x.repeat(2, 0).repeat(2, 1)
        >>> image = np.arange(35.0).reshape(5, 7, 1)
        >>> made = apply_tiled(double, image, tile=3, radius=1, scale=2)
        >>> made.shape, bool((made == double(image)).all())
        ((10, 14, 1), True)
    """
    if tile < 1 or radius < 0 or scale < 1 or image.size == 0:
        raise InputError(
            "Tiles need an image with pixels, tile and scale of at least 1 and a "
            f"radius of at least 0, got shape {image.shape}, tile={tile}, "
            f"scale={scale}, radius={radius}."
        )
    sizes = [min(length, tile + 2 * radius) for length in image.shape[:2]]
    along = [
        list(spans(length, tile, size, radius))
        for length, size in zip(image.shape[:2], sizes, strict=True)
    ]
    made, total = None, math.prod(map(len, along))
    for number, (y, x) in enumerate(((y, x) for y in along[0] for x in along[1]), 1):
        rows = slice(y.window, y.window + sizes[0])
        columns = slice(x.window, x.window + sizes[1])
        output = np.asarray(function(image[rows, columns]))
        _check_size(output, sizes, scale)
        if made is None:
            shape = [scale * length for length in image.shape[:2]]
            made = np.empty((*shape, *output.shape[2:]), output.dtype)
        own = [slice(*_scaled(span, span.window, scale)) for span in (y, x)]
        place = [slice(*_scaled(span, 0, scale)) for span in (y, x)]
        made[place[0], place[1]] = output[own[0], own[1]]
        if progress is not None:
            progress(number, total)
    return np.asarray(made)  # there is at least one tile


def spans(length: int, tile: int, window: int, radius: int) -> Iterator[Span]:
    """Yields the positions of the tiles along an axis, each within its window.

    Between a tile and an end of its window are ``radius`` pixels or more, unless the
    image ends there.

    Args:
        length: the image's length.
        tile: a tile's length; the last tile is all that is left of the last window.
        window: a window's length.
        radius: see `apply_tiled`.

    Example:
        >>> for span in spans(9, 3, 5, 1):
        ...     print(*span)
        0 0 3
        2 3 6
        4 6 9
    """
    for first in range(0, length, tile):
        start = min(max(first - radius, 0), length - window)
        ends = start + window == length
        yield Span(start, first, length if ends else first + tile)
        if ends:
            return


def _scaled(span: Span, origin: int, scale: int) -> tuple[int, int]:
    return scale * (span.first - origin), scale * (span.last - origin)


def _check_size(output: np.ndarray, sizes: list[int], scale: int) -> None:
    expected = tuple(scale * size for size in sizes)
    if output.shape[:2] != expected:
        raise InputError(
            f"The function made {output.shape[:2]} of a window of {tuple(sizes)} "
            f"pixels; expected {expected}, {scale} times as many. Give its scale."
        )
