"""NumPy float64 twins of the maths, with gradients derived by hand.

Each is written in the plainest form that float64 bears, and nothing here comes from
jaxgan. Where a twin exceeds float64 it is inf, as it should be.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, wrightomega, xlogy

LOG_2, LOG_4 = np.log(2.0), np.log(4.0)


def softplus(x):
    return np.logaddexp(0.0, x)


@dataclass(frozen=True)
class LossTwin:
    """A loss of logits (r, f), and its derivatives."""

    d: Callable
    d_by_real: Callable
    d_by_fake: Callable
    g: Callable
    g_by_real: Callable
    g_by_fake: Callable


def _classifier(g, g_by_fake):
    return LossTwin(
        d=lambda r, f: softplus(-r) + softplus(f),
        d_by_real=lambda r, f: -expit(-r),
        d_by_fake=lambda r, f: expit(f),
        g=lambda r, f: g(f),
        g_by_real=lambda r, f: 0 * r,
        g_by_fake=lambda r, f: g_by_fake(f),
    )


def least_squares_twin(a, b, c):
    return LossTwin(
        d=lambda r, f: (r - b) ** 2 / 2 + (f - a) ** 2 / 2,
        d_by_real=lambda r, f: r - b,
        d_by_fake=lambda r, f: f - a,
        g=lambda r, f: (f - c) ** 2 / 2,
        g_by_real=lambda r, f: 0 * r,
        g_by_fake=lambda r, f: f - c,
    )


LOSSES = {
    "minimax": _classifier(lambda f: -softplus(f), lambda f: -expit(f)),
    "non_saturating": _classifier(lambda f: softplus(-f), lambda f: -expit(-f)),
    "least_squares": least_squares_twin(0, 1, 1),
    "wasserstein": LossTwin(
        d=lambda r, f: f - r,
        d_by_real=lambda r, f: -1 + 0 * r,
        d_by_fake=lambda r, f: 1 + 0 * f,
        g=lambda r, f: -f,
        g_by_real=lambda r, f: 0 * r,
        g_by_fake=lambda r, f: -1 + 0 * f,
    ),
    "hinge": LossTwin(
        d=lambda r, f: np.maximum(0, 1 - r) + np.maximum(0, 1 + f),
        d_by_real=lambda r, f: np.where(r < 1, -1.0, 0.0),
        d_by_fake=lambda r, f: np.where(f > -1, 1.0, 0.0),
        g=lambda r, f: -f,
        g_by_real=lambda r, f: 0 * r,
        g_by_fake=lambda r, f: -1 + 0 * f,
    ),
    "relativistic": LossTwin(
        d=lambda r, f: softplus(f - r),
        d_by_real=lambda r, f: -expit(f - r),
        d_by_fake=lambda r, f: expit(f - r),
        g=lambda r, f: softplus(r - f),
        g_by_real=lambda r, f: expit(r - f),
        g_by_fake=lambda r, f: -expit(r - f),
    ),
}


@dataclass(frozen=True)
class DivergenceTwin:
    """f(u), f'(u), g(v), g'(v), f*(g(v)) and its derivative in v; t's domain [.., top).

    The conjugate is left out: the tests take its supremum numerically.
    """

    f: Callable
    slope: Callable
    g: Callable
    g_slope: Callable
    conjugate_g: Callable
    conjugate_g_slope: Callable
    top: float = np.inf


def _one(v):
    return np.ones_like(v)


def _jeffreys_log_u(v):
    """log u where f'(u) = v: exp(y) + y = 1 - v with y = -log u."""
    return wrightomega(1 - v) - (1 - v)


def alpha_twin(a):
    w = (lambda v: np.maximum(1 + (a - 1) * v, 0)) if a > 1 else None
    w = w or (lambda v: (1 - a) * softplus(-v))
    g_slope = _one if a > 1 else lambda v: expit(-v)
    return DivergenceTwin(
        f=lambda u: (u**a - 1 - a * (u - 1)) / (a * (a - 1)),
        slope=lambda u: (u ** (a - 1) - 1) / (a - 1),
        g=(lambda v: v) if a > 1 else (lambda v: 1 / (1 - a) - softplus(-v)),
        g_slope=g_slope,
        conjugate_g=lambda v: (w(v) ** (a / (a - 1)) - 1) / a,
        conjugate_g_slope=lambda v: w(v) ** (1 / (a - 1)) * g_slope(v),
        top=np.inf if a > 1 else 1 / (1 - a),
    )


