"""The bars of the study `parzen`, and a strip of samples over their neighbours."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

_KINDS = {
    "published": ("0.75", "published"),
    "no": ("tab:blue", "no model, measured here"),
    "ours": ("tab:red", "a GAN, measured here"),
}


class Bar(NamedTuple):
    """One bar with its interval; its kind is a key of the legend."""

    name: str
    value: float
    low: float
    high: float
    kind: str


def figure(
    bars: Sequence[Bar],
    strips: Mapping[str, tuple[np.ndarray, np.ndarray]],
    *,
    target: float,
) -> Figure:
    """Draws bars in order of value; below them each game's samples and neighbours."""
    picture = Figure(figsize=(9, 6.6 + 1.1 * len(strips)), layout="constrained")
    axes = picture.subplots(
        1 + len(strips), 1, height_ratios=(6.6, *(1.1 for _ in strips))
    )
    _bars(axes[0], sorted(bars, key=lambda bar: bar.value), target)
    for axis, (name, (shown, nearest)) in zip(axes[1:], strips.items(), strict=True):
        _strip(axis, name, shown, nearest)
    return picture


def _bars(axis: Any, bars: Sequence[Bar], target: float) -> None:
    values = np.array([bar.value for bar in bars])
    ends = np.array([[bar.low, bar.high] for bar in bars])
    error = np.abs(ends.T - values)
    colors = [_KINDS[bar.kind][0] for bar in bars]
    axis.barh(range(len(bars)), values, xerr=error, color=colors, capsize=3)
    axis.set_yticks(range(len(bars)), [bar.name for bar in bars])
    for row, bar in enumerate(bars):
        at = max(bar.high, 0) + 4
        axis.text(at, row, f"{bar.value:.0f}", va="center", fontsize=9)
    axis.axvline(target, color="black", linewidth=0.8, linestyle=":")
    axis.set_xlim(min(0, values.min() * 1.05), max(values.max(), target) * 1.12)
    axis.set_xlabel("Parzen-window log-likelihood of a test image, nats")
    axis.set_title("Nearness to the test images, by the protocol of 2014")
    patches = [Patch(color=color, label=label) for color, label in _KINDS.values()]
    axis.legend(handles=patches, loc="lower right", fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)


def _strip(axis: Any, name: str, shown: np.ndarray, nearest: np.ndarray) -> None:
    """Draws samples in the first row, training images in the second."""
    size = shown.shape[1]
    rows = [np.concatenate(list(images[..., 0]), axis=1) for images in (shown, nearest)]
    gap = np.zeros((size // 7, rows[0].shape[1]), np.uint8)
    sheet = np.concatenate([rows[0], gap, rows[1]])
    axis.imshow(255 - sheet, cmap="gray", vmin=0, vmax=255)
    axis.set_xticks([])
    axis.set_yticks(
        [size / 2, 1.5 * size + len(gap)],
        [f"{name}, first seed", "nearest in training"],
    )
    axis.tick_params(length=0)
    axis.spines[:].set_visible(False)
