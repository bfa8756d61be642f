"""The picture of `experiments.studies.two_sample`: power over numbers of examples."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy import stats

_COLORS = ("C0", "C1", "C2")
_STYLES = ("-", "--")
_MARKERS = ("o", "s")


@dataclass(frozen=True, eq=False)
class Curve:
    """The numbers of tests rejected for one pair of distributions.

    Attributes:
        title: what is compared; curves of one title share a panel.
        space: the space in which the examples lie.
        counts: by test, at each size.
    """

    title: str
    space: str
    counts: dict[str, list[int]]


def interval(count: int, of: int) -> tuple[float, float]:
    """Returns the Clopper-Pearson interval, at 95 %."""
    found: Any = stats.binomtest(count, of).proportion_ci(0.95, method="exact")
    return float(found.low), float(found.high)


def figure(
    curves: Sequence[Curve], sizes: Sequence[int], of: int, level: float
) -> Figure:
    """Draws one panel for each title.

    Args:
        curves: the findings.
        sizes: examples in each of the two sets.
        of: tests at each size.
        level: the tests' level, drawn as a line.
    """
    titles = list(dict.fromkeys(curve.title for curve in curves))
    rows = -(-len(titles) // 3)
    picture = Figure(figsize=(12, 3.1 * rows + 0.6), layout="constrained")
    axes = picture.subplots(rows, 3, squeeze=False, sharex=True, sharey=True).ravel()
    for axis, title in zip(axes, titles, strict=False):
        inside = [curve for curve in curves if curve.title == title]
        for number, curve in enumerate(inside):
            _draw(axis, curve, number, sizes, of)
        axis.axhline(level, color="0.3", lw=1, ls=":")
        axis.set_title(title, fontsize=10)
        axis.set_xscale("log")
        axis.set_xticks(sizes, [str(size) for size in sizes])
        axis.minorticks_off()
        axis.set_ylim(-0.03, 1.03)
        axis.grid(color="0.93")
    for axis in axes[len(titles) :]:
        axis.remove()
    for axis in axes[max(0, len(titles) - 3) : len(titles)]:
        axis.set_xlabel("examples in each of the two sets")
    _legend(picture, curves)
    picture.supylabel(f"share of {of} tests rejected", fontsize=10)
    picture.suptitle(f"Rejections at the level {level:g} (dotted), intervals of 95 %")
    return picture


def _draw(axis: Axes, curve: Curve, number: int, sizes: Sequence[int], of: int) -> None:
    for i, counts in enumerate(curve.counts.values()):
        share = np.array(counts) / of
        low, high = np.array([interval(count, of) for count in counts]).T
        # Moved a little, so that no interval hides another.
        place = np.array(sizes) * 1.03 ** (2 * i + number - 2)
        axis.errorbar(
            place,
            share,
            yerr=np.maximum([share - low, high - share], 0),
            fmt=_MARKERS[number] + _STYLES[number],
            color=_COLORS[i],
            ms=3,
            lw=1.1,
            elinewidth=0.8,
        )


def _legend(picture: Figure, curves: Sequence[Curve]) -> None:
    """Draws a legend: colours are tests, and styles a panel's spaces."""
    first = [curve.space for curve in curves if curve.title == curves[0].title]
    tests = zip(curves[0].counts, _COLORS, strict=True)
    lines = [Line2D([], [], color=color, label=name) for name, color in tests]
    for space, style, marker in zip(first, _STYLES, _MARKERS, strict=False):
        line = Line2D([], [], color="0.3", ls=style, marker=marker, ms=3, label=space)
        lines.append(line)
    picture.legend(handles=lines, loc="outside lower center", ncols=5, frameon=False)