DIVERGENCES = {
    "kl": DivergenceTwin(
        f=lambda u: xlogy(u, u),
        slope=lambda u: np.log(u) + 1,
        g=lambda v: v,
        g_slope=_one,
        conjugate_g=lambda v: np.exp(v - 1),
        conjugate_g_slope=lambda v: np.exp(v - 1),
    ),
    "reverse_kl": DivergenceTwin(
        f=lambda u: -np.log(u),
        slope=lambda u: -1 / u,
        g=lambda v: -np.exp(-v),
        g_slope=lambda v: np.exp(-v),
        conjugate_g=lambda v: v - 1,
        conjugate_g_slope=_one,
        top=0.0,
    ),
    "jensen_shannon": DivergenceTwin(
        f=lambda u: (xlogy(u, u) - (u + 1) * np.log((u + 1) / 2)) / 2,
        slope=lambda u: np.log(2 * u / (u + 1)) / 2,
        g=lambda v: (LOG_2 - softplus(-v)) / 2,
        g_slope=lambda v: expit(-v) / 2,
        conjugate_g=lambda v: (softplus(v) - LOG_2) / 2,
        conjugate_g_slope=lambda v: expit(v) / 2,
        top=LOG_2 / 2,
    ),
    "gan": DivergenceTwin(
        f=lambda u: xlogy(u, u) - (u + 1) * np.log(u + 1) + LOG_4,
        slope=lambda u: np.log(u / (u + 1)),
        g=lambda v: -softplus(-v),
        g_slope=lambda v: expit(-v),
        conjugate_g=lambda v: softplus(v) - LOG_4,
        conjugate_g_slope=lambda v: expit(v),
        top=0.0,
    ),
    "pearson": DivergenceTwin(
        f=lambda u: (u - 1) ** 2,
        slope=lambda u: 2 * (u - 1),
        g=lambda v: v,
        g_slope=_one,
        conjugate_g=lambda v: np.where(v < -2, -1, v**2 / 4 + v),
        conjugate_g_slope=lambda v: np.where(v < -2, 0, v / 2 + 1),
    ),
    "neyman": DivergenceTwin(
        f=lambda u: (1 - u) ** 2 / u,
        slope=lambda u: 1 - u**-2.0,
        g=lambda v: 1 - np.exp(-v),
        g_slope=lambda v: np.exp(-v),
        conjugate_g=lambda v: 2 - 2 * np.exp(-v / 2),
        conjugate_g_slope=lambda v: np.exp(-v / 2),
        top=1.0,
    ),
    "squared_hellinger": DivergenceTwin(
        f=lambda u: (np.sqrt(u) - 1) ** 2,
        slope=lambda u: 1 - u**-0.5,
        g=lambda v: 1 - np.exp(-v),
        g_slope=lambda v: np.exp(-v),
        conjugate_g=lambda v: np.exp(v) - 1,
        conjugate_g_slope=lambda v: np.exp(v),
        top=1.0,
    ),
    "total_variation": DivergenceTwin(
        f=lambda u: np.abs(u - 1) / 2,
        slope=lambda u: np.sign(u - 1) / 2,
        g=lambda v: np.tanh(v) / 2,
        g_slope=lambda v: 2 * expit(2 * v) * expit(-2 * v),
        conjugate_g=lambda v: np.tanh(v) / 2,
        conjugate_g_slope=lambda v: 2 * expit(2 * v) * expit(-2 * v),
        top=0.5,
    ),
    "jeffreys": DivergenceTwin(
        f=lambda u: (u - 1) * np.log(u),
        slope=lambda u: np.log(u) + 1 - 1 / u,
        g=lambda v: v,
        g_slope=_one,
        conjugate_g=lambda v: np.exp(_jeffreys_log_u(v)) - 1 + _jeffreys_log_u(v),
        conjugate_g_slope=lambda v: np.exp(_jeffreys_log_u(v)),
    ),
    "alpha(0.5)": alpha_twin(0.5),
    "alpha(2)": alpha_twin(2.0),
    "alpha(-1)": alpha_twin(-1.0),
    "alpha(0.3)": alpha_twin(0.3),
    "alpha(3)": alpha_twin(3.0),
}


def f_gan_twin(name, saturating):
    """The f-GAN's losses, composed from the divergence's twin."""
    twin = DIVERGENCES[name]
    reward, slope = twin.g, twin.g_slope
    if saturating:
        reward, slope = twin.conjugate_g, twin.conjugate_g_slope
    return LossTwin(
        d=lambda r, f: -twin.g(r) + twin.conjugate_g(f),
        d_by_real=lambda r, f: -twin.g_slope(r),
        d_by_fake=lambda r, f: twin.conjugate_g_slope(f),
        g=lambda r, f: -reward(f),
        g_by_real=lambda r, f: 0 * r,
        g_by_fake=lambda r, f: -slope(f),
    )
