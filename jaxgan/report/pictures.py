"""Pictures of images and points, as Pillow images."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw

from jaxgan.images import as_uint8

_SMALLEST_TILE = 32
_SMALLEST_TITLED = 64  # under which a column's name can be read
_TITLE = 14  # pixels


def grid(images: Float[np.ndarray, "n h w c"], columns: int) -> Image.Image:
    """Images row by row, with one pixel of white between them.

    Small images are enlarged by a whole factor, each pixel a square, so that digits of
    8x8 pixels can be seen.

    Args:
        images: in [-1, 1], grayscale or RGB.
        columns: how many stand in a row.
    """
    tiles = _enlarged(np.asarray(as_uint8(images)))
    return Image.fromarray(_sheet(tiles, columns))


def strips(columns: Mapping[str, UInt8[np.ndarray, "n h w c"]]) -> Image.Image:
    """Columns of images side by side, each under its name; a row belongs together.

    Args:
        columns: as many images each, of one height and width.
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
    picture = Image.new("RGB", (sheet.shape[1], sheet.shape[0] + _TITLE), "white")
    picture.paste(Image.fromarray(sheet), (0, _TITLE))
    draw = ImageDraw.Draw(picture)
    for i, name in enumerate(tiles):
        draw.text((i * (shape[1] + 1) + 2, 1), name, fill="black")
    return picture


def scatter(
    points: Float[np.ndarray, "n 2"], real: Float[np.ndarray, "m 2"] | None
) -> Image.Image:
    """Points in the plane over those of the data, in the data's own frame.

    Points outside the frame are counted in its title.

    Args:
        points: the samples.
        real: the data's, in gray; None for none.
    """
    # matplotlib takes half a second to import and is needed only here.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    frame = points if real is None else real
    low, high = frame.min(axis=0), frame.max(axis=0)
    margin = 0.15 * max(float((high - low).max()), 1e-6)
    low, high = low - margin, high + margin
    outside = int(((points < low) | (points > high)).any(axis=1).sum())
    figure = Figure(figsize=(5, 5), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.subplots()
    if real is not None:
        axes.scatter(*real.T, s=4, c="0.75", linewidths=0, label="data")
    axes.scatter(*points.T, s=4, c="tab:blue", linewidths=0, alpha=0.6, label="samples")
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")
    axes.set_title(f"{outside} of {len(points)} samples lie outside" if outside else "")
    axes.legend(loc="upper right", fontsize="small")
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])


def _enlarged(pixels: np.ndarray, least: int = _SMALLEST_TILE) -> np.ndarray:
    scale = -(-least // min(pixels.shape[1:3]))
    return pixels.repeat(scale, axis=1).repeat(scale, axis=2)


def _as_rgb(pixels: np.ndarray) -> np.ndarray:
    return pixels.repeat(3, axis=-1) if pixels.shape[-1] == 1 else pixels


def _padded(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    missing = [(0, 0), (0, height - pixels.shape[1]), (0, width - pixels.shape[2])]
    return np.pad(pixels, [*missing, (0, 0)], constant_values=255)


def _sheet(tiles: np.ndarray, columns: int) -> np.ndarray:
    """The tiles row by row, with white between them, ``[h w]`` or ``[h w 3]``."""
    count, height, width, channels = tiles.shape
    lines = -(-count // columns)
    shape = (lines * (height + 1) - 1, columns * (width + 1) - 1, channels)
    sheet = np.full(shape, 255, np.uint8)
    for i, tile in enumerate(tiles):
        y, x = i // columns * (height + 1), i % columns * (width + 1)
        sheet[y : y + height, x : x + width] = tile
    return sheet[..., 0] if channels == 1 else sheet
