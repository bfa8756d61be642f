"""The picture of `stacked_mnist`: curves, the ablation, and samples."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure


def picture(
    full: list[dict[str, Any]], ablation: dict[str, list[dict[str, Any]]], modes: int
) -> Figure:
    """Modes and KL against updates, KL of the ablation, samples of the first seed."""
    figure = Figure(figsize=(12, 7.6 if ablation else 4.4), layout="constrained")
    rows: list[Any] = [["modes", "kl", "samples"]]
    if ablation:
        rows.append(["ablation", "ablation", "samples"])
    axes = figure.subplot_mosaic(rows, width_ratios=[1, 1, 1.5])
    for seed, run in enumerate(full):
        steps = [point["step"] for point in run["curve"]]
        for of in ("modes", "kl"):
            values = [point[of] for point in run["curve"]]
            axes[of].plot(steps, values, "o-", ms=3, label=f"seed {seed}")
    axes["modes"].axhline(modes, color="0.6", ls=":")
    axes["modes"].set(xlabel="generator updates", ylabel=f"modes of {modes:,}")
    axes["kl"].axhline(0.3, color="0.6", ls=":")
    axes["kl"].set(xlabel="generator updates", ylabel="KL, nats", yscale="log")
    axes["kl"].legend()
    if ablation:
        _bars(axes["ablation"], ablation)
    _samples(axes["samples"], full[0]["shown"])
    figure.suptitle("StackedMNIST: relativistic pairing with R1 and R2")
    return figure


def _bars(axis: Any, ablation: dict[str, list[dict[str, Any]]]) -> None:
    for row, runs in enumerate(ablation.values()):
        for run in runs:
            steps = [point["kl"] for point in run["curve"]]
            alive = run["diverged"] is None and steps
            axis.plot(
                steps[-1] if alive else np.log(1000),
                row,
                "o" if alive else "x",
                color=f"C{row}",
            )
    axis.set_yticks(range(len(ablation)), list(ablation))
    axis.invert_yaxis()
    axis.grid(axis="x", alpha=0.3)
    axis.set(xlabel="KL at the end of the short runs, nats (x: diverged)", xscale="log")


def _samples(axis: Any, shown: list[Any]) -> None:
    axis.set_axis_off()
    if not shown:
        return
    images = np.asarray(shown, np.uint8)
    side = int(len(images) ** 0.5)
    grid = images[: side * side].reshape(side, side, *images.shape[1:])
    height, width = images.shape[1:3]
    grid = grid.transpose(0, 2, 1, 3, 4).reshape(side * height, side * width, 3)
    axis.imshow(grid, interpolation="nearest")
    axis.set_title("samples of seed 0")
