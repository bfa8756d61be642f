"""Figure 1 of the 2014 paper, drawn from a trained game: a strip and an animation."""

import io
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

_LEFT, _RIGHT = -2.6, 2.6


@dataclass(frozen=True, eq=False)
class Moment:
    """The game after some updates.

    Attributes:
        update: the number of updates.
        model: the generator's density at each x.
        judged: D at each x.
        mapped: where the generator maps each z.
        best: D trained to its best against this generator, at each x; or None.
    """

    update: int
    model: Float[np.ndarray, " x"]
    judged: Float[np.ndarray, " x"]
    mapped: Float[np.ndarray, " z"]
    best: Float[np.ndarray, " x"] | None = None


@dataclass(frozen=True, eq=False)
class Stage:
    """The parts that stay the same.

    Attributes:
        x: the points where the densities are known.
        data: the data's density there.
        z: the latents whose mapping is drawn.
    """

    x: Float[np.ndarray, " x"]
    data: Float[np.ndarray, " x"]
    z: Float[np.ndarray, " z"]


def strip(stage: Stage, moments: list[Moment]) -> Figure:
    """Draws a panel for each moment, side by side, with the trained D of each."""
    picture = Figure(figsize=(2.6 * len(moments), 3.1), layout="constrained")
    for panel, moment in zip(_panels(picture, len(moments)), moments, strict=True):
        _draw(panel, stage, moment)
    lines, labels = picture.axes[0].get_legend_handles_labels()
    picture.legend(
        lines, labels, loc="outside lower center", ncols=5, frameon=False, fontsize=9
    )
    return picture


def animation(stage: Stage, moments: list[Moment]) -> bytes:
    """Draws the same as a GIF, a frame for each moment; the last stays."""
    frames = [_frame(stage, moment) for moment in moments]
    file = io.BytesIO()
    frames[0].save(
        file,
        format="GIF",
        save_all=True,
        append_images=frames[1:],
        duration=[120] * (len(frames) - 1) + [3000],
        loop=0,
    )
    return file.getvalue()


def _frame(stage: Stage, moment: Moment) -> Image.Image:
    picture = Figure(figsize=(4.8, 3.9), layout="constrained", dpi=100)
    canvas = FigureCanvasAgg(picture)
    (panel,) = _panels(picture, 1)
    _draw(panel, stage, moment)
    panel[0].legend(loc="upper left", fontsize=7, frameon=False)
    canvas.draw()
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    return image.quantize(48)


def _panels(picture: Figure, count: int) -> list[tuple[Axes, Axes]]:
    axes = picture.subplots(
        2, count, squeeze=False, sharex=True, sharey="row", height_ratios=(4, 1)
    )
    return list(zip(axes[0], axes[1], strict=True))


def _draw(panel: tuple[Axes, Axes], stage: Stage, moment: Moment) -> None:
    above, below = panel
    above.set_title(f"update {moment.update:,}", fontsize=10)
    above.plot(stage.x, stage.data, ":", color="black", linewidth=2, label="data p")
    above.plot(stage.x, moment.model, color="tab:green", label="generator $p_g$")
    above.plot(stage.x, moment.judged, "--", color="tab:blue", label="D")
    if moment.best is not None:
        optimum = stage.data / np.maximum(stage.data + moment.model, 1e-30)
        seen = stage.data + moment.model > 1e-3
        above.plot(
            stage.x,
            np.where(seen, optimum, np.nan),
            color="tab:orange",
            linewidth=3,
            alpha=0.4,
            label="$D^* = p / (p + p_g)$",
        )
        above.plot(
            stage.x, moment.best, color="tab:red", linewidth=0.8, label="D, trained on"
        )
    above.axhline(0.5, color="0.85", linewidth=0.8, zorder=0)
    above.set(xlim=(_LEFT, _RIGHT), ylim=(0, 1.15))
    for z, x in zip(stage.z, moment.mapped, strict=True):
        below.annotate(
            "",
            xy=(np.clip(x, _LEFT, _RIGHT), 1),
            xytext=(z, 0),
            arrowprops={"arrowstyle": "->", "color": "0.35", "linewidth": 0.5},
        )
    below.axhline(0, color="black", linewidth=1)
    below.axhline(1, color="black", linewidth=1)
    below.set(ylim=(-0.05, 1.05), xlabel="x (upper line), z (lower line)")
    below.set_yticks([])
