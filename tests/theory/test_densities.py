"""Densities against SciPy: values, gradients, samples."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

from jaxgan.theory import densities, tabulated

MEANS = np.array([[0.0, 1.0], [-1.0, 0.5], [2.0, -2.0]])
COVARIANCES = np.array(
    [[[1.0, 0.5], [0.5, 2.0]], [[0.25, 0.0], [0.0, 1.0]], [[1.0, -0.9], [-0.9, 1.0]]]
)
WEIGHTS = np.array([0.5, 0.2, 0.3])


def correlated():
    return densities.mixture(MEANS, covariances=COVARIANCES, weights=WEIGHTS)


def half_ring():
    """Known up to a constant, and zero where the second coordinate is negative."""
    log_f = lambda x: jnp.where(x[1] > 0, -2 * jnp.square(jnp.hypot(*x) - 1), -jnp.inf)
    return tabulated.from_log_function(log_f, [-3.0, -3.0], [3.0, 3.0])


def points(d, n=50):
    return np.random.default_rng(1).normal(scale=2, size=(n, d)).astype(np.float32)


def test_mixture_log_density_matches_scipy():
    x = points(2)
    twin = [
        np.log(w) + stats.multivariate_normal(m, c).logpdf(x)
        for w, m, c in zip(WEIGHTS, MEANS, COVARIANCES, strict=True)
    ]
    p = correlated()
    np.testing.assert_allclose(p.joint_log_density(x), np.stack(twin, 1), rtol=2e-5)
    np.testing.assert_allclose(p.log_density(x), logsumexp(twin, axis=0), rtol=2e-5)


def test_log_density_takes_any_leading_shape():
    p, x = correlated(), points(2, 6)
    np.testing.assert_allclose(
        p.log_density(x.reshape(2, 3, 2)), p.log_density(x).reshape(2, 3), rtol=1e-6
    )
    assert p.log_density(x[0]).shape == ()


def test_component_of_weight_zero_is_left_out(key):
    p = densities.mixture([[0.0], [9.0]], std=1.0, weights=[1, 0])
    alone = densities.gaussian([0.0], std=1.0)
    x = points(1)
    np.testing.assert_allclose(p.log_density(x), alone.log_density(x), rtol=1e-6)
    slopes = jax.vmap(jax.grad(p.log_density))(x)
    np.testing.assert_allclose(slopes, -x, rtol=1e-5, atol=1e-6)
    assert p.sample(key, 1000).max() < 6


def test_uniform_log_density_matches_scipy():
    p, x = densities.uniform([-1.0, 0.0], [2.0, 1.5]), points(2)
    twin = stats.uniform([-1, 0], [3, 1.5]).logpdf(x).sum(axis=1)
    assert 0 < np.isfinite(twin).sum() < len(x)
    np.testing.assert_allclose(p.log_density(x), twin, rtol=1e-6)


@pytest.mark.parametrize(
    "make", [correlated, half_ring], ids=["mixture", "from_function"]
)
def test_gradient_of_log_density_matches_differences(make):
    with jax.enable_x64(True):
        p = make()
        x = np.array([[0.3, 0.7], [-1.0, 1.1], [2.0, 0.5]])
        slopes = jax.vmap(jax.grad(p.log_density))(jnp.asarray(x))
        for i, step in enumerate(1e-6 * np.eye(2)):
            up, down = (p.log_density(x + s) for s in (step, -step))
            np.testing.assert_allclose(slopes[:, i], (up - down) / 2e-6, rtol=1e-6)


def test_gradient_of_log_density_is_zero_outside_a_tabulated_box():
    p = tabulated.from_log_function(lambda x: jnp.log(x[0]), [0.0], [2.0])
    slopes = jax.vmap(jax.grad(p.log_density))(jnp.array([[-1.0], [0.5]]))
    np.testing.assert_allclose(slopes, [[0.0], [2.0]], rtol=1e-6)


def mixture_cdf(x):
    return 0.3 * stats.norm(-1, 0.5).cdf(x) + 0.7 * stats.norm(2, 0.5).cdf(x)


@pytest.mark.parametrize(
    ("density", "cdf"),
    [
        (densities.mixture([[-1.0], [2.0]], std=0.5, weights=[3, 7]), mixture_cdf),
        (densities.uniform([-1.0], [3.0]), stats.uniform(-1, 4).cdf),
        (
            tabulated.from_log_function(lambda x: jnp.log(x[0]), [0.0], [2.0]),
            stats.triang(1, 0, 2).cdf,
        ),
    ],
    ids=["mixture", "uniform", "from_function"],
)
def test_samples_follow_the_density_in_1d(density, cdf, key):
    x = density.sample(key, 4000)
    assert x.shape == (4000, 1)
    assert x.dtype == jnp.float32
    assert stats.kstest(np.asarray(x[:, 0]), cdf).pvalue > 0.01
    shifted = stats.kstest(np.asarray(x[:, 0]) + 0.3, cdf)
    assert shifted.pvalue < 1e-4  # the test has the power to fail


def test_mixture_samples_follow_the_density_in_2d(key):
    p = correlated()
    x = np.asarray(p.sample(key, 20_000))
    mean, covariance = p.moments()
    np.testing.assert_allclose(x.mean(axis=0), mean, atol=0.04)
    np.testing.assert_allclose(np.cov(x.T), covariance, atol=0.1)
    # A projection of a mixture is a mixture, which sees the correlations.
    a = np.array([0.6, -0.8])
    cdf = lambda t: sum(
        w * stats.norm(m @ a, np.sqrt(a @ c @ a)).cdf(t)
        for w, m, c in zip(WEIGHTS, MEANS, COVARIANCES, strict=True)
    )
    assert stats.kstest(x @ a, cdf).pvalue > 0.01


def test_tabulated_samples_follow_the_density_in_2d(key):
    p = half_ring()
    x = np.asarray(p.sample(key, 4000))
    assert (x[:, 1] > 0).all()
    # Polar coordinates separate: the angle is uniform, the radius r exp(-2 (r - 1)²),
    # as far as the box holds the whole circle.
    radius, angle = np.hypot(*x.T), np.arctan2(x[:, 1], x[:, 0])
    assert stats.kstest(angle, stats.uniform(0, np.pi).cdf).pvalue > 0.01
    r = np.linspace(0, 3, 3001)
    cumulative = np.cumsum(r * np.exp(-2 * (r - 1) ** 2))
    cdf = lambda t: np.interp(t, r, cumulative / cumulative[-1])
    assert stats.kstest(radius, cdf).pvalue > 0.01


def test_tabulated_samples_never_fall_into_an_empty_cell():
    cdf = jnp.array([0.0, 0.0, 0.5, 0.5, 1.0])
    cell, inside = jax.vmap(tabulated._invert, in_axes=(None, 0))(
        cdf, jnp.array([0.0, 0.25, 0.5, 0.75])
    )
    np.testing.assert_array_equal(cell, [1, 1, 3, 3])
    np.testing.assert_array_equal(inside, [0.0, 0.5, 0.0, 0.5])


def test_tabulated_density_is_normalised():
    p = tabulated.from_log_function(lambda x: 700 - x[0] ** 2 / 2, [-12.0], [12.0])
    x = points(1)
    np.testing.assert_allclose(
        p.log_density(x), stats.norm.logpdf(x[:, 0]), rtol=1e-4, atol=1e-4
    )


def test_ring_has_its_modes_on_the_circle():
    p = densities.ring()
    np.testing.assert_allclose(np.linalg.norm(p.means, axis=1), 2.0, rtol=1e-6)
    distances = np.linalg.norm(p.means - np.roll(p.means, 1, axis=0), axis=1)
    np.testing.assert_allclose(distances, 4 * np.sin(np.pi / 8), rtol=1e-5)
    np.testing.assert_allclose(
        p.covariances(), np.tile(4e-4 * np.eye(2), (8, 1, 1)), rtol=1e-5
    )


def test_grid_has_its_modes_where_the_paper_says():
    p = densities.grid()
    expected = {(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)}
    assert {tuple(m) for m in p.means.tolist()} == expected
    np.testing.assert_allclose(p.scales[0], 0.05 * np.eye(2), rtol=1e-6)


def test_moments_are_those_of_the_samples_formula():
    mean, covariance = correlated().moments()
    np.testing.assert_allclose(mean, WEIGHTS @ MEANS, rtol=1e-6)
    second = COVARIANCES + np.einsum("ki,kj->kij", MEANS, MEANS)
    expected = np.einsum("k,kij->ij", WEIGHTS, second) - np.outer(mean, mean)
    np.testing.assert_allclose(covariance, expected, rtol=1e-5)


def test_density_passes_through_transformations(key):
    p, x = correlated(), points(2)
    loss = lambda p, x: p.log_density(x).mean()
    slope = jax.jit(jax.grad(loss))(p, x)
    moved = lambda h: densities.GaussianMixture(p.log_weights, p.means + h, p.scales)
    up, down = loss(moved(1e-2), x), loss(moved(-1e-2), x)
    np.testing.assert_allclose(slope.means.sum(), (up - down) / 2e-2, rtol=1e-2)
    stds = jnp.array([0.5, 1.0])
    many = jax.vmap(lambda s: densities.Uniform(jnp.zeros(1), s[None]))(stds)
    values = jax.vmap(lambda p: p.log_density(jnp.array([0.75])))(many)
    np.testing.assert_allclose(values, [-np.inf, 0.0], atol=1e-7)
    np.testing.assert_array_equal(
        jax.jit(lambda p, key: p.sample(key, 5))(p, key), p.sample(key, 5)
    )


def test_density_is_hashable_and_frozen():
    p = densities.ring()
    assert {p: 1}[p] == 1
    with pytest.raises(AttributeError):
        p.means = 0


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: densities.mixture([0.0, 1.0], std=1.0), r"\[k d\]"),
        (lambda: densities.mixture([[0.0]], std=0.0), "positive"),
        (lambda: densities.mixture([[0.0]], std=[1.0, 2.0]), "one or 1"),
        (lambda: densities.mixture([[0.0]]), "exactly one"),
        (lambda: densities.mixture([[0.0]], std=1.0, weights=[-1.0]), "none negative"),
        (lambda: densities.mixture([[0.0]], std=1.0, weights=[1, 1]), "1 weights"),
        (lambda: densities.mixture([[0.0]], covariances=np.eye(1)), r"\(1, 1, 1\)"),
        (lambda: densities.gaussian([0.0], covariance=[[-1.0]]), "positive definite"),
        (lambda: densities.uniform([1.0], [1.0]), "below"),
        (lambda: densities.uniform([0.0, 0.0], [1.0]), "same shape"),
        (
            lambda: tabulated.from_log_function(jnp.sum, [0.0] * 3, [1.0] * 3),
            "1-D or 2-D",
        ),
        (lambda: tabulated.from_log_function(jnp.sum, [1.0], [0.0]), "below"),
        (
            lambda: tabulated.from_log_function(lambda x: jnp.log(x[0]), [-1.0], [1.0]),
            "NaN",
        ),
        (
            lambda: tabulated.from_log_function(lambda x: -jnp.inf, [-1.0], [1.0]),
            "maximum was -inf",
        ),
    ],
)
def test_impossible_density_raises(make, message):
    with pytest.raises(ValueError, match=message):
        make()
