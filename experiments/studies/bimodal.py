"""A bimodal density on a line, and the Gaussians that are nearest to it.

The data is p = 0.6 N(-1.5, 0.5^2) + 0.4 N(1.5, 0.5^2). A Gaussian cannot be p: the one
nearest in an f-divergence spreads over both modes (covers) or sits on one (seeks).
"""

from typing import Any

import numpy as np
from scipy import optimize, stats

from jaxgan.divergences import Divergence
from jaxgan.theory import densities, optimal, quadrature, transport

MEANS, STD, WEIGHTS = (-1.5, 1.5), 0.5, (0.6, 0.4)
DESCRIPTION = "0.6 N(-1.5, 0.5²) + 0.4 N(1.5, 0.5²)"
# A generator covers if both sides of 0 have at least this share of its mass.
COVERS = 0.1
_NODES = quadrature.box([-16.0], [16.0], cells=640)
# Made here, outside any trace: values made in a trace must not be kept.
_TARGET = densities.mixture([[m] for m in MEANS], std=STD, weights=WEIGHTS)
_LOG_STD = (np.log(0.1), np.log(3.0))  # what the nodes resolve


def target() -> densities.GaussianMixture:
    """Returns the data's density."""
    return _TARGET


def exact(f: Divergence, mean: float, std: float) -> float:
    """Computes D_f(p || N(mean, std^2)) by quadrature."""
    q = densities.gaussian([mean], std=std)
    return optimal.divergence(f, target(), q, nodes=_NODES)


def minimisers(f: Divergence) -> np.ndarray:
    """Finds the local minimisers of D_f over (mean, std), best first, and their values.

    Descents start from p's own mean and standard deviation, and from each mode's.

    Returns:
        Rows (mean, std, D_f), shape [m 3].
    """

    def loss(v):
        return exact(f, v[0], float(np.exp(np.clip(v[1], *_LOG_STD))))

    found = []
    for mean, std in [(-0.3, 1.55), *((m, STD) for m in MEANS)]:
        start = [mean, np.log(std)]
        options = {"xatol": 1e-3, "fatol": 1e-6}
        end = optimize.minimize(loss, start, method="Nelder-Mead", options=options)
        row = np.array([end.x[0], np.exp(end.x[1]), end.fun])
        if all(np.abs(row - other).max() > 0.02 for other in found):
            found.append(row)
    return np.array(sorted(found, key=lambda row: row[2]))


def lesser_side(mean: Any, std: Any) -> np.ndarray:
    """Returns the mass of N(mean, std^2) on that side of 0 where it has less."""
    return stats.norm.cdf(-np.abs(mean) / np.maximum(std, 1e-9))


def earth_mover(cloud: Any) -> float:
    """Returns the exact Earth Mover's distance of points ``[n]`` to p; inf for NaN."""
    if not np.isfinite(cloud).all():
        return float("inf")
    p = np.exp(np.asarray(target().log_density(_NODES.points), np.float64))
    return transport.wasserstein_1d(
        cloud, _NODES.points[:, 0], y_weights=_NODES.weights * p
    )
