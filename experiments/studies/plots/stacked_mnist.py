"""The pictures of `stacked_mnist` and `stacked_ablation`: curves and samples."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure


def picture(full: list[dict[str, Any]], modes: int) -> Figure:
    """Plots modes and KL against updates, and samples of the first seed."""
    figure = Figure(figsize=(12, 4.4), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=[1, 1, 1.5])
    for seed, run in enumerate(full):
        _curve(left, run, "modes", label=f"seed {seed}")
        _curve(middle, run, "kl", label=f"seed {seed}")
    left.axhline(modes, color="0.6", ls=":")
    left.set(xlabel="generator updates", ylabel=f"modes of {modes:,}")
    middle.axhline(0.3, color="0.6", ls=":")
    middle.set(xlabel="generator updates", ylabel="KL, nats", yscale="log")
    middle.legend()
    _samples(right, full[0]["shown"])
    right.set_title("samples of the first seed")
    figure.suptitle("StackedMNIST: relativistic pairing with R1 and R2")
    return figure


def of_ablation(ablation: dict[str, list[dict[str, Any]]], modes: int) -> Figure:
    """Plots each recipe's final KL and modes, and samples of its first run."""
    figure = Figure(figsize=(12, 7.6), layout="constrained")
    names = list(ablation)
    columns = -(-len(names) // 2)
    cells = [*names, *["."] * (2 * columns - len(names))]
    mosaic: list[Any] = [
        ["kl"] * columns + ["modes"] * columns,
        *([cell for cell in cells[i::2] for _ in range(2)] for i in range(2)),
    ]
    axes = figure.subplot_mosaic(mosaic, height_ratios=[1.2, 1, 1])
    failed = {"kl": float(np.log(modes)), "modes": 0.0}
    for of, at_worst in failed.items():
        _ends(axes[of], ablation, of, at_worst)
    axes["kl"].set_yticks(range(len(names)), names)
    axes["kl"].set(xlabel="KL at the end, nats (x: diverged)", xscale="log")
    axes["modes"].set_yticks(range(len(names)), [])
    axes["modes"].set(xlabel=f"modes of {modes:,} at the end")
    for name, runs in ablation.items():
        _samples(axes[name], runs[0]["shown"][:16])
        axes[name].set_title(name, fontsize=9)
    return figure


def _curve(axis: Any, run: dict[str, Any], of: str, label: str) -> None:
    steps = [point["step"] for point in run["curve"]]
    axis.plot(steps, [point[of] for point in run["curve"]], "o-", ms=3, label=label)


def _ends(axis: Any, ablation: dict[str, Any], of: str, at_worst: float) -> None:
    for row, runs in enumerate(ablation.values()):
        for run in runs:
            alive = run["diverged"] is None and run["curve"]
            value = run["curve"][-1][of] if alive else at_worst
            axis.plot(value, row, "o" if alive else "x", color=f"C{row}")
    axis.invert_yaxis()
    axis.grid(axis="x", alpha=0.3)


def _samples(axis: Any, shown: list[Any]) -> None:
    axis.set_axis_off()
    if not shown:
        return
    images = np.asarray(shown, np.uint8)
    side = int(len(images) ** 0.5)
    grid = images[: side * side].reshape(side, side, *images.shape[1:])
    columns = np.concatenate(list(grid), axis=1)
    axis.imshow(np.concatenate(list(columns), axis=1), interpolation="nearest")
