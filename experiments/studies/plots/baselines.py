"""The picture of the study `baselines`: samples side by side, and two judges."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

_COLUMNS = 8
_COLORS = ("0.5", "C0", "C9", "C2", "C4", "C1", "C3")


def figure(
    shown: Mapping[str, np.ndarray],
    parzen: Mapping[str, Sequence[float]],
    kernel: Mapping[str, Sequence[float]],
) -> Figure:
    """Draws each model's samples ``[n h w c]``, then seeds' scores by two judges."""
    columns = -(-(len(shown) + 1) // 2)
    picture = Figure(figsize=(3.2 * columns, 5.0), layout="constrained")
    axes = picture.subplots(2, columns).ravel()
    for axis, (name, images) in zip(axes, shown.items(), strict=False):
        axis.imshow(_sheet(images), cmap="gray", vmin=0, vmax=255)
        axis.set_title(name, fontsize=10)
        axis.set_axis_off()
    for axis in axes[len(shown) : -1]:
        axis.remove()
    _verdicts(axes[-1], parzen, kernel)
    return picture


def _sheet(images: np.ndarray) -> np.ndarray:
    """Arranges images in rows of eight, dark on light, with room between them."""
    gap = max(images.shape[1] // 14, 1)
    framed = np.pad(images[..., 0], ((0, 0), (gap, gap), (gap, gap)))
    rows = framed.reshape(-1, _COLUMNS, *framed.shape[1:])
    return 255 - np.concatenate([np.concatenate(list(row), axis=1) for row in rows])


def _verdicts(axis: Any, parzen: Mapping, kernel: Mapping) -> None:
    for color, name in zip(_COLORS, parzen, strict=True):
        axis.plot(kernel[name], parzen[name], "o", color=color, label=name, ms=5)
    axis.set_xscale("symlog", linthresh=1)
    axis.set(xlabel="kernel distance x 1000, of features", ylabel="Parzen, nats")
    axis.set_title("two judges, all seeds", fontsize=10)
    axis.grid(color="0.93")
    axis.legend(fontsize=6, frameon=False)
