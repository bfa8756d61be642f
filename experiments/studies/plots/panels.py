"""Panels of theory's curves, and of measurements: median and interval over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Theory:
    """A curve of theory."""

    label: str
    x: Any
    y: Any
    color: str
    style: str = "-"


@dataclass(frozen=True, eq=False)
class Measured:
    """Each seed's measurements at each x: points, or a line in a band.

    Attributes:
        label: for the legend; "" for none.
        x: the places of the measurements.
        values: one row per seed.
        color: that of the points or the line.
        joined: whether to draw a line in a band, instead of points with bars.
        style: that of the line.
    """

    label: str
    x: Any
    values: Float[np.ndarray, "seed x"]
    color: str
    joined: bool = False
    style: str = "-"


@dataclass(frozen=True)
class Panel:
    """One plot; a ``floor`` makes its vertical axis logarithmic, up to ``top``."""

    title: str
    x: str
    y: str
    series: Sequence[Theory | Measured]
    floor: float | None = None
    top: float | None = None


def figure(panels: Sequence[Panel], *, columns: int) -> Figure:
    """Draws all panels in a grid."""
    rows = -(-len(panels) // columns)
    picture = Figure(figsize=(4.0 * columns, 3.2 * rows), layout="constrained")
    axes = picture.subplots(rows, columns, squeeze=False).ravel()
    for axis, panel in zip(axes, panels, strict=False):
        axis.set_title(panel.title, fontsize=10)
        axis.set(xlabel=panel.x, ylabel=panel.y)
        for series in panel.series:
            _draw(axis, series)
        if panel.floor is not None:
            axis.set_yscale("log")
            axis.set_ylim(panel.floor, panel.top)
        axis.grid(color="0.93")
        axis.legend(fontsize=7, frameon=False)
    for axis in axes[len(panels) :]:
        axis.remove()
    return picture


def _draw(axis: Axes, series: Theory | Measured) -> None:
    label = series.label or None
    if isinstance(series, Theory):
        axis.plot(series.x, series.y, series.style, color=series.color, label=label)
        return
    low, middle, high = np.quantile(series.values, [0.025, 0.5, 0.975], axis=0)
    if series.joined:
        axis.plot(series.x, middle, series.style, color=series.color, label=label)
        axis.fill_between(series.x, low, high, color=series.color, alpha=0.15, lw=0)
        return
    axis.errorbar(
        series.x,
        middle,
        yerr=[middle - low, high - middle],
        fmt="o",
        markersize=4,
        elinewidth=1,
        color=series.color,
        label=label,
    )
