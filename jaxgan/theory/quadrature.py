"""Integrals over known densities: Gauss-Legendre nodes, in float64.

The densities are evaluated by JAX with 64-bit arrays enabled and summed by NumPy, so
the parameters' own rounding is the only float32 in a result. The nodes cover the
densities' extent, or the user's box; mass that they miss is an error, not a smaller
integral.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxgan.theory.densities import Density

_ORDER = 4  # nodes per cell and axis
_PER_SCALE = {1: 8, 2: 1}  # cells per length over which the density changes
_MIN_CELLS = 64  # per axis
_MAX_NODES = 4_000_000
_BLOCK = (
    1 << 14
)  # rows evaluated at once, always the same number, so that a function compiles once


@dataclass(frozen=True, eq=False)
class Nodes:
    """Points and weights: sum_i weights_i f(points_i) is roughly the integral of f."""

    points: Float[np.ndarray, "n d"]
    weights: Float[np.ndarray, " n"]


def box(low: Sequence[float], high: Sequence[float], *, cells: int) -> Nodes:
    """Makes nodes in a box of one or two dimensions.

    Args:
        low: the lower corner, shape [d].
        high: the upper corner.
        cells: number of cells along each axis; each holds 4 Gauss-Legendre nodes, so
            polynomials of degree 7 are integrated exactly. Cells as wide as a standard
            deviation integrate a Gaussian to 1e-7.

    Example:
        >>> nodes = box([0.0], [3.0], cells=1)
        >>> print(round((nodes.weights * nodes.points[:, 0] ** 2).sum(), 6))
        9.0
    """
    sides = zip(low, high, strict=True)
    return _product([np.linspace(a, b, cells + 1) for a, b in sides])


def cover(*densities: Density) -> Nodes:
    """Makes nodes that resolve every given density, with cells that end at its edges.

    The cells are narrow only along the parts of an axis that have a narrow component.

    Raises:
        ValueError: in more than two dimensions, if the densities' dimensions differ, or
            if it takes more than four million nodes.
    """
    extents = [density.extent() for density in densities]
    dimensions = {extent.low.shape[1] for extent in extents}
    if len(dimensions) != 1 or not dimensions <= {1, 2}:
        raise ValueError(
            "Quadrature needs densities of one dimension, 1 or 2, got "
            f"{sorted(dimensions)}."
        )
    (d,) = dimensions
    low, high, scale = (np.concatenate(parts) for parts in zip(*extents, strict=True))
    edges = [_cells(low[:, i], high[:, i], scale / _PER_SCALE[d]) for i in range(d)]
    total = math.prod(_ORDER * (len(e) - 1) for e in edges)
    if total > _MAX_NODES:
        raise ValueError(
            f"Resolving these densities, whose narrowest scale is {scale.min():.2g}, "
            f"takes {total} nodes, more than {_MAX_NODES}. Give "
            "nodes=quadrature.box(low, high, cells=...) for the part that matters."
        )
    return _product(edges)


def evaluate(
    function: Callable[[Any], Any], x: Float[np.ndarray, "n ..."]
) -> Float[np.ndarray, " n"]:
    """Evaluates a function [n ...] -> [n] of rows, by JAX in float64, block by block.

    Args:
        function: a JAX function of each row by itself; faster if compiled.
        x: one row or more.
    """
    padding = np.repeat(x[:1], -len(x) % _BLOCK, axis=0)
    blocks = np.concatenate([x, padding]).reshape(-1, _BLOCK, *x.shape[1:])
    with jax.enable_x64(True):
        values = [np.asarray(function(jnp.asarray(b)), np.float64) for b in blocks]
    return np.concatenate(values)[: len(x)]


def log_density(
    density: Density, nodes: Nodes, *, tolerance: float, name: str
) -> Float[np.ndarray, " n"]:
    """Computes a density's log at every node, and checks that its mass there is 1.

    Raises:
        ValueError: if the mass differs from 1 by more than the tolerance.
    """
    values = evaluate(density.log_density, nodes.points)
    mass = float((nodes.weights * np.exp(values)).sum())
    if not abs(mass - 1) <= tolerance:
        what = f"{1 - mass:.2g} is missing" if mass < 1 else f"{mass - 1:.2g} too much"
        raise ValueError(
            f"{name} has mass {mass:.6g} on the nodes, {what}; expected 1 within "
            f"{tolerance:g}. Give nodes that reach further or lie closer: "
            "quadrature.box(low, high, cells=...)."
        )
    return values


def _cells(low: np.ndarray, high: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Returns the edges of cells on an axis, as narrow as their finest box requires."""
    sides = np.unique(np.concatenate([low, high]))
    # Sides that differ by the rounding of float32 count as one.
    close = np.diff(sides) < 1e-6 * (sides[-1] - sides[0])
    sides = sides[np.concatenate([[True], ~close])]
    middle = (sides[:-1] + sides[1:])[:, None] / 2
    within = (low <= middle) & (middle <= high)
    finest = np.where(within, width, width.max()).min(axis=1)
    counts = np.ceil(np.diff(sides) / finest).astype(int)
    counts *= math.ceil(_MIN_CELLS / counts.sum())
    parts = [
        np.linspace(a, b, count, endpoint=False)
        for a, b, count in zip(sides[:-1], sides[1:], counts, strict=True)
    ]
    return np.concatenate([*parts, sides[-1:]])


def _product(edges: list[np.ndarray]) -> Nodes:
    """Makes Gauss-Legendre nodes in all products of the cells between the edges."""
    unit, unit_weights = np.polynomial.legendre.leggauss(_ORDER)
    points, weights = [], []
    for e in edges:
        middle, half = (e[:-1] + e[1:])[:, None] / 2, np.diff(e)[:, None] / 2
        points.append((middle + half * unit).ravel())
        weights.append((half * unit_weights).ravel())
    points, weights = (
        np.meshgrid(*points, indexing="ij"),
        np.meshgrid(*weights, indexing="ij"),
    )
    return Nodes(
        points=np.stack([p.ravel() for p in points], axis=1),
        weights=np.prod([w.ravel() for w in weights], axis=0),
    )
