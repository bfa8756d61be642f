"""Targets and judge of the point studies: what scores full marks, and what none."""

import jax
import numpy as np
import pytest

import jaxgan
from experiments.studies import points

TARGETS = [points.ring(), points.grid()]


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_the_data_itself_covers_every_mode(target, key):
    cloud = np.asarray(target.density.sample(key, points.SAMPLES))
    (scores,) = _rows(points.scores(cloud[None], target))
    assert scores["complete"]
    assert scores["modes"] == target.modes
    # P(chi_2 <= 3) = 1 - exp(-9/2)
    expected = 1 - np.exp(-4.5)
    error = np.sqrt(expected * (1 - expected) / points.SAMPLES)
    np.testing.assert_allclose(scores["quality"], expected, atol=4 * error)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_the_targets_have_the_geometry_of_the_papers(target):
    means = np.asarray(target.density.means, np.float64)
    assert len(np.unique(means.round(3), axis=0)) == target.modes
    np.testing.assert_allclose(means.mean(axis=0), 0, atol=1e-6)
    covariances = np.asarray(target.density.covariances())
    expected = np.broadcast_to(target.std**2 * np.eye(2), covariances.shape)
    np.testing.assert_allclose(covariances, expected, rtol=1e-5)
    apart = np.linalg.norm(means[:, None] - means[None], axis=-1)
    nearest = np.where(apart > 0, apart, np.inf).min(axis=1)
    spacing = {8: 4 * np.sin(np.pi / 8), 25: 2.0}[target.modes]
    np.testing.assert_allclose(nearest, spacing, rtol=1e-5)


def test_a_collapsed_generator_covers_one_mode_and_a_broken_one_none(key):
    target = points.ring()
    one = np.asarray(target.density.means)[:1] + 0.01 * np.zeros((100, 2))
    broken = np.full((100, 2), np.nan)
    between = np.zeros((100, 2))
    scores = points.scores(np.stack([one, broken, between]), target)
    assert scores["modes"] == [1.0, 0.0, 0.0]
    assert scores["quality"] == [1.0, 0.0, 0.0]
    assert not any(scores["complete"])


def test_the_recipe_is_what_the_game_plays():
    recipe = points.Recipe(
        width=8, g_depth=3, d_depth=4, learning_rate=1e-2, steps=5, half_life=7
    )
    gan = points.make_gan(recipe)
    assert (gan.generator.depth, gan.discriminator.depth) == (3, 4)
    assert gan.ema_half_life == 7
    x = jax.numpy.ones(3)
    updates, _ = gan.g_optimizer.update(x, gan.g_optimizer.init(x), x)
    np.testing.assert_allclose(updates, -1e-2 * np.ones(3), rtol=1e-4)


def test_waves_are_sines_of_what_enters(key):
    """One wave, weighted by hand; and as many parameters as the perceptron has."""
    x = jax.numpy.array([[0.5, -1.0], [2.0, 0.25]])
    module = points.Waves(width=1, depth=1, frequencies=(1.0, 1.0))
    params = {
        "Dense_0": {"kernel": np.array([[2.0], [1.0]]), "bias": np.array([0.3])},
        "Dense_1": {"kernel": np.array([[1.5]]), "bias": np.array([-0.25])},
    }
    found = module.apply({"params": params}, x)
    exact = 1.5 * np.sin(np.asarray(x) @ [2.0, 1.0] + 0.3) - 0.25
    np.testing.assert_allclose(found, exact, rtol=1e-5)
    games = [points.make_gan(points.Recipe(waves=waves)) for waves in (None, (1, 9))]
    states = [jaxgan.init(gan, key, {"image": x}) for gan in games]
    params = [state.players["discriminator"].params for state in states]
    sizes = [sum(leaf.size for leaf in jax.tree.leaves(tree)) for tree in params]
    assert sizes[0] == sizes[1]


def test_waves_begin_with_frequencies_of_a_geometric_series(key):
    module = points.Waves(width=3, depth=1, frequencies=(0.5, 8.0))
    keys = jax.random.split(key, 500)
    begin = jax.vmap(lambda key: module.init(key, jax.numpy.zeros((1, 2))))(keys)
    kernels = begin["params"]["Dense_0"]["kernel"]
    deviations = np.asarray(kernels).std(axis=(0, 1))
    np.testing.assert_allclose(deviations, [0.5, 2.0, 8.0], rtol=0.1)


def test_a_coded_latent_is_two_gaussians_and_one_of_the_codes(key):
    z = jax.vmap(lambda key: points.coded_prior(key, 6))(jax.random.split(key, 4000))
    gaussians, codes = np.asarray(z[:, :2]), np.asarray(z[:, 2:]) / points.CODE_SCALE
    np.testing.assert_array_equal(np.sort(codes, axis=1), [[0, 0, 0, 1]] * 4000)
    np.testing.assert_allclose(codes.mean(axis=0), 0.25, atol=0.03)
    np.testing.assert_allclose(gaussians.mean(axis=0), 0, atol=0.07)
    np.testing.assert_allclose(np.cov(gaussians.T), np.eye(2), atol=0.1)


def _rows(columns):
    rows = zip(*columns.values(), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows]
