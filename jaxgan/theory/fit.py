"""Mixtures of Gaussians fitted to a density by forward or by reverse KL.

Maximum likelihood is minimum KL: E_p[log q] = -KL(p || q) - H(p), and H(p) does not
depend on q. So one function, the EM algorithm on weighted points, does both: on samples
it maximises their likelihood; on the nodes of a quadrature, weighted by p, it minimises
KL(p || q), and q covers every mode of p. The reverse, KL(q || p), penalises q for mass
where p has none, and seeks one mode. All of it runs in float64.

Example:
    >>> from jaxgan.theory import densities
    >>> p = densities.mixture([[-2.0], [4.0]], std=1.0)
    >>> start = densities.gaussian([3.0], std=1.0)
    >>> for fit in (minimum_kl, minimum_reverse_kl):
    ...     q = fit(p, start)
    ...     mean, covariance = q.moments()
    ...     print(f"{mean[0]:.2f} {covariance[0, 0]:.2f}")
    1.00 10.00
    3.98 1.05
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Float
from scipy import optimize, stats

from jaxgan.theory import quadrature
from jaxgan.theory.densities import Density, GaussianMixture, Points
from jaxgan.theory.quadrature import Nodes

# Cells of four nodes along each axis of a component, by dimension. log p has a ridge
# between its modes: with fewer nodes q could settle where the ridge lies between two.
_CELLS = {1: 256, 2: 24}
_REACH = 9.0  # standard deviations of q


def maximum_likelihood(
    points: Float[Points, "n d"],
    start: GaussianMixture,
    *,
    weights: Float[Points, " n"] | None = None,
    tolerance: float = 1e-10,
    max_steps: int = 10_000,
) -> GaussianMixture:
    """Fits a mixture to points by maximum likelihood, by EM from a start.

    A single component converges in one step, to the points' mean and covariance.

    Args:
        points: the sample.
        start: the initial mixture, which fixes the number of components.
        weights: proportional to each point's weight; equal by default.
        tolerance: stop when a step raises the mean log-likelihood by less.
        max_steps: greatest number of EM steps.

    Raises:
        RuntimeError: after max_steps, or if a component loses its points or shrinks
            to one of them, so that the likelihood grows without bound.

    References:
        Dempster, Laird & Rubin 1977, "Maximum likelihood from incomplete data via the
        EM algorithm".
    """
    weights = np.ones(len(points)) if weights is None else np.asarray(weights)
    with jax.enable_x64(True):
        x = jnp.asarray(points, jnp.float64)
        w = jnp.asarray(weights / weights.sum(), jnp.float64)
        mixture = jax.tree.map(lambda a: jnp.asarray(a, jnp.float64), start)
        mixture, steps, gain = _em(mixture, x, w, tolerance, max_steps)
        steps, gain = int(steps), float(gain)
    if not math.isfinite(gain):
        raise RuntimeError(
            f"After {steps} steps of EM a component has no points, or only one. Start "
            "it at another point, or use fewer components."
        )
    if gain >= tolerance:
        raise RuntimeError(
            f"EM still gains {gain:.2g} per step after {max_steps} steps, which is not "
            f"below {tolerance:g}. Raise max_steps or tolerance."
        )
    return _in_default_precision(mixture)


def minimum_kl(
    p: Density,
    start: GaussianMixture,
    *,
    nodes: Nodes | None = None,
    tolerance: float = 1e-10,
    max_steps: int = 10_000,
) -> GaussianMixture:
    """Finds the mixture q closest to p in KL(p || q): it covers every mode.

    It is `maximum_likelihood` on an infinite sample of p. A single Gaussian gets p's
    exact mean and covariance.

    Args:
        p: a density in one or two dimensions.
        start: the initial mixture, which fixes the number of components.
        nodes: the nodes to evaluate p at; by default `quadrature.cover(p)`.
        tolerance: stop when a step lowers KL by less.
        max_steps: greatest number of EM steps.

    Raises:
        ValueError: if the nodes miss a part of p.
        RuntimeError: as for `maximum_likelihood`.
    """
    nodes = quadrature.cover(p) if nodes is None else nodes
    log_p = quadrature.log_density(p, nodes, tolerance=1e-3, name="p")
    return maximum_likelihood(
        nodes.points,
        start,
        weights=nodes.weights * np.exp(log_p),
        tolerance=tolerance,
        max_steps=max_steps,
    )


def minimum_reverse_kl(
    p: Density, start: GaussianMixture, *, max_steps: int = 1000
) -> GaussianMixture:
    """Finds the mixture q closest to p in KL(q || p), from a start: it seeks a mode.

    The nodes of the quadrature move with each component of q, so that it cannot escape
    them. They resolve features of p down to a tenth of q's width in 1-D, and a third in
    2-D. The descent uses SciPy's L-BFGS.

    Args:
        p: a density in one or two dimensions, above zero wherever q reaches: a Gaussian
            has no finite KL to a bounded support.
        start: the initial mixture, which fixes the number of components; the mode that
            is found depends on it.
        max_steps: greatest number of L-BFGS steps.

    Raises:
        ValueError: if KL(start || p) is not finite.
        RuntimeError: if the descent does not converge.
    """
    loss = _reverse_kl_of(p, start)
    with jax.enable_x64(True):
        theta, unravel = ravel_pytree(_parameters(start))
        step = jax.jit(jax.value_and_grad(lambda theta: loss(unravel(theta))))
        first = float(step(theta)[0])
        if not math.isfinite(first):
            raise ValueError(
                f"KL(start || p) is {first}: p vanishes where the start has mass. The "
                "reverse KL needs a p above zero everywhere."
            )
        result = optimize.minimize(
            lambda theta: tuple(np.asarray(a) for a in step(jnp.asarray(theta))),
            np.asarray(theta),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": max_steps, "ftol": 1e-15, "gtol": 1e-8},
        )
        mixture = _mixture(unravel(jnp.asarray(result.x)))
    if not result.success:
        raise RuntimeError(f"The descent of the reverse KL stopped: {result.message}")
    return _in_default_precision(mixture)


@jax.jit
def _em(mixture: Any, x: Any, w: Any, tolerance: Any, max_steps: Any) -> Any:
    """Runs EM until a step gains less than the tolerance: mixture, steps, last gain."""

    def more(carry):
        _, _, gain, step = carry
        return (gain >= tolerance) & (step < max_steps)  # False for NaN

    def body(carry):
        mixture, last, _, step = carry
        mixture = _em_step(mixture, x, w)
        likelihood = (w * mixture.log_density(x)).sum()
        return mixture, likelihood, likelihood - last, step + 1

    likelihood = (w * mixture.log_density(x)).sum()
    start = (mixture, likelihood, jnp.full_like(likelihood, jnp.inf), 0)
    mixture, _, gain, steps = lax.while_loop(more, body, start)
    return mixture, steps, gain


def _em_step(mixture: GaussianMixture, x: Any, w: Any) -> GaussianMixture:
    share = w[:, None] * jax.nn.softmax(mixture.joint_log_density(x), axis=1)  # [n k]
    mass = share.sum(axis=0)
    means = jnp.einsum("nk,nd->kd", share, x) / mass[:, None]

    def covariance(share, mean):
        apart = x - mean[None, :]
        return jnp.einsum("n,ni,nj->ij", share, apart, apart)

    covariances = jax.vmap(covariance, in_axes=(1, 0))(share, means)
    scales = jnp.linalg.cholesky(covariances / mass[:, None, None])
    return GaussianMixture(jnp.log(mass), means, scales)


def _parameters(mixture: GaussianMixture) -> dict[str, Any]:
    """Returns a mixture as free numbers; a scale's diagonal as its logarithm."""
    scales = jnp.asarray(mixture.scales, jnp.float64)
    diagonal = jnp.diagonal(scales, axis1=1, axis2=2)
    return {
        "logits": jnp.asarray(mixture.log_weights, jnp.float64),
        "means": jnp.asarray(mixture.means, jnp.float64),
        "log_diagonal": jnp.log(diagonal),
        "below": jnp.tril(scales, -1),
    }


