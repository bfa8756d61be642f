"""f-divergences as data, for the f-GAN of Nowozin et al. 2016 (arXiv:1606.00709).

For a convex f with f(1) = 0, D_f(p || q) = E_q[f(p/q)]. Its convex conjugate
f*(t) = sup over u >= 0 of (u t - f(u)) gives a bound for every critic T,

    D_f(p || q) >= E_p[T] - E_q[f*(T)],    with equality where T = f'(p/q).

A network's output v is any real number, while T must stay in the domain of f*, so
T = g(v) with an output activation g. p is the data, q the generator. All functions are
elementwise and keep the dtype; f* is +inf outside its domain. The code uses exp(v) - 1
rather than expm1(v), since JAX computes the derivative of expm1 as expm1(v) + 1, which
is zero for v < -17.

Example:
    >>> import jax.numpy as jnp
    >>> u = jnp.array(3.0)  # the density ratio p/q somewhere
    >>> t = pearson.optimal_critic(u)
    >>> print(t, u * t - pearson.conjugate(t), pearson.f(u))
    4.0 4.0 4.0
"""

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import jax
import jax.numpy as jnp
from jax.nn import log1mexp, softplus
from jax.scipy.special import xlogy
from jaxtyping import Array

Elementwise: TypeAlias = Callable[[Array], Array]
"""A function of one array, element by element."""

_LOG_2 = math.log(2.0)
_LOG_4 = math.log(4.0)


@dataclass(frozen=True)
class Divergence:
    """An f-divergence, with the functions that an f-GAN needs.

    Attributes:
        name: a readable name.
        f: f(u) for a density ratio u = p/q > 0; convex, f(1) = 0.
        conjugate: f*(t), the supremum over u >= 0; constant where u = 0 attains it.
        activation: g(v), from any real number into the domain of f*.
        conjugate_activation: f*(g(v)) in closed form, which loses fewer digits than
            composing the two.
        optimal_critic: f'(u), the T that makes the variational bound tight.
    """

    name: str
    f: Elementwise
    conjugate: Elementwise
    activation: Elementwise
    conjugate_activation: Elementwise
    optimal_critic: Elementwise


def _identity(v: Array) -> Array:
    return v


def _within(inside: Array, function: Elementwise, t: Array, default: float) -> Array:
    """Returns function(t) inside, else `default`; NaN in neither value nor gradient."""
    safe = jnp.where(inside, t, jnp.ones_like(t))
    return jnp.where(inside, function(safe), default)


kl = Divergence(
    name="kl",
    f=lambda u: xlogy(u, u),
    conjugate=lambda t: jnp.exp(t - 1),
    activation=_identity,
    conjugate_activation=lambda v: jnp.exp(v - 1),
    optimal_critic=lambda u: 1 + jnp.log(u),
)
"""Kullback-Leibler, KL(p || q) = E_p[log(p/q)]."""

reverse_kl = Divergence(
    name="reverse_kl",
    f=lambda u: -jnp.log(u),
    conjugate=lambda t: _within(-t > 0, lambda s: -1 - jnp.log(s), -t, jnp.inf),
    activation=lambda v: -jnp.exp(-v),
    conjugate_activation=lambda v: v - 1,
    optimal_critic=lambda u: -1 / u,
)
"""Reverse Kullback-Leibler, KL(q || p). The domain of f* is t < 0."""

jensen_shannon = Divergence(
    name="jensen_shannon",
    f=lambda u: (xlogy(u, u) - (u + 1) * (jnp.log1p(u) - _LOG_2)) / 2,
    # 2 - exp(2t) = 2 (1 - exp(-s)) with s = log 2 - 2t
    conjugate=lambda t: _within(
        t < _LOG_2 / 2, lambda s: -(_LOG_2 + log1mexp(s)) / 2, _LOG_2 - 2 * t, jnp.inf
    ),
    activation=lambda v: (_LOG_2 - softplus(-v)) / 2,
    conjugate_activation=lambda v: (softplus(v) - _LOG_2) / 2,
    optimal_critic=lambda u: (_LOG_2 - jnp.log1p(1 / u)) / 2,
)
"""Jensen-Shannon, the standard one in [0, log 2]: the mean of two KLs to (p + q)/2.

The domain of f* is t < log(2)/2. Nowozin's tables leave out the factor 1/2, so theirs
is twice this.
"""

