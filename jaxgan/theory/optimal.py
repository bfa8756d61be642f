"""Optimal players, and the divergences they reach, when both densities are known.

For data p and generator q, the discriminator that maximises

    V(G, D) = E_p[log D(x)] + E_q[log(1 - D(x))]

is D* = p / (p + q), and V(G, D*) = 2 JSD(p || q) - 2 log 2 (Goodfellow et al. 2014,
proposition 1 and theorem 1). Every f-divergence of `jaxgan.divergences` is integrated
by quadrature; it is inf where the divergence is, and never NaN.

Example:
    >>> from jaxgan import divergences
    >>> from jaxgan.theory import densities
    >>> p = densities.gaussian([0.0], std=1.0)
    >>> q = densities.gaussian([1.0], std=1.0)
    >>> print(np.round(np.asarray(discriminator(p, q, np.array([[0.0], [0.5]]))), 3))
    [0.622 0.5  ]
    >>> print(round(divergence(divergences.kl, p, q), 6))
    0.5
    >>> jsd = divergence(divergences.jensen_shannon, p, q)
    >>> print(round(value(p, q), 6), round(2 * jsd - 2 * np.log(2), 6))
    -1.163451 -1.163451
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgan import divergences
from jaxgan.divergences import Divergence
from jaxgan.theory import quadrature
from jaxgan.theory.densities import Density, Points
from jaxgan.theory.quadrature import Nodes

# q f(p/q) where f is linear in log(p/q): the ratio itself may leave float64's range.
_IN_LOGS = {
    divergences.kl: lambda p, q, log_u: _times(p, log_u),
    divergences.reverse_kl: lambda p, q, log_u: -_times(q, log_u),
    divergences.jeffreys: lambda p, q, log_u: _times(p, log_u) - _times(q, log_u),
}
# Where both densities are below it, they add nothing to a divergence in float64.
_LOG_NOTHING = math.log(1e-200)
# A ratio above it counts as infinite: f(u) may overflow, though f(u)/u does not.
_LOG_INFINITE = math.log(1e150)


def logit(p: Density, q: Density, x: Float[Points, "*n d"]) -> Float[Array, "*n"]:
    """Computes the logit of the optimal discriminator, log(p/q).

    It is ±inf where one density vanishes, and 0 where both do: there any value is
    optimal, and 0 is a D of 1/2.
    """
    log_p, log_q = p.log_density(x), q.log_density(x)
    neither = jnp.isneginf(log_p) & jnp.isneginf(log_q)
    return jnp.where(neither, 0, log_p - jnp.where(neither, 0, log_q))


def discriminator(
    p: Density, q: Density, x: Float[Points, "*n d"]
) -> Float[Array, "*n"]:
    """Computes the optimal D*(x) = p(x) / (p(x) + q(x)); 1/2 where both vanish."""
    return jax.nn.sigmoid(logit(p, q, x))


def critic(
    f: Divergence, p: Density, q: Density, x: Float[Points, "*n d"]
) -> Float[Array, "*n"]:
    """Computes an f-GAN's optimal critic f'(p/q), where `bound` equals `divergence`."""
    return f.optimal_critic(jnp.exp(logit(p, q, x)))


def divergence(
    f: Divergence,
    p: Density,
    q: Density,
    *,
    nodes: Nodes | None = None,
    tolerance: float = 1e-3,
) -> float:
    """Computes D_f(p || q), the integral of q f(p/q), by quadrature in float64.

    Where q vanishes and p does not, the integrand is p times the limit of f(u)/u, so
    disjoint supports give the right values: inf for `kl`, log 2 for `jensen_shannon`, 1
    for `total_variation`. Total variation has kinks where p = q, which cost the
    quadrature accuracy: about eight digits are right in 1-D, three in 2-D. Divergences
    that square the ratio may have mass outside of both extents, where p²/q is large
    though neither density is; give nodes that reach there. For these divergences a
    ratio above 1e150 counts as infinite.

    Args:
        f: one of `jaxgan.divergences`.
        p: the data's density.
        q: the generator's.
        nodes: where to evaluate; by default `quadrature.cover(p, q)`.
        tolerance: greatest deviation from 1 of the mass on the nodes.

    Raises:
        ValueError: if the nodes miss a part of p or q.

    Example:
        >>> from jaxgan.theory import densities
        >>> p = densities.uniform([0.0], [1.0])
        >>> q = densities.uniform([2.0], [3.0])
        >>> for f in (divergences.kl, divergences.jensen_shannon):
        ...     print(f.name, round(divergence(f, p, q), 6))
        kl inf
        jensen_shannon 0.693147
    """
    nodes, log_p, log_q = _on_nodes(p, q, nodes, tolerance)
    return float((nodes.weights * _integrand(f, log_p, log_q)).sum())


def value(
    p: Density,
    q: Density,
    *,
    logit: Callable[[Any], Any] | None = None,
    nodes: Nodes | None = None,
    tolerance: float = 1e-3,
) -> float:
    """Computes the value V(G, D) of the minimax game, in [-inf, 0].

    Args:
        p: the data's density.
        q: the generator's.
        logit: the discriminator's logit, ``[n d] -> [n]``; by default D*'s, for which
            the value is 2 JSD(p || q) - 2 log 2.
        nodes: where to evaluate; by default `quadrature.cover(p, q)`.
        tolerance: greatest deviation from 1 of the mass on the nodes.

    Raises:
        ValueError: if the nodes miss a part of p or q.

    References:
        Goodfellow et al. 2014, arXiv:1406.2661, theorem 1.
    """
    nodes, log_p, log_q = _on_nodes(p, q, nodes, tolerance)
    if logit is None:
        neither = np.isneginf(log_p) & np.isneginf(log_q)
        logits = np.where(neither, 0, log_p) - np.where(neither, 0, log_q)
    else:
        logits = quadrature.evaluate(jax.jit(logit), nodes.points)
    # log D = -softplus(-logit), log(1 - D) = -softplus(logit)
    real = _times(np.exp(log_p), -np.logaddexp(0, -logits))
    fake = _times(np.exp(log_q), -np.logaddexp(0, logits))
    return float((nodes.weights * (real + fake)).sum())


def bound(
    f: Divergence,
    p: Density,
    q: Density,
    critic: Callable[[Any], Any],
    *,
    nodes: Nodes | None = None,
    tolerance: float = 1e-3,
) -> float:
    """Computes the bound E_p[T] - E_q[f*(T)] <= D_f(p || q) of a critic T.

    Args:
        f: one of `jaxgan.divergences`.
        p: the data's density.
        q: the generator's.
        critic: T, ``[n d] -> [n]``, with values in the domain of f*.
        nodes: where to evaluate; by default `quadrature.cover(p, q)`.
        tolerance: greatest deviation from 1 of the mass on the nodes.

    Raises:
        ValueError: if the nodes miss a part of p or q.

    References:
        Nowozin et al. 2016, arXiv:1606.00709, equation 4.
    """
    nodes, log_p, log_q = _on_nodes(p, q, nodes, tolerance)
    t = quadrature.evaluate(jax.jit(critic), nodes.points)
    conjugate = quadrature.evaluate(jax.jit(f.conjugate), t)
    integrand = _times(np.exp(log_p), t) - _times(np.exp(log_q), conjugate)
    return float((nodes.weights * integrand).sum())


def _on_nodes(
    p: Density, q: Density, nodes: Nodes | None, tolerance: float
) -> tuple[Nodes, np.ndarray, np.ndarray]:
    nodes = quadrature.cover(p, q) if nodes is None else nodes
    log_p = quadrature.log_density(p, nodes, tolerance=tolerance, name="p")
    log_q = quadrature.log_density(q, nodes, tolerance=tolerance, name="q")
    return nodes, log_p, log_q


def _integrand(f: Divergence, log_p: np.ndarray, log_q: np.ndarray) -> np.ndarray:
    """Computes the integrand q f(p/q), from the larger of the two densities."""
    # Where both densities vanish in float64, the ratio is set to 1 and f to 0.
    somewhere = np.maximum(log_p, log_q) > _LOG_NOTHING
    log_u = np.where(somewhere, log_p, 0) - np.where(somewhere, log_q, 0)
    p, q = np.exp(log_p), np.exp(log_q)
    if f in _IN_LOGS:
        return _IN_LOGS[f](p, q, log_u)
    share = quadrature.evaluate(partial(_share, f), log_u)
    return _times(np.where(log_u > 0, p, q), share)


@partial(jax.jit, static_argnums=0)
def _share(f: Divergence, log_u: Any) -> Any:
    """Computes f(u)/u where u > 1, else f(u): the factor of p, or of q."""
    u = jnp.exp(jnp.where(log_u > _LOG_INFINITE, jnp.inf, log_u))
    # f(u)/u tends to f'(u) as u grows.
    slope = jnp.where(jnp.isinf(u), f.optimal_critic(u), f.f(u) / u)
    return jnp.where(u > 1, slope, f.f(u))


def _times(density: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Multiplies, with zero density times infinity as zero, as in integrals."""
    return density * np.where(density == 0, 0, values)
