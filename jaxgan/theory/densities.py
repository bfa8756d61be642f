"""Densities to sample and to evaluate: mixtures of Gaussians, and uniforms.

A density is a frozen value and a pytree of its parameters, so it passes through `jit`,
`vmap` and `grad`; it is equal only to itself. Points have the shape ``[... d]``, with
the ``d`` coordinates last, also in one dimension. Everything runs in the dtype of
parameters and points, float32 unless 64-bit arrays are enabled.
"""

import dataclasses
import math
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Float

from jaxgan.typing import Key

Points: TypeAlias = Array | np.ndarray
"""Points, or numbers that belong to them: a JAX or NumPy array."""

_REACH = 10.0  # standard deviations; the mass outside is 1e-23


class Extent(NamedTuple):
    """Boxes that hold all of a density's mass except 1e-20.

    Attributes:
        low: the boxes' lower corners, shape [k d].
        high: their upper corners.
        scale: the shortest length over which the density changes in each box, [k].
    """

    low: np.ndarray
    high: np.ndarray
    scale: np.ndarray


@runtime_checkable
class Density(Protocol):
    """The protocol of a density, as the rest of `jaxgan.theory` uses it."""

    def sample(self, key: Key, n: int) -> Float[Array, "n d"]:
        """Draws independent points."""
        ...

    def log_density(self, x: Float[Points, "*n d"]) -> Float[Array, "*n"]:
        """Computes the log of the density, -inf where it is zero."""
        ...

    def extent(self) -> Extent:
        """Returns the boxes that a quadrature must cover."""
        ...


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class GaussianMixture:
    """sum_k w_k N(m_k, L_k L_k^T): make one with `mixture`, `gaussian`, `ring`, `grid`.

    Attributes:
        log_weights: log w, shape [k], normalised.
        means: m, shape [k d].
        scales: L, lower triangular with a positive diagonal, shape [k d d].
    """

    # Any, because a transformation may put anything in a pytree.
    log_weights: Any
    means: Any
    scales: Any

    @partial(jax.jit, static_argnames="n")
    def sample(self, key: Key, n: int) -> Float[Array, "n d"]:
        """Draws independent points: for each a component, then a point from it."""
        component_key, noise_key = jax.random.split(key)
        k = jax.random.categorical(component_key, self.log_weights, shape=(n,))
        shape = (n, self.means.shape[1])
        noise = jax.random.normal(noise_key, shape, self.means.dtype)
        return self.means[k] + _matvec(self.scales[k], noise)

    @jax.jit
    def joint_log_density(self, x: Float[Points, "*n d"]) -> Float[Array, "*n k"]:
        """Computes log(w_k N(x; m_k, L_k L_k^T)); its softmax is the posterior of k."""
        log_weights, means, scales = _promoted(x, self)
        d = means.shape[1]
        eye = jnp.eye(d, dtype=scales.dtype)
        whiten = jax.vmap(lambda L: solve_triangular(L, eye, lower=True))(scales)
        log_det = jnp.log(jnp.diagonal(scales, axis1=1, axis2=2)).sum(axis=1)
        constant = log_weights - log_det - d * math.log(2 * math.pi) / 2

        def at(point):
            z = _matvec(whiten, point[None, :] - means)
            return constant - (z * z).sum(axis=1) / 2

        return jnp.vectorize(at, signature="(d)->(k)")(x)

    @jax.jit
    def log_density(self, x: Float[Points, "*n d"]) -> Float[Array, "*n"]:
        """Computes the log of the density, by log-sum-exp over the components."""
        return jax.nn.logsumexp(self.joint_log_density(x), axis=-1)

    def covariances(self) -> Float[Array, "k d d"]:
        """Computes L L^T of each component."""
        return _matvec(self.scales[:, None], self.scales)

    @jax.jit
    def moments(self) -> tuple[Float[Array, " d"], Float[Array, "d d"]]:
        """Computes the mean and covariance of the whole mixture."""
        w = jnp.exp(self.log_weights)
        mean = (w[:, None] * self.means).sum(axis=0)
        apart = self.means - mean[None, :]
        second = self.covariances() + apart[:, :, None] * apart[:, None, :]
        return mean, (w[:, None, None] * second).sum(axis=0)

    def extent(self) -> Extent:
        """Returns a box per component, ten standard deviations around its mean."""
        covariances = np.asarray(self.covariances(), np.float64)
        means = np.asarray(self.means, np.float64)
        reach = _REACH * np.sqrt(np.diagonal(covariances, axis1=1, axis2=2))
        narrowest = np.sqrt(np.linalg.eigvalsh(covariances)[:, 0])
        return Extent(means - reach, means + reach, narrowest)


