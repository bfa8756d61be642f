"""Paths over the streams of a game's field, and eigenvalues beside the unit circle."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

SIDE = np.linspace(-2, 2, 15)
"""The points of each axis at which a field is drawn."""


@dataclass(frozen=True, eq=False)
class Play:
    """One update on one game.

    Attributes:
        path: the points (g, d) after each step.
        field: the game's field at (SIDE[j], SIDE[i]).
        roots: the eigenvalues of the update's linearisation.
    """

    path: Float[np.ndarray, "t 2"]
    field: Float[np.ndarray, "15 15 2"]
    roots: Complex[np.ndarray, " n"]


def figure(plays: dict[str, dict[str, Play]]) -> Figure:
    """Draws a row of paths for each game, a column for each update; below, eigenvalues.

    Args:
        plays: by the game's name and the update's.
    """
    updates = list(next(iter(plays.values())))
    picture = Figure(figsize=(1.75 * len(updates), 5.6), layout="constrained")
    axes = picture.subplots(len(plays) + 1, len(updates), sharex="row", sharey="row")
    for (name, by_update), row in zip(plays.items(), axes[:-1], strict=True):
        row[0].set_ylabel(f"{name}\ndiscriminator")
        row[len(updates) // 2].set_xlabel("generator")
        for panel, play in zip(row, by_update.values(), strict=True):
            _path(panel, play)
    for column, update in zip(axes.T, updates, strict=True):
        column[0].set_title(update, fontsize=10)
        _roots(column[-1], {name: plays[name][update].roots for name in plays})
    axes[-1, 0].set_ylabel("eigenvalues of the update\nimaginary", fontsize=9)
    axes[-1, len(updates) // 2].set_xlabel("real")
    axes[-1, 0].legend(loc="lower left", fontsize=7, frameon=False)
    picture.suptitle(
        "60 updates from (1, 0), light to dark, over the game's field; below, each "
        "update's eigenvalues beside the unit circle",
        fontsize=11,
    )
    return picture


def _path(panel: Axes, play: Play) -> None:
    u, v = np.moveaxis(play.field, -1, 0)
    panel.streamplot(
        SIDE, SIDE, u, v, color="0.87", linewidth=0.6, arrowsize=0.5, density=0.6
    )
    x, y = play.path.T
    panel.plot(x, y, color="0.6", linewidth=0.5)
    panel.scatter(x, y, c=np.arange(len(x)), cmap="viridis_r", s=6, zorder=3)
    panel.plot(0, 0, "+", color="crimson", markersize=9, zorder=4)
    panel.set(xlim=(-2, 2), ylim=(-2, 2), aspect="equal")


def _roots(panel: Axes, by_game: dict[str, np.ndarray]) -> None:
    angle = np.linspace(0, 2 * np.pi, 400)
    panel.plot(np.cos(angle), np.sin(angle), color="0.6", linewidth=0.8)
    for (name, roots), marker in zip(by_game.items(), "os^v", strict=False):
        panel.plot(
            np.real(roots), np.imag(roots), marker, markersize=4, label=name, alpha=0.8
        )
    panel.set(xlim=(-0.2, 1.3), ylim=(-0.75, 0.75), aspect="equal")
