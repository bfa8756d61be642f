"""Distances of two parallel lines, by closed forms and quadrature."""

from typing import Any

import numpy as np

from experiments.studies.lines import WEIGHT
from jaxgan import divergences
from jaxgan.theory import densities, optimal, transport


def distances(theta: float) -> dict[str, float]:
    """Computes JSD and KL of the lines, as thin strips, and W1 of their points."""
    z = np.linspace(0, 1, 64)
    line, other = (np.stack([np.full(64, x), z], axis=1) for x in (0.0, theta))
    half = theta / 16
    p, q = (densities.uniform([x - half, 0.0], [x + half, 1.0]) for x in (0.0, theta))
    return {
        "jsd": optimal.divergence(divergences.jensen_shannon, p, q),
        "kl": optimal.divergence(divergences.kl, p, q),
        "w": transport.earth_mover(line, other).distance,
    }


def noisy_jsd(theta: float, sigma: float) -> float:
    """Computes the lines' JSD after noise: of N(0, sigma^2) and N(theta, sigma^2)."""
    if sigma == 0 or theta == 0:
        return float(np.log(2) * (theta != 0))
    p, q = (densities.gaussian([x], std=sigma) for x in (0.0, theta))
    return optimal.divergence(divergences.jensen_shannon, p, q)


def noisy_gradient(theta: float, sigma: float, *, step: float = 1e-3) -> float:
    """Computes the minimax generator's gradient with respect to theta, for a fixed D*.

    By the envelope theorem the change of the best discriminator does not contribute:
    this is the derivative of 2 JSD, here by central differences.
    """
    if theta == 0:
        return 0.0
    ahead, behind = (noisy_jsd(theta + s, sigma) for s in (step, -step))
    return (ahead - behind) / step


def critic_value(theta: Any) -> Any:
    """Returns the value of WGAN-GP's best critic: slope 1 + theta/(2 weight), not 1.

    A slope ``a`` gains ``a theta`` and costs ``weight (a - 1)^2``.
    """
    return theta * (1 + theta / (2 * WEIGHT))
