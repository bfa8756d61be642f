"""The f-divergences: Fenchel-Young, numerical suprema, and bounds by quadrature."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from jaxgan import divergences
from tests import references

ALL = (*divergences.ALL, divergences.alpha(0.3), divergences.alpha(3))
every_divergence = pytest.mark.parametrize("divergence", ALL, ids=lambda d: d.name)
RATIOS = np.exp(np.linspace(-4, 4, 41))


@pytest.fixture
def x64():
    """Float64 throughout, so that a test sees the maths and not the rounding."""
    with jax.enable_x64(True):
        yield


def _twin(divergence):
    return references.DIVERGENCES[divergence.name]


def _arguments(twin):
    """Points of the domain of f*, through the flat part where there is one."""
    top = min(twin.top, 4.0)
    return np.concatenate(
        [np.linspace(-6, top - 0.6, 23), top - 0.5 ** np.arange(1, 5)]
    )


@every_divergence
def test_f_matches_twin_and_vanishes_at_one(divergence, x64):
    np.testing.assert_allclose(
        divergence.f(jnp.asarray(RATIOS)), _twin(divergence).f(RATIOS), atol=1e-12
    )
    np.testing.assert_allclose(divergence.f(jnp.ones(1)), [0.0], atol=1e-12)


@every_divergence
def test_f_is_convex(divergence, x64):
    u, v = (x.ravel() for x in np.meshgrid(RATIOS, RATIOS))
    for weight in (0.1, 0.5, 0.8):
        between = divergence.f(jnp.asarray(weight * u + (1 - weight) * v))
        chord = weight * divergence.f(jnp.asarray(u))
        chord += (1 - weight) * divergence.f(jnp.asarray(v))
        assert (between <= chord + 1e-12).all()


@every_divergence
def test_f_at_zero_is_its_limit(divergence):
    expected = {"reverse_kl": np.inf, "neyman": np.inf, "jeffreys": np.inf}
    expected |= {"alpha(-1)": np.inf, "kl": 0.0, "gan": np.log(4), "pearson": 1.0}
    expected |= {"jensen_shannon": np.log(2) / 2, "squared_hellinger": 1.0}
    expected |= {"total_variation": 0.5, "alpha(0.5)": 2.0, "alpha(2)": 0.5}
    expected |= {"alpha(0.3)": 1 / 0.3, "alpha(3)": 1 / 3}
    np.testing.assert_allclose(
        divergence.f(jnp.zeros(())), expected[divergence.name], rtol=1e-6
    )


@every_divergence
def test_conjugate_is_the_numerical_supremum(divergence, x64):
    twin = _twin(divergence)
    u = np.exp(np.linspace(-30, 15, 90_001))  # u = 1, a kink of one f, is in it
    t = _arguments(twin)
    supremum = np.array([np.max(x * u - twin.f(u)) for x in t])
    np.testing.assert_allclose(
        divergence.conjugate(jnp.asarray(t)), supremum, rtol=1e-5, atol=1e-6
    )


@every_divergence
def test_conjugate_is_infinite_outside_its_domain(divergence):
    top = _twin(divergence).top
    outside = jnp.asarray(top + np.array([1e-3, 1.0, 100.0]), jnp.float32)
    expected = top != np.inf
    assert np.isposinf(divergence.conjugate(outside)).all() or not expected
    inside = jnp.asarray(min(top, 50.0) - np.array([1e-3, 1.0, 140.0]), jnp.float32)
    assert np.isfinite(divergence.conjugate(inside)).all()


@every_divergence
def test_conjugate_gradient_is_never_nan(divergence):
    t = jnp.linspace(-100.0, 100.0, 801)
    gradient = jax.jit(jax.vmap(jax.grad(divergence.conjugate)))(t)
    assert not np.isnan(gradient).any()


@every_divergence
def test_optimal_critic_is_the_slope_of_f(divergence, x64):
    u = jnp.asarray(RATIOS[np.abs(RATIOS - 1) > 1e-9])  # |u - 1| has a kink
    critic = divergence.optimal_critic(u)
    slope = jax.jit(jax.vmap(jax.grad(divergence.f)))(u)
    np.testing.assert_allclose(critic, slope, atol=1e-10)
    np.testing.assert_allclose(critic, _twin(divergence).slope(np.asarray(u)), 1e-10)


@every_divergence
def test_fenchel_young_holds_with_equality_at_the_optimum(divergence, x64):
    t = _arguments(_twin(divergence))
    f, conjugate = (
        np.asarray(jax.jit(function)(jnp.asarray(x)))
        for function, x in ((divergence.f, RATIOS), (divergence.conjugate, t))
    )
    assert (f[:, None] + conjugate >= RATIOS[:, None] * t - 1e-9).all()
    best = divergence.optimal_critic(jnp.asarray(RATIOS))
    attained = RATIOS * best - jax.jit(divergence.conjugate)(best)
    np.testing.assert_allclose(attained, f, rtol=1e-9, atol=1e-9)


@every_divergence
def test_activation_stays_in_the_domain(divergence):
    t = divergence.activation(jnp.linspace(-100.0, 100.0, 401))
    assert not np.isnan(t).any()
    assert (t <= _twin(divergence).top).all()
    assert (np.diff(t[np.isfinite(t)]) >= 0).all()


@every_divergence
def test_conjugate_activation_is_the_composition(divergence, x64):
    v = jnp.linspace(-8.0, 8.0, 161)
    composed = lambda v: divergence.conjugate(divergence.activation(v))

    @jax.jit
    def everything(v):
        direct = divergence.conjugate_activation
        slope = lambda function: jax.vmap(jax.grad(function))(v)
        return direct(v), composed(v), slope(direct), slope(composed)

    value, composed_value, slope, composed_slope = everything(v)
    np.testing.assert_allclose(value, composed_value, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(slope, composed_slope, rtol=1e-7, atol=1e-7)


# q is wider than p / sqrt(2) and p wider than q / sqrt(2): both chi-squared exist.
P, Q = stats.norm(0.0, 1.0), stats.norm(0.5, 1.2)
GRID = np.linspace(-16, 16, 20_001)


def _integral(values):
    return integrate.trapezoid(np.asarray(values), GRID)


def _bound(divergence, critic):
    values = P.pdf(GRID) * critic - Q.pdf(GRID) * divergence.conjugate(critic)
    return _integral(values)


@every_divergence
def test_variational_bound_is_tight_at_the_optimal_critic(divergence, x64):
    ratio = P.pdf(GRID) / Q.pdf(GRID)
    truth = _integral(Q.pdf(GRID) * _twin(divergence).f(ratio))
    assert truth > 0.01
    best = divergence.optimal_critic(jnp.asarray(ratio))
    np.testing.assert_allclose(_bound(divergence, best), truth, rtol=1e-5)
    for wrong in (2 * ratio**0.7, np.clip(1.5 * ratio, 0.3, 2), np.ones_like(ratio)):
        worse = divergence.optimal_critic(jnp.asarray(wrong))
        assert _bound(divergence, worse) < truth - 1e-6


def test_divergence_matches_closed_forms_between_gaussians(x64):
    m, s = 0.5, 1.2  # of q; p is the standard normal
    ratio = jnp.asarray(P.pdf(GRID) / Q.pdf(GRID))
    value = lambda d: _integral(Q.pdf(GRID) * d.f(ratio))
    kl = np.log(s) + (1 + m**2) / (2 * s**2) - 0.5
    reverse_kl = -np.log(s) + (s**2 + m**2) / 2 - 0.5
    overlap = np.sqrt(2 * s / (1 + s**2)) * np.exp(-(m**2) / (4 * (1 + s**2)))
    # The integral of p^2 / q and of q^2 / p, by completing the square.
    pearson = s**2 / np.sqrt(2 * s**2 - 1) * np.exp(m**2 / (2 * s**2 - 1)) - 1
    neyman = 1 / (s * np.sqrt(2 - s**2)) * np.exp(m**2 / (2 - s**2)) - 1
    expected = {
        divergences.kl: kl,
        divergences.reverse_kl: reverse_kl,
        divergences.jeffreys: kl + reverse_kl,
        divergences.squared_hellinger: 2 - 2 * overlap,
        divergences.alpha(0.5): 4 - 4 * overlap,
        divergences.pearson: pearson,
        divergences.alpha(2): pearson / 2,
        divergences.neyman: neyman,
        divergences.alpha(-1): neyman / 2,
    }
    for divergence, closed_form in expected.items():
        np.testing.assert_allclose(value(divergence), closed_form, rtol=1e-6)


def test_divergence_of_disjoint_and_shifted_distributions(x64):
    # Far apart: Jensen-Shannon log 2, total variation 1, squared Hellinger 2.
    far = np.array([0.5, 0.5, 0, 0]), np.array([0, 0, 0.5, 0.5])
    p, q = (np.maximum(x, 1e-300) for x in far)
    value = lambda d: np.sum(q * np.asarray(d.f(jnp.asarray(p / q))))
    np.testing.assert_allclose(value(divergences.jensen_shannon), np.log(2))
    np.testing.assert_allclose(value(divergences.gan), 2 * np.log(2))
    np.testing.assert_allclose(value(divergences.total_variation), 1)
    np.testing.assert_allclose(value(divergences.squared_hellinger), 2)
    # Equal Gaussians a distance m apart: total variation 2 Phi(m / 2) - 1.
    shifted = stats.norm(0.8, 1.0).pdf(GRID)
    ratio = jnp.asarray(P.pdf(GRID) / shifted)
    np.testing.assert_allclose(
        _integral(shifted * divergences.total_variation.f(ratio)),
        2 * stats.norm.cdf(0.4) - 1,
        rtol=1e-5,
    )


def test_jeffreys_conjugate_differentiates_to_third_order(x64):
    # (f*)' = u, so (f*)'' = 1 / f''(u) = u^2 / (1 + u), and once more by the chain.
    u = np.exp(np.linspace(-3, 3, 13))
    t = jnp.asarray(references.DIVERGENCES["jeffreys"].slope(u))
    derivative = divergences.jeffreys.conjugate
    slope = u**2 / (1 + u)
    for expected in (u, slope, (u**2 + 2 * u) / (1 + u) ** 2 * slope):
        derivative = jax.grad(derivative)
        np.testing.assert_allclose(
            jax.jit(jax.vmap(derivative))(t), expected, rtol=1e-9
        )


@pytest.mark.parametrize("order", [0, 1, 0.0, 1.0, float("inf"), float("nan")])
def test_alpha_refuses_its_limits(order):
    with pytest.raises(ValueError, match=r"divergences\.kl"):
        divergences.alpha(order)


def test_alpha_tends_to_kl_and_reverse_kl(x64):
    u = jnp.asarray(RATIOS)
    # The linear term, -(u - 1) for KL and u - 1 for reverse KL, integrates to zero.
    near_one, near_zero = divergences.alpha(1 + 1e-6), divergences.alpha(1e-6)
    np.testing.assert_allclose(near_one.f(u), divergences.kl.f(u) - (u - 1), atol=1e-3)
    np.testing.assert_allclose(
        near_zero.f(u), divergences.reverse_kl.f(u) + (u - 1), atol=1e-3
    )


def test_divergences_are_hashable_and_equal_by_order():
    assert divergences.alpha(2) == divergences.alpha(2.0)
    assert hash(divergences.alpha(2)) == hash(divergences.alpha(2.0))
    assert len(set(divergences.ALL)) == len(divergences.ALL) == 12
    assert len({d.name for d in divergences.ALL}) == 12


@every_divergence
def test_divergence_keeps_the_dtype(divergence):
    x = jnp.linspace(0.25, 0.75, 3, dtype=jnp.bfloat16)
    functions = (
        divergence.f,
        divergence.conjugate,
        divergence.activation,
        divergence.conjugate_activation,
        divergence.optimal_critic,
    )
    dtypes = {jax.eval_shape(function, x).dtype for function in functions}
    assert dtypes == {jnp.bfloat16.dtype}
