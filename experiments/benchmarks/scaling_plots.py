"""The plots of `scaling`, from its numbers alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

LABELS = {
    "batch": "examples of a batch",
    "width": "width",
    "resolution": "pixels a side",
    "devices": "devices",
    "population": "members",
}


def figure(axis: str, curves: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Plots time and GFLOP/s of each curve; for a population, time and speed-up."""
    picture = Figure(figsize=(9.0, 3.6), layout="constrained")
    left, right = picture.subplots(1, 2)
    for color, (name, curve) in enumerate(curves.items()):
        points = [line for line in curve["points"] if "failure" not in line]
        if not points:
            continue
        _times(left, f"C{color}", name, points)
        if axis == "population":
            _speedups(right, f"C{color}", name, curve)
        else:
            at, speeds = zip(*((p["value"], p["gflops"]) for p in points), strict=True)
            right.plot(at, speeds, "o-", color=f"C{color}", label=name, ms=4)
    left.set(ylabel="ms a step (median, lowest, highest)")
    if axis == "devices":
        left.set_ylim(bottom=0)
    else:
        left.set_yscale("log")
    if axis == "population":
        right.axhline(1, color="0.6", lw=0.8)
        right.set(ylabel="speed-up over the members in turn")
    else:
        right.set(ylabel="GFLOP/s")
    right.set_ylim(bottom=0)
    for panel in (left, right):
        _dress(panel, axis, curves)
    return picture


def _times(panel: Axes, color: str, name: str, points: Sequence[Any]) -> None:
    spreads = [line["ms_per_step"] for line in points]
    middle = [s["median"] for s in spreads]
    below = [s["median"] - s["low"] for s in spreads]
    above = [s["high"] - s["median"] for s in spreads]
    at = [line["value"] for line in points]
    how = {"color": color, "label": name, "ms": 4, "capsize": 2}
    panel.errorbar(at, middle, [below, above], fmt="o-", **how)


def _speedups(panel: Axes, color: str, name: str, curve: Mapping[str, Any]) -> None:
    if not curve["speedups"]:
        return
    sizes, gains = zip(*curve["speedups"], strict=True)
    cross = curve["crossover"]
    label = name if cross is None else f"{name}: pays up to {cross:.3g}"
    panel.plot(sizes, gains, "o-", color=color, label=label, ms=4)
    if cross is not None:
        panel.plot([cross], [1], "x", color=color, ms=8)


def _dress(panel: Axes, axis: str, curves: Mapping[str, Mapping[str, Any]]) -> None:
    ticks = sorted({p["value"] for curve in curves.values() for p in curve["points"]})
    panel.set_xscale("log")
    panel.set_xticks(ticks, [str(tick) for tick in ticks], fontsize=8)
    if panel.get_yscale() == "log":
        panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.yaxis.set_major_formatter("{x:g}")
    panel.minorticks_off()
    panel.set_xlabel(LABELS[axis])
    panel.grid(color="0.93")
    if panel.get_legend_handles_labels()[0]:
        panel.legend(fontsize=7, frameon=False)