gan = Divergence(
    name="gan",
    f=lambda u: xlogy(u, u) - (u + 1) * jnp.log1p(u) + _LOG_4,
    conjugate=lambda t: _within(-t > 0, lambda s: -log1mexp(s) - _LOG_4, -t, jnp.inf),
    activation=lambda v: -softplus(-v),
    conjugate_activation=lambda v: softplus(v) - _LOG_4,
    optimal_critic=lambda u: -jnp.log1p(1 / u),
)
"""The divergence of the original game, twice `jensen_shannon`, in [0, log 4].

The log 4 makes f(1) = 0, so the value of the game of Goodfellow et al. 2014 is this
bound minus log 4. The domain of f* is t < 0; v is the logit of the usual discriminator.
"""


def _pearson_conjugate(t: Array) -> Array:
    s = jnp.maximum(t, -2.0)  # below -2 the best u is 0, and f* is -f(0) = -1
    return s * s / 4 + s


pearson = Divergence(
    name="pearson",
    f=lambda u: jnp.square(u - 1),
    conjugate=_pearson_conjugate,
    activation=_identity,
    conjugate_activation=_pearson_conjugate,
    optimal_critic=lambda u: 2 * (u - 1),
)
"""Pearson chi-squared, E_q[(p/q - 1)^2].

Nowozin's tables give f* = t^2/4 + t for all t, the supremum over negative u as well.
Over u >= 0, f* is constant below t = -2, which makes the bound tighter.
"""

neyman = Divergence(
    name="neyman",
    f=lambda u: jnp.square(1 - u) / u,
    conjugate=lambda t: _within(
        1 - t >= 0, lambda s: 2 - 2 * jnp.sqrt(s), 1 - t, jnp.inf
    ),
    activation=lambda v: 1 - jnp.exp(-v),
    conjugate_activation=lambda v: 2 - 2 * jnp.exp(-v / 2),
    optimal_critic=lambda u: 1 - 1 / (u * u),
)
"""Neyman chi-squared, E_p[(q/p - 1)^2]: `pearson` with p and q exchanged.

The domain of f* is t <= 1.
"""

squared_hellinger = Divergence(
    name="squared_hellinger",
    f=lambda u: jnp.square(jnp.sqrt(u) - 1),
    conjugate=lambda t: _within(1 - t > 0, lambda s: (1 - s) / s, 1 - t, jnp.inf),
    activation=lambda v: 1 - jnp.exp(-v),
    conjugate_activation=lambda v: jnp.exp(v) - 1,
    optimal_critic=lambda u: 1 - 1 / jnp.sqrt(u),
)
"""Squared Hellinger, integral of (√p - √q)^2, in [0, 2]. The domain of f* is t < 1."""

total_variation = Divergence(
    name="total_variation",
    f=lambda u: jnp.abs(u - 1) / 2,
    conjugate=lambda t: jnp.where(t <= 0.5, jnp.maximum(t, -0.5), jnp.inf),
    activation=lambda v: jnp.tanh(v) / 2,
    conjugate_activation=lambda v: jnp.tanh(v) / 2,
    optimal_critic=lambda u: jnp.sign(u - 1) / 2,
)
"""Total variation, half the integral of |p - q|, in [0, 1].

The domain of f* is t <= 1/2.

In float32 the gradient of tanh is 0 beyond |v| = 9, where it should be below 1e-7.
"""


@jax.custom_jvp
def _minus_log_ratio(t: Array) -> Array:
    """Solves exp(y) + y = 1 - t; y is -log u at the u that attains Jeffreys' f*."""
    z = 1 - t
    # exp(y) + y is convex and increasing, and both starts lie right of the root, so
    # Newton's method decreases to it; six steps reach float64 for |t| <= 1e4.
    y = jnp.where(z > 1, jnp.log(jnp.maximum(z, 1)), jnp.minimum(z, 0))
    for _ in range(6):
        y = y - (jnp.exp(y) + y - z) / (jnp.exp(y) + 1)
    return y


