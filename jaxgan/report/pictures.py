"""Grids of images as PNG."""

import io

import numpy as np
from jaxtyping import Float
from PIL import Image

from jaxgan.images import as_uint8

_SMALLEST_TILE = 32


def grid(images: Float[np.ndarray, "n h w c"], columns: int) -> Image.Image:
    """The images row by row, with one pixel of white between them.

    Small images are enlarged by a whole factor, each pixel a square, so that digits of
    8x8 pixels can be seen.

    Args:
        images: in [-1, 1], grayscale or RGB.
        columns: how many stand in a row.
    """
    pixels = np.asarray(as_uint8(images))
    scale = -(-_SMALLEST_TILE // pixels.shape[1])
    pixels = pixels.repeat(scale, axis=1).repeat(scale, axis=2)
    count, height, width, channels = pixels.shape
    rows = -(-count // columns)
    shape = (rows * (height + 1) - 1, columns * (width + 1) - 1, channels)
    sheet = np.full(shape, 255, np.uint8)
    for i, tile in enumerate(pixels):
        y, x = i // columns * (height + 1), i % columns * (width + 1)
        sheet[y : y + height, x : x + width] = tile
    return Image.fromarray(sheet[..., 0] if channels == 1 else sheet)


def png(picture: Image.Image) -> bytes:
    """The picture as a PNG file's content."""
    content = io.BytesIO()
    picture.save(content, format="PNG", optimize=True)
    return content.getvalue()