def mixture(
    means: Any, *, std: Any = None, covariances: Any = None, weights: Any = None
) -> GaussianMixture:
    """Makes a mixture of Gaussians.

    Args:
        means: shape [k d].
        std: standard deviation in every direction, one for all or shape [k].
        covariances: full covariances instead of std, shape [k d d].
        weights: shape [k], proportional to the weights of the components; equal by
            default.

    Raises:
        ValueError: on shapes that do not fit, a covariance that is not positive
            definite, negative weights, or if not exactly one of std and covariances is
            given.

    Example:
        >>> p = mixture([[-1.0], [1.0]], std=0.5, weights=[1, 3])
        >>> mean, covariance = p.moments()
        >>> print(mean, covariance)
        [0.5] [[1.]]
    """
    means = np.asarray(means, np.float64)
    if means.ndim != 2:
        raise ValueError(f"means must have the shape [k d], got {means.shape}.")
    k, d = means.shape
    weights = np.ones(k) if weights is None else np.asarray(weights, np.float64)
    if weights.shape != (k,) or (weights < 0).any() or not weights.sum() > 0:
        raise ValueError(f"Expected {k} weights, none negative, got {weights}.")
    with np.errstate(divide="ignore"):  # log 0 = -inf is a component left out
        log_weights = np.log(weights / weights.sum())
    scales = _scales(k, d, std, covariances)
    return GaussianMixture(*(jnp.asarray(a) for a in (log_weights, means, scales)))


def _scales(k: int, d: int, std: Any, covariances: Any) -> np.ndarray:
    if (std is None) == (covariances is None):
        raise ValueError("Expected exactly one of std and covariances.")
    if covariances is None:
        stds = np.asarray(std, np.float64)
        if stds.shape not in ((), (k,)) or not (stds > 0).all():
            raise ValueError(f"std must be positive, one or {k}, got {std}.")
        return np.broadcast_to(stds, (k,))[:, None, None] * np.eye(d)
    covariances = np.asarray(covariances, np.float64)
    if covariances.shape != (k, d, d):
        raise ValueError(
            f"covariances must have the shape {(k, d, d)}, got {covariances.shape}."
        )
    try:
        return np.linalg.cholesky(covariances)
    except np.linalg.LinAlgError as error:
        raise ValueError(
            f"Every covariance must be positive definite, got {covariances}."
        ) from error


def gaussian(mean: Any, *, std: Any = None, covariance: Any = None) -> GaussianMixture:
    """Makes one Gaussian, as a mixture of one.

    Args:
        mean: shape [d].
        std: standard deviation in every direction.
        covariance: a full covariance instead of std, shape [d d].

    Raises:
        ValueError: as for `mixture`.
    """
    covariances = None if covariance is None else np.asarray(covariance)[None]
    return mixture(np.asarray(mean)[None], std=std, covariances=covariances)


