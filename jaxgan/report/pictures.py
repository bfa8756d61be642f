"""Pictures of images and points, as Pillow images."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw

from jaxgan.images import as_uint8
from jaxgan.report import brief
from jaxgan.report.figures import figure

_SMALLEST_TILE = 32
_SMALLEST_TITLED = 64  # wide enough to read a column's name
_TITLE = 14  # pixels
_LARGEST = 2_000_000  # pixels of a picture; 10 x 10 images of 128 x 128 fit


def grid(images: Float[np.ndarray, "n h w c"], columns: int) -> Image.Image:
    """Returns images row by row, with one pixel of white between them.

    Small images are enlarged by an integer factor, each pixel a square, so that digits
    of 8x8 pixels can be seen; large ones are reduced, so that the picture stays below
    two million pixels.

    Args:
        images: in [-1, 1], grayscale or RGB.
        columns: number of images per row.
    """
    tiles = _enlarged(np.asarray(as_uint8(images)))
    return Image.fromarray(_sheet(tiles, columns))


def strips(columns: Mapping[str, UInt8[np.ndarray, "n h w c"]]) -> Image.Image:
    """Returns columns of images side by side, each under its name; rows are matched.

    Args:
        columns: images by name, the same number and one size in each column.
    """
    tiles = {
        name: _as_rgb(_enlarged(images, _SMALLEST_TITLED))
        for name, images in columns.items()
    }
    heights = {images.shape[1] for images in tiles.values()}
    widths = {images.shape[2] for images in tiles.values()}
    shape = (max(heights), max(widths))
    whole = np.stack([_padded(images, *shape) for images in tiles.values()], axis=1)
    sheet = _sheet(whole.reshape(-1, *whole.shape[2:]), len(tiles))
    return _under_titles(sheet, list(tiles))


def titled(picture: Image.Image, title: str) -> Image.Image:
    """Returns a picture under a line of text."""
    return _under_titles(np.asarray(picture), [title])


def smaller(content: bytes, most: int) -> bytes:
    """Returns the picture in a file's content as a JPEG of at most ``most`` bytes."""
    with Image.open(io.BytesIO(content)) as opened:
        picture = opened if opened.mode == "L" else opened.convert("RGB")
        while True:
            jpeg = io.BytesIO()
            picture.save(jpeg, format="JPEG", quality=90)
            if jpeg.tell() <= most or max(picture.size) == 1:
                return jpeg.getvalue()
            width, height = picture.size
            picture = picture.resize((max(width * 3 // 4, 1), max(height * 3 // 4, 1)))


def scatter(
    points: Float[np.ndarray, "n 2"], real: Float[np.ndarray, "m 2"] | None
) -> Image.Image:
    """Plots points in the plane over those of the data, within the data's range.

    Points outside this frame are counted in the title.

    Args:
        points: the samples.
        real: the data's points, in gray; None for none.
    """
    frame = points if real is None else real
    low, high = frame.min(axis=0), frame.max(axis=0)
    margin = 0.15 * max(float((high - low).max()), 1e-6)
    low, high = low - margin, high + margin
    outside = int(((points < low) | (points > high)).any(axis=1).sum())
    sheet = figure(figsize=(5, 5), dpi=100, layout="constrained")
    axes = sheet.subplots()
    if real is not None:
        axes.scatter(*real.T, s=4, c="0.75", linewidths=0, label="data")
    axes.scatter(*points.T, s=4, c="tab:blue", linewidths=0, alpha=0.6, label="samples")
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    axes.set_title(f"{outside} of {len(points)} samples lie outside" if outside else "")
    axes.legend(loc="upper right", fontsize="small")
    canvas: Any = sheet.canvas
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])


def _enlarged(pixels: np.ndarray, least: int = _SMALLEST_TILE) -> np.ndarray:
    count, height, width, _ = pixels.shape
    most = int((_LARGEST / (count * height * width)) ** 0.5)
    scale = min(-(-least // min(height, width)), max(most, 1))
    return pixels.repeat(scale, axis=1).repeat(scale, axis=2)


def _reduced(tiles: np.ndarray) -> np.ndarray:
    """Returns the tiles, reduced so that together they are not too large."""
    count, height, width, _ = tiles.shape
    scale = (_LARGEST / (count * height * width)) ** 0.5
    if scale >= 1:
        return tiles
    size = (max(int(width * scale), 1), max(int(height * scale), 1))
    gray = tiles.shape[-1] == 1
    sized = lambda tile: Image.fromarray(tile[..., 0] if gray else tile).resize(size)
    reduced = np.stack([np.asarray(sized(tile)) for tile in tiles])
    return reduced[..., None] if gray else reduced


def _under_titles(sheet: np.ndarray, titles: Sequence[str]) -> Image.Image:
    """Returns a picture under a line of titles, evenly spaced."""
    picture = Image.fromarray(sheet).convert("RGB")
    whole = Image.new("RGB", (picture.width, picture.height + _TITLE), "white")
    whole.paste(picture, (0, _TITLE))
    draw = ImageDraw.Draw(whole)
    for i, title in enumerate(titles):
        left = i * (picture.width + 1) // len(titles)
        draw.text((left + 2, 1), brief.text(title), fill="black")
    return whole


def _as_rgb(pixels: np.ndarray) -> np.ndarray:
    return pixels.repeat(3, axis=-1) if pixels.shape[-1] == 1 else pixels


def _padded(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    missing = [(0, 0), (0, height - pixels.shape[1]), (0, width - pixels.shape[2])]
    return np.pad(pixels, [*missing, (0, 0)], constant_values=255)


def _sheet(tiles: np.ndarray, columns: int) -> np.ndarray:
    """Returns the tiles row by row, white in between, ``[h w]`` or ``[h w 3]``."""
    tiles = _reduced(tiles)
    count, height, width, channels = tiles.shape
    lines = -(-count // columns)
    shape = (lines * (height + 1) - 1, columns * (width + 1) - 1, channels)
    sheet = np.full(shape, 255, np.uint8)
    for i, tile in enumerate(tiles):
        y, x = i // columns * (height + 1), i % columns * (width + 1)
        sheet[y : y + height, x : x + width] = tile
    return sheet[..., 0] if channels == 1 else sheet
