"""Sheets of samples, kept in a study's parts as text, and shown side by side."""

import base64
import io
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib.image
import numpy as np
from jaxtyping import UInt8
from matplotlib.figure import Figure

from jaxgan.report.pictures import grid


def packed(images: UInt8[np.ndarray, "n h w c"], columns: int) -> str:
    """Packs a sheet of images as a PNG in base64, so that a part's JSON stays small.

    Example:
        >>> text = packed(np.zeros((4, 8, 8, 1), np.uint8), columns=2)
        >>> unpacked(text).shape
        (65, 65)
    """
    return encoded(grid(images.astype(np.float32) / 127.5 - 1, columns))


def encoded(picture: Any) -> str:
    """Encodes a Pillow image as a PNG in base64."""
    content = io.BytesIO()
    picture.save(content, format="PNG")
    return base64.b64encode(content.getvalue()).decode()


def unpacked(text: str) -> np.ndarray:
    """Returns the sheet's pixels in [0, 1], ``[h w]`` or ``[h w c]``."""
    return matplotlib.image.imread(io.BytesIO(base64.b64decode(text)), format="png")


def table(
    rows: Sequence[Any], columns: Sequence[Any], entry: Callable[..., tuple[str, ...]]
) -> Figure:
    """Draws a table of sheets.

    Args:
        rows: what a row shows.
        columns: what a column shows.
        entry: gives the packed sheet, title and caption of a row and a column.
    """
    size = (3.2 * len(columns), 3.5 * len(rows))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(rows), len(columns), squeeze=False)
    for line, row in zip(axes, rows, strict=True):
        for axis, column in zip(line, columns, strict=True):
            sheet, title, caption = entry(row, column)
            axis.imshow(unpacked(sheet), cmap="gray", vmin=0, vmax=1)
            axis.set_title(title, fontsize=10)
            axis.set_xlabel(caption, fontsize=9)
            axis.set(xticks=[], yticks=[])
    return figure
