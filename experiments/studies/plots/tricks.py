"""The picture of `experiments.studies.tricks`: a forest of paired differences."""

from dataclasses import dataclass

from matplotlib.figure import Figure

HELPS, HURTS, NONE = "helps", "hurts", "no difference"
_COLORS = {HELPS: "C2", HURTS: "C3", NONE: "0.5"}


@dataclass(frozen=True)
class Gain:
    """A median paired difference, positive where better, and its interval.

    Example:
        >>> gain = Gain(0.5, 0.25, 1.0)
        >>> print(gain, gain.verdict)
        +0.5 [+0.25, +1] helps
    """

    median: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """The verdict by the side of 0 on which the interval lies."""
        return HELPS if self.low > 0 else HURTS if self.high < 0 else NONE

    def __str__(self) -> str:
        return f"{self.median:+.2g} [{self.low:+.2g}, {self.high:+.2g}]"


def figure(gains: dict[str, dict[str, Gain]]) -> Figure:
    """Draws one panel for each measure, one row for each trick.

    Args:
        gains: by measure, then by trick.
    """
    tricks = list(dict.fromkeys(name for column in gains.values() for name in column))
    size = (3.4 + 2.3 * len(gains), 1.3 + 0.36 * len(tricks))
    picture = Figure(figsize=size, layout="constrained")
    axes = picture.subplots(1, len(gains), squeeze=False, sharey=True)[0]
    for axis, (measure, column) in zip(axes, gains.items(), strict=True):
        for trick, gain in column.items():
            row, color = tricks.index(trick), _COLORS[gain.verdict]
            axis.plot([gain.low, gain.high], [row, row], color=color, lw=2)
            axis.plot(gain.median, row, "o", color=color, ms=5)
        axis.axvline(0, color="0.3", lw=0.8)
        axis.set_title(measure, fontsize=9)
        axis.tick_params(labelsize=8)
        axis.locator_params(axis="x", nbins=4)
        axis.margins(x=0.12)
        axis.grid(axis="x", color="0.93")
        axis.set_axisbelow(True)
    axes[0].set_yticks(range(len(tricks)), tricks)
    axes[0].set_ylim(len(tricks) - 0.5, -0.5)
    picture.supxlabel("gain of the tip: right is better", fontsize=9)
    picture.suptitle(
        "The tips one at a time: median paired difference over seeds, 95 % interval\n"
        "green helps, red hurts, gray cannot be told",
        fontsize=10,
    )
    return picture
