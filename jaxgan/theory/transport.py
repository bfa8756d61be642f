"""The Earth Mover's distance: exact in 1-D and for small point clouds, else Sinkhorn.

The Wasserstein distance of order r is the least, over all plans (joint distributions
with the two given marginals), of E[|x - y|^r]^(1/r). Order 1 is the Earth Mover's
distance of the Wasserstein GAN (Arjovsky et al. 2017, arXiv:1701.07875). |x - y| is
Euclidean. The exact distances are computed by NumPy and SciPy in float64.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy import optimize, sparse
from scipy.spatial.distance import cdist

from jaxgan.theory import quadrature
from jaxgan.theory.densities import Density, Points
from jaxgan.theory.quadrature import Nodes


def wasserstein_1d(
    x: Float[Points, " n"],
    y: Float[Points, " m"],
    *,
    x_weights: Float[Points, " n"] | None = None,
    y_weights: Float[Points, " m"] | None = None,
    order: float = 1.0,
) -> float:
    """Computes the exact Wasserstein distance on a line, from the quantile functions.

    W_r = (integral over u in [0, 1] of |F^-1(u) - G^-1(u)|^r)^(1/r).

    Args:
        x: points.
        y: other points, of any number.
        x_weights: proportional to the mass of each point; equal by default.
        y_weights: the same for y.
        order: r, at least 1.

    Raises:
        ValueError: for an order below 1, or invalid weights.

    Example:
        >>> wasserstein_1d(np.array([0.0, 1.0]), np.array([3.0, 2.0]))
        2.0
    """
    _check_order(order)
    x_sorted, x_levels = _levels(np.asarray(x, np.float64), x_weights)
    y_sorted, y_levels = _levels(np.asarray(y, np.float64), y_weights)
    levels = np.union1d(x_levels, y_levels)
    mass = np.diff(levels, prepend=0.0)
    # Between two levels both quantile functions are constant.
    middle = levels - mass / 2
    gaps = np.abs(
        x_sorted[np.searchsorted(x_levels, middle)]
        - y_sorted[np.searchsorted(y_levels, middle)]
    )
    return float((mass * gaps**order).sum() ** (1 / order))


def wasserstein_of_densities(
    p: Density,
    q: Density,
    *,
    order: float = 1.0,
    nodes: Nodes | None = None,
    tolerance: float = 1e-3,
) -> float:
    """Computes the Wasserstein distance between two densities on a line.

    Each density is concentrated on the nodes of a quadrature, so the result is accurate
    to within the nodes' spacing.

    Args:
        p: a density in one dimension.
        q: another density.
        order: at least 1.
        nodes: the nodes of the quadrature; by default `quadrature.cover(p, q)`.
        tolerance: greatest deviation from 1 of the mass on the nodes.

    Raises:
        ValueError: in two dimensions (sample, and use `earth_mover`), or if the nodes
            miss a part of p or q.
    """
    nodes = quadrature.cover(p, q) if nodes is None else nodes
    if nodes.points.shape[1] != 1:
        raise ValueError(
            f"Quantiles exist in 1-D only, got {nodes.points.shape[1]} dimensions; "
            "sample the densities and use earth_mover or sinkhorn."
        )
    log_p = quadrature.log_density(p, nodes, tolerance=tolerance, name="p")
    log_q = quadrature.log_density(q, nodes, tolerance=tolerance, name="q")
    x = nodes.points[:, 0]
    return wasserstein_1d(
        x,
        x,
        x_weights=nodes.weights * np.exp(log_p),
        y_weights=nodes.weights * np.exp(log_q),
        order=order,
    )


@dataclass(frozen=True, eq=False)
class Plan:
    """A transport plan.

    Attributes:
        distance: its cost, as a distance: E[|x - y|^r]^(1/r).
        matrix: the mass that goes from x_i to y_j; it sums to 1.
    """

    distance: float
    matrix: Float[np.ndarray, "n m"]

    def moves(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Returns the moves of mass: indices in x, indices in y, and masses, [s]."""
        i, j = np.nonzero(self.matrix)
        return i, j, self.matrix[i, j]


def earth_mover(
    x: Float[Points, "n d"],
    y: Float[Points, "m d"],
    *,
    x_weights: Float[Points, " n"] | None = None,
    y_weights: Float[Points, " m"] | None = None,
    order: float = 1.0,
) -> Plan:
    """Computes the exact Wasserstein distance between two point clouds, and its plan.

    Equal numbers of equal masses are an assignment problem, feasible for thousands of
    points; anything else is a linear program of n m unknowns, feasible for hundreds.

    Args:
        x: points.
        y: other points.
        x_weights: proportional to the mass of each point; equal by default.
        y_weights: the same for y.
        order: at least 1.

    Raises:
        ValueError: for an order below 1, or invalid weights.

    Example:
        Two parallel lines at distance 0.5. However close they are, their Jensen-Shannon
        divergence is log 2 and their Kullback-Leibler divergence infinite, but this
        distance falls with theirs (Arjovsky et al. 2017, example 1).

        >>> z = np.linspace(0, 1, 50)
        >>> line, other = (np.stack([0 * z + at, z], axis=1) for at in (0.0, 0.5))
        >>> plan = earth_mover(line, other)
        >>> print(plan.distance, len(plan.moves()[0]))
        0.5 50
    """
    _check_order(order)
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    costs = cdist(x, y) ** order
    if len(x) == len(y) and x_weights is None and y_weights is None:
        matrix = np.zeros_like(costs)
        matrix[optimize.linear_sum_assignment(costs)] = 1 / len(x)
    else:
        matrix = _transport(
            costs, _masses(x_weights, len(x)), _masses(y_weights, len(y))
        )
    return Plan(float((matrix * costs).sum() ** (1 / order)), matrix)