def _mixture(parameters: dict[str, Any]) -> GaussianMixture:
    diagonal = jax.vmap(jnp.diag)(jnp.exp(parameters["log_diagonal"]))
    return GaussianMixture(
        log_weights=jax.nn.log_softmax(parameters["logits"]),
        means=parameters["means"],
        scales=jnp.tril(parameters["below"], -1) + diagonal,
    )


def _reverse_kl_of(p: Density, start: GaussianMixture) -> Any:
    """Makes KL(q || p) as a function of q's parameters."""
    d = start.means.shape[1]
    if d not in _CELLS:
        raise ValueError(f"Expected one or two dimensions, got {d}.")
    nodes = quadrature.box([-_REACH] * d, [_REACH] * d, cells=_CELLS[d])
    z, share = nodes.points, nodes.weights * stats.norm.pdf(nodes.points).prod(axis=1)

    def loss(parameters):
        q = _mixture(parameters)
        x = q.means[:, None, :] + jnp.einsum("kij,mj->kmi", q.scales, z)
        excess = q.log_density(x) - p.log_density(x)
        return (jnp.exp(q.log_weights)[:, None] * share[None, :] * excess).sum()

    return loss


def _in_default_precision(mixture: GaussianMixture) -> GaussianMixture:
    return jax.tree.map(lambda a: jnp.asarray(np.asarray(a)), mixture)
