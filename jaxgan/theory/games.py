"""Two players as one dynamical system: vector fields, updates, and their eigenvalues.

The players' parameters are a point x = (g, d), and each descends its own loss. So they
follow the field

    v(x) = (-grad_g L_g(g, d), -grad_d L_d(g, d)),

which is in general not a gradient: its Jacobian v' need not be symmetric, and its
eigenvalues need not be real. An update is a map x -> F(x); near a point where v = 0 it
converges if all eigenvalues of F' lie inside the unit circle, and diverges if one lies
outside. Everything runs in the dtype of the point.

Example:
    On the bilinear game the eigenvalues of the field are imaginary. Simultaneous
    descent turns them into 1 ± 0.5i, outside the circle; extragradient brings them in.

    >>> game, origin = bilinear([[1.0]]), (jnp.zeros(1), jnp.zeros(1))
    >>> for update in (simultaneous, extragradient):
    ...     method = update(game, rate=0.5)
    ...     radius = abs(eigenvalues(method.step, method.start(origin))).max()
    ...     print(f"{radius:.3f}")
    1.118
    0.901
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.flatten_util import ravel_pytree
from jax.nn import softplus
from jaxtyping import Complex

from jaxgan.typing import Scalar

Point: TypeAlias = tuple[Any, Any]
"""The parameters of both players, (g, d): any two pytrees."""


@dataclass(frozen=True)
class Game:
    """The losses of the two players.

    Attributes:
        g_loss: ``(g, d) -> scalar``, the generator's loss.
        d_loss: ``(g, d) -> scalar``, the discriminator's loss.
    """

    g_loss: Callable[[Any, Any], Any]
    d_loss: Callable[[Any, Any], Any]


class Method(NamedTuple):
    """An update rule as a map of states; a state is (point, memory).

    Attributes:
        start: a function from a point to the initial state.
        step: a function from a state to the next.
    """

    start: Callable[[Point], Any]
    step: Callable[[Any], Any]


def bilinear(matrix: Any, *, gamma: Scalar = 0.0) -> Game:
    """The game max over g, min over d of g^T A d, a critic's score of the fakes.

    L_g = -g^T A d and L_d = g^T A d + gamma/2 |d|^2. The one equilibrium is the origin;
    there, and everywhere, the field has the eigenvalues ±i times the singular values of
    A. For A = [[1]] it is the Dirac-GAN of a Wasserstein loss, gamma its R1.

    Args:
        matrix: A, shape [n m].
        gamma: R1's gamma.
    """
    a = np.asarray(matrix)
    score = lambda g, d: g @ jnp.asarray(a, g.dtype) @ d
    return Game(
        g_loss=lambda g, d: -score(g, d),
        d_loss=lambda g, d: score(g, d) + gamma / 2 * (d @ d),
    )


def dirac_gan(*, gamma: Scalar = 0.0) -> Game:
    """The Dirac-GAN: data at 0, a generator of the one point g, and D(x) = d x.

    With the minimax loss, L_g = -softplus(g d) and L_d = log 2 + softplus(g d) +
    gamma/2 d^2, where the last term is R1. The equilibrium is the origin. There the
    field has the eigenvalues -gamma/2 ± sqrt(gamma^2/4 - 1/4).

    Args:
        gamma: R1's gamma.

    References:
        Mescheder, Geiger & Nowozin 2018, arXiv:1801.04406.
    """
    score = lambda g, d: softplus(g @ d)
    return Game(
        g_loss=lambda g, d: -score(g, d),
        d_loss=lambda g, d: score(g, d) + softplus(0.0) + gamma / 2 * (d @ d),
    )


def dirac_rpgan(*, gamma: Scalar = 0.0) -> Game:
    """The Dirac-GAN with relativistic pairs: data at 0, one point g, and D(x) = d x.

    L_g = softplus(-g d) and L_d = softplus(g d) + gamma/2 d^2, where the last term is
    R1 or, which is the same here, R2; for both of R3GAN's, give twice its gamma. The
    equilibrium is the origin. There the field has the eigenvalues -gamma/2 ±
    sqrt(gamma^2/4 - f'(0)^2), where f'(0) = 1/2 is softplus's slope, as with
    `dirac_gan`: without a penalty small deviations circle, with one they shrink.

    The paper analyses the zero-sum form, L_g = -softplus(g d), whose field is that of
    `dirac_gan` everywhere. Its experiments, and this, have a generator that does not
    saturate; at the origin the fields' Jacobians are equal.

    Args:
        gamma: the gamma of R1 or R2.

    References:
        Huang et al. 2024, arXiv:2501.05441, appendix B.
    """
    score = lambda g, d: g @ d
    return Game(
        g_loss=lambda g, d: softplus(-score(g, d)),
        d_loss=lambda g, d: softplus(score(g, d)) + gamma / 2 * (d @ d),
    )


def field(game: Game, point: Point) -> Point:
    """Computes v(x), the direction of each player's own gradient descent."""
    downhill = lambda loss, player: jax.grad(loss, argnums=player)(*point)
    gradients = downhill(game.g_loss, 0), downhill(game.d_loss, 1)
    return jax.tree.map(jnp.negative, gradients)


def simultaneous(game: Game, *, rate: Scalar) -> Method:
    """Moves both players at once, to x + rate v(x)."""
    return _memoryless(lambda x: _add(x, rate, field(game, x)))


def alternating(game: Game, *, rate: Scalar) -> Method:
    """Moves the discriminator, then the generator against the new discriminator.

    It is Algorithm 1 with k = 1 (Goodfellow et al. 2014, arXiv:1406.2661).
    """

    def step(x):
        g, d = x
        d = _add(d, rate, field(game, (g, d))[1])
        return _add(g, rate, field(game, (g, d))[0]), d

    return _memoryless(step)


def extragradient(game: Game, *, rate: Scalar) -> Method:
    """Moves to x + rate v(x + rate v(x)): the field is taken one step ahead.

    References:
        Korpelevich 1976; for GANs Gidel et al. 2019, arXiv:1802.10551.
    """

    def step(x):
        ahead = _add(x, rate, field(game, x))
        return _add(x, rate, field(game, ahead))

    return _memoryless(step)


def consensus(game: Game, *, rate: Scalar, weight: Scalar) -> Method:
    """Moves to x + rate (v(x) - weight grad 1/2 |v(x)|^2): both also reduce |v|.

    The gradient is v'(x)^T v(x), one vector-Jacobian product.

    References:
        Mescheder, Nowozin & Geiger 2017, arXiv:1705.10461.
    """

    def step(x):
        v, pull_back = jax.vjp(lambda x: field(game, x), x)
        (gradient,) = pull_back(v)
        return _add(_add(x, rate, v), -rate * weight, gradient)

    return _memoryless(step)


def optimistic(game: Game, *, rate: Scalar) -> Method:
    """Moves to x + 2 rate v(x) - rate v(x before): the field is extrapolated.

    The memory is the last field; the first step, which has none, is simultaneous.

    References:
        Daskalakis et al. 2018, arXiv:1711.00141.
    """

    def step(state):
        x, last = state
        v = field(game, x)
        return _add(_add(x, 2 * rate, v), -rate, last), v

    return Method(start=lambda x: (x, field(game, x)), step=step)


def trajectory(method: Method, point: Point, *, steps: int) -> Point:
    """Returns the points of the first steps and the start: leaves [steps + 1 ...]."""

    def one(state, _):
        return method.step(state), state[0]

    return lax.scan(one, method.start(point), None, length=steps + 1)[1]


def eigenvalues(function: Callable[[Any], Any], at: Any) -> Complex[np.ndarray, " n"]:
    """Computes the eigenvalues of the Jacobian of a map from a pytree to one like it.

    Each column is one Jacobian-vector product.

    Args:
        function: the map, such as a method's ``step``, or ``lambda x: field(game, x)``.
        at: a state of the method, or a point.
    """
    flat, unravel = ravel_pytree(at)
    on_vectors = lambda x: ravel_pytree(function(unravel(x)))[0]
    column = lambda tangent: jax.jvp(on_vectors, (flat,), (tangent,))[1]
    basis = jnp.eye(flat.size, dtype=flat.dtype)
    jacobian = jax.vmap(column, out_axes=1)(basis)
    return np.linalg.eigvals(np.asarray(jacobian)).astype(np.complex128)


def _memoryless(step: Callable[[Point], Point]) -> Method:
    return Method(start=lambda x: (x, ()), step=lambda state: (step(state[0]), ()))


def _add(x: Any, factor: Scalar, y: Any) -> Any:
    return jax.tree.map(lambda x, y: x + factor * y, x, y)
