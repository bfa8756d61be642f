"""Theory on known densities: optimal players, divergences and distances, exactly."""

from jaxgan.theory import (
    densities,
    fit,
    games,
    optimal,
    quadrature,
    tabulated,
    transport,
)

__all__ = [
    "densities",
    "fit",
    "games",
    "optimal",
    "quadrature",
    "tabulated",
    "transport",
]
