"""The picture of `experiments.studies.f_gan`: trained Gaussians over exact ones."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

_X = np.linspace(-4, 4, 400)


@dataclass(frozen=True, eq=False)
class Ends:
    """The ends of one divergence's affine generators.

    Attributes:
        name: the divergence's.
        exact: theory's minimisers (mean, std), best first.
        trained: those of the seeds that did not diverge.
        diverged: how many seeds did.
    """

    name: str
    exact: Float[np.ndarray, "m 2"]
    trained: Float[np.ndarray, "n 2"]
    diverged: int


def figure(panels: Sequence[Ends], density: Callable[[Any], Any]) -> Figure:
    """Draws a panel for each divergence, over the data's density on ``[n 1]``."""
    columns = min(4, len(panels))
    rows = -(-len(panels) // columns)
    size = (3 * columns, 2.2 * rows + 0.9)
    picture = Figure(figsize=size, layout="constrained")
    axes = picture.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
    data = np.asarray(density(_X[:, None]))
    for axis, ends in zip(axes.flat, panels, strict=False):
        axis.fill_between(_X, data, color="0.85", label="data")
        _draw(axis, ends)
        axis.set(title=ends.name.replace("_", " "), ylim=(0, 1), xlim=(-4, 4))
    for axis in axes.flat[len(panels) :]:
        axis.remove()
    for axis in axes[:, 0]:
        axis.set_ylabel("density")
    handles, labels = _legend(axes.flat)
    picture.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    picture.suptitle("One Gaussian trained by each f-GAN, beside the exact minimisers")
    return picture


def _draw(axis: Axes, ends: Ends) -> None:
    for i, (mean, std) in enumerate(ends.exact):
        label = ("exact minimiser, best", "exact, local")[min(i, 1)]
        style = ("-", "--")[min(i, 1)]
        curve = stats.norm.pdf(_X, mean, std)
        axis.plot(_X, curve, color="C3", ls=style, lw=3, alpha=0.6, label=label)
    # Drawn over the exact ones, which they may hit.
    for i, (mean, std) in enumerate(ends.trained):
        label = "trained, one seed each" if i == 0 else None
        curve = stats.norm.pdf(_X, mean, max(std, 1e-3))
        axis.plot(_X, curve, color="C0", alpha=0.35, lw=0.8, label=label)
    if ends.diverged:
        of = ends.diverged + len(ends.trained)
        text = f"{ends.diverged} of {of} seeds diverged"
        axis.text(0.03, 0.93, text, transform=axis.transAxes, fontsize=8, va="top")


def _legend(axes: Any) -> tuple[list[Any], list[str]]:
    """Returns every label once, whichever panel has it."""
    pairs: dict[str, Any] = {}
    for axis in axes:
        handles, labels = axis.get_legend_handles_labels()
        pairs.update(zip(labels, handles, strict=True))
    return list(pairs.values()), list(pairs)