def ring(modes: int = 8, *, radius: float = 2.0, std: float = 0.02) -> GaussianMixture:
    """Makes Gaussians evenly spaced on a circle, the first at (radius, 0).

    The defaults are those of Metz et al. 2016, appendix A. Others take radius 1 and std
    0.01 (the published code of Lin et al. 2018). Code that spaces the angles by
    ``linspace(0, 2 pi, 8)`` puts two modes at one point, and has seven.

    Args:
        modes: number of Gaussians.
        radius: the circle's radius.
        std: standard deviation of each Gaussian, in both directions.

    References:
        Metz et al. 2016, arXiv:1611.02163; Lin et al. 2018, arXiv:1712.04086.
    """
    angle = 2 * np.pi * np.arange(modes) / modes
    return mixture(radius * np.stack([np.cos(angle), np.sin(angle)], axis=1), std=std)


def grid(side: int = 5, *, spacing: float = 2.0, std: float = 0.05) -> GaussianMixture:
    """Makes side x side Gaussians on a square grid around the origin.

    The defaults, means at -4, -2, 0, 2, 4, are those of Lin et al. 2018. The toy code
    of Gulrajani et al. 2017 divides the same points by 2.828, their standard deviation.

    Args:
        side: number of modes along each axis.
        spacing: distance between neighbouring means.
        std: standard deviation of each Gaussian, in both directions.

    References:
        Lin et al. 2018, arXiv:1712.04086; Gulrajani et al. 2017, arXiv:1704.00028.
    """
    line = spacing * (np.arange(side) - (side - 1) / 2)
    rows, columns = np.meshgrid(line, line, indexing="ij")
    return mixture(np.stack([rows.ravel(), columns.ravel()], axis=1), std=std)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Uniform:
    """The uniform density on the box from low to high, both [d]; see `uniform`."""

    low: Any
    high: Any

    @partial(jax.jit, static_argnames="n")
    def sample(self, key: Key, n: int) -> Float[Array, "n d"]:
        """Draws independent points."""
        u = jax.random.uniform(key, (n, self.low.shape[0]), self.low.dtype)
        return self.low[None, :] + u * (self.high - self.low)[None, :]

    @jax.jit
    def log_density(self, x: Float[Points, "*n d"]) -> Float[Array, "*n"]:
        """Returns minus the log of the box's volume inside, -inf outside."""
        low, high = _promoted(x, self)
        log_volume = jnp.log(high - low).sum()

        def at(point):
            inside = ((low <= point) & (point <= high)).all()
            return jnp.where(inside, -log_volume, -jnp.inf)

        return jnp.vectorize(at, signature="(d)->()")(x)

    def extent(self) -> Extent:
        """Returns the box; the density does not change inside."""
        low, high = np.asarray(self.low, np.float64), np.asarray(self.high, np.float64)
        return Extent(low[None], high[None], (high - low).min()[None])


def uniform(low: Sequence[float], high: Sequence[float]) -> Uniform:
    """Makes the uniform density on the box from low to high, both of shape [d].

    Raises:
        ValueError: if the corners do not fit, or the box is empty.

    Example:
        >>> uniform([0.0], [2.0]).log_density(jnp.array([[1.0], [3.0]])).tolist()
        [-0.6931471824645996, -inf]
    """
    corners = np.asarray(low, np.float64), np.asarray(high, np.float64)
    if corners[0].ndim != 1 or corners[0].shape != corners[1].shape:
        raise ValueError(
            f"The corners must have the same shape [d], got {low} and {high}; "
            "in one dimension write uniform([0.0], [1.0])."
        )
    if not (corners[0] < corners[1]).all():
        raise ValueError(f"low must be below high everywhere, got {low} and {high}.")
    return Uniform(jnp.asarray(corners[0]), jnp.asarray(corners[1]))


def _promoted(x: Any, density: Any) -> list[Any]:
    """Returns a density's parameters, promoted to the dtype of points x."""
    parameters = jax.tree.leaves(density)
    dtype = jnp.result_type(x, *parameters)
    return [jnp.asarray(a, dtype) for a in parameters]


def _matvec(matrices: Any, vectors: Any) -> Any:
    # No matmul: on accelerators it would round float32 to fewer bits.
    return (matrices * vectors[..., None, :]).sum(axis=-1)
