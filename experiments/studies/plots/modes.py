"""The picture of `modes`: samples of the first seed, and what all seeds cover."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments.studies.points import Target


def picture(targets: list[Target], found: dict[str, Any]) -> Figure:
    """Draws, for each target, all recipes' first seeds, then all seeds' mode counts."""
    size = (14, 3.7 * len(targets) + 0.4)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(len(targets), 4, squeeze=False)
    for row, target in zip(axes, targets, strict=True):
        entries = found[target.name]
        for axis, (name, scores) in zip(row, entries.items(), strict=False):
            _scatter(axis, target, scores)
            axis.set_title(name, fontsize=10)
        _histogram(row[3], target, entries)
    figure.suptitle("Samples of the first seed, and what all seeds cover")
    return figure


def _scatter(axis: Any, target: Target, scores: dict[str, np.ndarray]) -> None:
    x, y = scores["shown"].T
    centres = np.asarray(target.density.means)
    axis.plot(*centres.T, "o", mfc="none", mec="C3", ms=11, mew=0.8)
    axis.plot(x, y, ".", color="C0", ms=1.5)
    limit = 1.2 * np.abs(centres).max()
    axis.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal")
    axis.set_xlabel(
        f"{scores['modes'][0]:.0f} modes, {scores['quality'][0]:.1%} of high quality"
    )
    axis.tick_params(labelsize=8)


def _histogram(axis: Any, target: Target, entries: dict[str, Any]) -> None:
    edges = np.arange(-0.5, target.modes + 1)
    for color, (name, scores) in zip(("C0", "C2", "C1"), entries.items(), strict=True):
        weights = np.full(len(scores["modes"]), 1 / len(scores["modes"]))
        axis.hist(
            scores["modes"], edges, weights=weights, alpha=0.6, color=color, label=name
        )
    axis.set(xlabel=f"modes covered, of {target.modes}", ylabel="share of seeds")
    axis.set_ylim(0, 1.05)
    axis.legend(fontsize=8, loc="upper left")