def sinkhorn(
    x: Float[Points, "n d"],
    y: Float[Points, "m d"],
    *,
    x_weights: Float[Points, " n"] | None = None,
    y_weights: Float[Points, " m"] | None = None,
    order: float = 1.0,
    epsilon: float = 0.01,
    max_iterations: int = 10_000,
) -> float:
    """Computes the cost of the plan that Sinkhorn's algorithm finds, for large clouds.

    The plan minimises E[|x - y|^r] - epsilon' H(plan), so it is blurred and its cost,
    returned as a distance, lies above the exact one and falls towards it with epsilon.
    It runs on the device in the dtype of the points and holds the n m costs in memory,
    with ott-jax (the extra ``ot``).

    Args:
        x: points.
        y: other points.
        x_weights: proportional to the mass of each point; equal by default.
        y_weights: the same for y.
        order: at least 1.
        epsilon: weight of the entropy, as a share of the mean cost over all pairs.
        max_iterations: greatest number of iterations.

    Raises:
        ImportError: if ott-jax is missing.
        RuntimeError: if the iterations do not converge.
        ValueError: for an order below 1, or invalid weights.

    References:
        Cuturi 2013, arXiv:1306.0895; Cuturi et al. 2022, arXiv:2201.12324 (ott-jax).
    """
    _check_order(order)
    ott_costs, pointcloud, linear = _ott()
    cost = ott_costs.Euclidean() if order == 1 else ott_costs.EuclideanP(order)
    a, b = _masses(x_weights, len(x)), _masses(y_weights, len(y))
    with jax.numpy_rank_promotion("allow"):  # ott-jax relies on it
        geometry = pointcloud.PointCloud(
            jnp.asarray(x),
            jnp.asarray(y),
            cost_fn=cost,
            epsilon=epsilon,
            relative_epsilon="mean",
        )
        result = linear.solve(
            geometry, jnp.asarray(a), jnp.asarray(b), max_iterations=max_iterations
        )
        transported = float(result.primal_cost)
    if not result.converged:
        raise RuntimeError(
            f"Sinkhorn did not converge in {max_iterations} iterations at epsilon "
            f"{epsilon:g}. Raise max_iterations or epsilon."
        )
    return transported ** (1 / order)


def _ott() -> tuple[Any, Any, Any]:
    # Imported here because it takes seconds, and is an extra.
    try:
        from ott.geometry import costs, pointcloud  # pyright: ignore
        from ott.solvers import linear  # pyright: ignore
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "sinkhorn needs ott-jax; install it with pip install 'jaxgan[ot]', or use "
            "earth_mover for small clouds.",
            name=error.name,
        ) from error
    return costs, pointcloud, linear


def _check_order(order: float) -> None:
    if not order >= 1:
        raise ValueError(f"order must be at least 1, got {order}.")


def _masses(weights: Any, count: int) -> np.ndarray:
    """Returns weights that sum to 1, equal ones for None."""
    if weights is None:
        return np.full(count, 1 / count)
    masses = np.asarray(weights, np.float64)
    if masses.shape != (count,) or (masses < 0).any() or not masses.sum() > 0:
        raise ValueError(
            f"Expected {count} masses, none negative and not all zero, got {weights}."
        )
    return masses / masses.sum()


def _levels(points: np.ndarray, weights: Any) -> tuple[np.ndarray, np.ndarray]:
    """Returns sorted points, and the cumulative mass at each, itself included."""
    masses = _masses(weights, len(points))
    order = np.argsort(points)
    levels = np.cumsum(masses[order])
    levels[-1] = 1.0  # so that both sides end at the same level despite rounding
    return points[order], np.minimum(levels, 1.0)


def _transport(costs: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Computes the plan with marginals a and b, by linear programming."""
    n, m = costs.shape
    rows = sparse.kron(sparse.eye(n), np.ones((1, m)))
    columns = sparse.kron(np.ones((1, n)), sparse.eye(m))
    # One constraint follows from the others, as both masses are 1.
    result = optimize.linprog(
        costs.ravel(),
        A_eq=sparse.vstack([rows, columns]).tocsr()[:-1],
        b_eq=np.concatenate([a, b])[:-1],
        method="highs",
    )
    if not result.success:
        raise RuntimeError(f"The linear program was not solved: {result.message}")
    return result.x.reshape(n, m)
