"""Any density in one or two dimensions, from a function that need not be normalised."""

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgan.theory.densities import Extent, Points
from jaxgan.typing import Key

_CELLS = {1: 4096, 2: 256}  # per axis


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True, eq=False)
class Tabulated:
    """A density proportional to exp(log_f) on a box; make one with `from_log_function`.

    Attributes:
        log_f: maps one point [d] to the log of the density, up to a constant.
        low: the box's lower corner, shape [d].
        high: its upper corner, shape [d].
        log_normaliser: the log of the integral of exp(log_f), a scalar.
        cdfs: the distribution function over the cells of the first axis, [m + 1], and
            in two dimensions that of the second given the first, [m m + 1].
    """

    log_f: Callable[[Any], Any] = dataclasses.field(metadata={"static": True})
    low: Any
    high: Any
    log_normaliser: Any
    cdfs: Any

    @partial(jax.jit, static_argnames="n")
    def sample(self, key: Key, n: int) -> Float[Array, "n d"]:
        """Draws independent points by the inverse distribution function, axis by axis.

        They follow the density averaged over each cell, and are uniform inside it.
        """
        d, cells = self.low.shape[0], self.cdfs[0].shape[0] - 1
        u = jax.random.uniform(key, (n, d), self.low.dtype)
        cell, inside = jax.vmap(_invert, in_axes=(None, 0))(self.cdfs[0], u[:, 0])
        position = [cell + inside]
        if d == 2:
            second, inside = jax.vmap(_invert)(self.cdfs[1][cell], u[:, 1])
            position.append(second + inside)
        width = (self.high - self.low)[None, :] / cells
        return self.low[None, :] + jnp.stack(position, axis=1) * width

    @jax.jit
    def log_density(self, x: Float[Points, "*n d"]) -> Float[Array, "*n"]:
        """Computes log_f minus the log normaliser inside the box, -inf outside."""

        def at(point):
            inside = ((self.low <= point) & (point <= self.high)).all()
            # Points outside are replaced: log_f may be undefined there.
            safe = jnp.where(inside, point, (self.low + self.high) / 2)
            return jnp.where(inside, self.log_f(safe) - self.log_normaliser, -jnp.inf)

        return jnp.vectorize(at, signature="(d)->()")(x)

    def extent(self) -> Extent:
        """Returns the box; the density may change from each cell to the next."""
        low, high = np.asarray(self.low, np.float64), np.asarray(self.high, np.float64)
        # Twice the width of a cell: a quadrature then has two nodes or more in each.
        scale = 2 * (high - low).min() / (self.cdfs[0].shape[0] - 1)
        return Extent(low[None], high[None], scale[None])


def from_log_function(
    log_f: Callable[[Any], Any],
    low: Sequence[float],
    high: Sequence[float],
    *,
    cells: int | None = None,
) -> Tabulated:
    """Makes the density proportional to exp(log_f) on the box from low to high.

    The normaliser is the midpoint rule over the cells, in float64; its error, like that
    of the samples, falls with the square of the cell's width where log_f is smooth.

    Args:
        log_f: a JAX function from one point, shape [d], to a scalar; -inf where the
            density is zero.
        low: the lower corner, shape [d], with d one or two.
        high: the upper corner.
        cells: number along each axis; by default 4096 in one dimension, 256 in two.

    Raises:
        ValueError: on more than two dimensions, an empty box, or a function that is
            NaN or infinite in the box, or zero everywhere.

    Example:
        >>> triangle = from_log_function(lambda x: jnp.log(x[0]), [0.0], [2.0])
        >>> print(triangle.log_density(jnp.array([[2.0], [3.0]])).round(5))
        [  0. -inf]
    """
    corners = np.asarray(low, np.float64), np.asarray(high, np.float64)
    d = len(corners[0])
    if d not in _CELLS or len(corners[1]) != d:
        raise ValueError(f"Expected corners in 1-D or 2-D, got {low} and {high}.")
    if not (corners[0] < corners[1]).all():
        raise ValueError(f"low must be below high everywhere, got {low} and {high}.")
    m = _CELLS[d] if cells is None else cells
    width = (corners[1] - corners[0]) / m
    axes = [
        a + w * (np.arange(m) + 0.5) for a, w in zip(corners[0], width, strict=True)
    ]
    middles = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    with jax.enable_x64(True):
        at_points = jax.jit(jnp.vectorize(log_f, signature="(d)->()"))
        log_values = np.asarray(at_points(jnp.asarray(middles)), np.float64)
    if np.isnan(log_values).any() or not np.isfinite(log_values.max()):
        raise ValueError(
            "log_f must be below infinity, never NaN and somewhere above -inf in the "
            f"box; over its cells the maximum was {log_values.max()}."
        )
    mass = np.exp(log_values - log_values.max())
    log_normaliser = log_values.max() + np.log(mass.sum() * width.prod())
    return Tabulated(
        log_f=log_f,
        low=jnp.asarray(corners[0]),
        high=jnp.asarray(corners[1]),
        log_normaliser=jnp.asarray(log_normaliser),
        cdfs=tuple(jnp.asarray(c) for c in _cdfs(mass)),
    )


def _cdfs(mass: np.ndarray) -> list[np.ndarray]:
    """Returns the first axis' distribution function, and the second's given it."""
    if mass.ndim == 1:
        return [_cdf(mass)]
    # A row without mass is never drawn; ones keep it from being 0/0.
    empty = mass.sum(axis=1, keepdims=True) == 0
    return [_cdf(mass.sum(axis=1)), _cdf(np.where(empty, 1.0, mass))]


def _cdf(mass: np.ndarray) -> np.ndarray:
    total = np.cumsum(mass, axis=-1)
    zero = np.zeros((*mass.shape[:-1], 1))
    return np.concatenate([zero, total / total[..., -1:]], axis=-1)


def _invert(cdf: Any, u: Any) -> tuple[Any, Any]:
    """Returns the cell of u in [0, 1), never an empty one, and the position inside."""
    cell = jnp.searchsorted(cdf, u, side="right") - 1
    below, above = cdf[cell], cdf[cell + 1]
    return cell, (u - below) / (above - below)