@_minus_log_ratio.defjvp
def _minus_log_ratio_jvp(
    primals: tuple[Array], tangents: tuple[Array]
) -> tuple[Array, Array]:
    # By the implicit function theorem, not through Newton's steps: exact, to any order.
    y = _minus_log_ratio(*primals)
    return y, -jax.nn.sigmoid(-y) * tangents[0]


def _jeffreys_conjugate(t: Array) -> Array:
    y = _minus_log_ratio(t)
    return jnp.exp(-y) - 1 - y


jeffreys = Divergence(
    name="jeffreys",
    f=lambda u: (u - 1) * jnp.log(u),
    conjugate=_jeffreys_conjugate,
    activation=_identity,
    conjugate_activation=_jeffreys_conjugate,
    optimal_critic=lambda u: jnp.log(u) + 1 - 1 / u,
)
"""Jeffreys, KL(p || q) + KL(q || p).

f*(t) = exp(-y) - 1 - y where exp(y) + y = 1 - t, so exp(y) is the Wright omega
function of 1 - t.
"""


def _log_softplus(x: Array) -> Array:
    """Computes log(softplus(x)), even where softplus(x) underflows."""
    low = x < -15
    tail = jnp.where(low, x, -15.0)
    body = jnp.where(low, -15.0, x)
    return jnp.where(low, tail - jnp.exp(tail) / 2, jnp.log(softplus(body)))


@functools.cache  # equal orders give the same value, so that equal GANs hash equal
def _alpha(a: float) -> Divergence:
    power = a / (a - 1)

    def conjugate(t: Array) -> Array:
        w = 1 + (a - 1) * t  # u^(a - 1) at the u that attains the supremum
        outside = -1 / a if a > 1 else jnp.inf
        value = _within(w > 0, lambda s: (s**power - 1) / a, w, outside)
        # For a < 0 the supremum at w = 0 is approached as u grows, and finite.
        return jnp.where(w == 0, -1 / a, value) if a < 0 else value

    def conjugate_activation(v: Array) -> Array:
        # w = (1 - a) softplus(-v), by its logarithm: w itself may underflow.
        log_w = math.log(1 - a) + _log_softplus(-v)
        return (jnp.exp(power * log_w) - 1) / a

    return Divergence(
        name=f"alpha({a:g})",
        f=lambda u: (u**a - 1 - a * (u - 1)) / (a * (a - 1)),
        conjugate=conjugate,
        activation=_identity if a > 1 else lambda v: 1 / (1 - a) - softplus(-v),
        conjugate_activation=conjugate if a > 1 else conjugate_activation,
        optimal_critic=lambda u: (u ** (a - 1) - 1) / (a - 1),
    )


def alpha(a: float | int, /) -> Divergence:
    """The alpha-divergence, f(u) = (u^a - 1 - a (u - 1)) / (a (a - 1)).

    f*(t) = (w^(a/(a-1)) - 1) / a with w = 1 + (a - 1) t. For a > 1 it is -1/a where
    w < 0, since u = 0 attains the supremum there; for a < 1 its domain is
    t < 1/(1 - a). As a tends to 1 or 0 the divergence tends to `kl` or `reverse_kl`;
    alpha(2) is half of `pearson`, alpha(-1) half of `neyman` and alpha(0.5) twice
    `squared_hellinger`.

    Args:
        a: the order, neither 0 nor 1.

    Returns:
        The divergence; equal orders give equal divergences.

    Raises:
        ValueError: a is 0 or 1, or not finite.

    Example:
        >>> import jax.numpy as jnp
        >>> print(alpha(2).f(jnp.array(3.0)), pearson.f(jnp.array(3.0)) / 2)
        2.0 2.0
    """
    if a in (0, 1) or not math.isfinite(a):
        raise ValueError(
            f"alpha expected a finite order other than 0 and 1, got {a}; "
            "the limits at 1 and 0 are divergences.kl and divergences.reverse_kl."
        )
    return _alpha(float(a))


ALL = (
    kl,
    reverse_kl,
    jensen_shannon,
    gan,
    pearson,
    neyman,
    squared_hellinger,
    total_variation,
    jeffreys,
    alpha(0.5),
    alpha(2),
    alpha(-1),
)
"""Every divergence above, with three orders of `alpha`."""
