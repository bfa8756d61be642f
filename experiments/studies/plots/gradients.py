"""The panels of the study `gradients`: curves of theory, measured points on them."""

from typing import Any

import numpy as np

from experiments.studies import lines
from experiments.studies import lines_theory as theory
from experiments.studies.plots.panels import Measured, Panel, Theory

_FINE = np.linspace(0, 1.1, 45)
_SHOWN = 3  # the theta whose gradients are followed in time: 0.5
_GREY, _BLUE, _RED, _GREEN = "0.5", "tab:blue", "tab:red", "tab:green"


def all_panels(
    told: Any,
    thetas: np.ndarray,
    sigmas: np.ndarray,
    gan: Any,
    critic: Any,
    moved: Any,
    *,
    steps: int,
) -> list[Panel]:
    """Returns two panels for each part of the claim, from the study's findings."""
    return [
        saturation(told),
        disjoint(thetas, gan, critic),
        in_time(gan, critic),
        smoothed(thetas, sigmas, gan),
        slopes(thetas, sigmas, gan),
        moves(moved, steps),
    ]


def saturation(told: Any) -> Panel:
    """Returns the panel of the gradient in the logit."""
    series = []
    for (name, found), color in zip(told.items(), (_BLUE, _RED), strict=True):
        series.append(Theory(name, found["D"], found["closed"], color))
        series.append(
            Measured("", found["D"][::2], found["g_step"][None, ::2], color),
        )
    what = "|gradient| by the logit"
    return Panel("(a) what each loss tells the generator", "D(G(z))", what, series)


def disjoint(thetas: np.ndarray, gan: Any, critic: Any) -> Panel:
    """Returns the panel of the lines' divergences, exact and by trained networks."""
    series = [
        Theory("JSD = log 2", [0, 1.1], [np.log(2)] * 2, _BLUE),
        Measured("by a trained D", thetas, gan["jsd"][0, :, :, -1].T, _BLUE),
        Theory("W1", _FINE, _FINE, _RED),
        Theory("optimum of WGAN-GP", _FINE, theory.critic_value(_FINE), _RED, ":"),
        Measured("by a trained critic", thetas, critic["w"][0, :, :, -1].T, _RED),
    ]
    return Panel("(b) two parallel lines", "distance", "divergence", series)


def in_time(gan: Any, critic: Any) -> Panel:
    """Returns the panel of the gradient that fades while D learns."""
    updates = 100 * np.arange(1, gan["jsd"].shape[-1] + 1)
    series = [
        Measured(name, updates, abs(found[name][0, _SHOWN]), color, joined=True)
        for name, found, color in (
            ("minimax", gan, _BLUE),
            ("non-saturating", gan, _RED),
            ("Wasserstein", critic, _GREEN),
        )
    ]
    what = "|gradient| by the distance"
    return Panel("(b) at distance 0.5", "updates of D", what, series, floor=1e-5)


def smoothed(thetas: np.ndarray, sigmas: np.ndarray, gan: Any) -> Panel:
    """Returns the panel of the lines' divergence after noise."""
    series = []
    for s, color in _by_noise(sigmas):
        jsd = [theory.noisy_jsd(theta, sigmas[s]) for theta in _FINE[1:]]
        series.append(Theory(f"noise {sigmas[s]:g}", _FINE[1:], jsd, color))
        series.append(Measured("", thetas, gan["jsd"][s, :, :, -1].T, color))
    return Panel("(c) with instance noise", "distance", "JSD in nats", series)


def slopes(thetas: np.ndarray, sigmas: np.ndarray, gan: Any) -> Panel:
    """Returns the panel of the minimax generator's gradient after noise."""
    series = []
    for s, color in _by_noise(sigmas):
        slope = [theory.noisy_gradient(theta, sigmas[s]) for theta in _FINE]
        series.append(Theory(f"noise {sigmas[s]:g}", _FINE, slope, color))
        found = gan["minimax"][s, 1:, :, -1].T
        series.append(Measured("", thetas[1:], found, color))
    what = "gradient by the distance"
    return Panel("(c) what minimax is told", "distance", what, series)


def moves(moved: Any, steps: int) -> Panel:
    """Returns the panel of lines that learn."""
    times = steps / 20 * np.arange(1, 21)
    series = [
        Measured(f"{name}, {noise}", times, values, color, joined=True, style=style)
        for (name, found), style in zip(moved.items(), ("-", ":"), strict=True)
        for noise, values, color in zip(
            lines.NOISES, found, (_GREY, _RED, _GREEN), strict=True
        )
    ]
    title, x = "(c) a line that learns", "updates of G"
    return Panel(title, x, "distance", series, floor=1e-4, top=200.0)  # for the legend


def _by_noise(sigmas: np.ndarray) -> list[tuple[int, str]]:
    return list(zip(range(len(sigmas)), (_GREY, _BLUE, _GREEN, _RED), strict=True))
