"""Noise: its distribution, its strength, its streams, and its derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.example_keys import by_example
from jaxgan.layers import Noise, PixelNoise

KEY = jax.random.key(0)
X = jnp.asarray(np.random.default_rng(0).normal(size=(4, 32, 32, 3)), jnp.float32)


def _noise(module, variables, x=X, key=KEY, **how):
    return module.apply(variables, x, rngs={"noise": key}, **how) - x


def test_noise_is_gaussian_with_its_standard_deviation():
    noise = np.asarray(_noise(Noise(0.5), {}, train=True))
    few = 4 * 0.5 / noise.size**0.5
    np.testing.assert_allclose(noise.mean(), 0, atol=few)
    np.testing.assert_allclose(noise.std(), 0.5, atol=few)
    # Independent in all numbers: of pixels, of channels, of examples.
    for axis in range(4):
        product = (noise * np.roll(noise, 1, axis)).mean()
        np.testing.assert_allclose(product, 0, atol=2 * few)


@pytest.mark.parametrize("per_channel", [False, True])
def test_pixel_noise_is_one_number_a_pixel_times_the_strength(per_channel):
    module = PixelNoise(per_channel=per_channel)
    params = module.init({"params": KEY, "noise": KEY}, X, train=True)["params"]
    assert params["strength"].shape == ((3,) if per_channel else ())
    np.testing.assert_array_equal(_noise(module, {"params": params}, train=True), 0)
    strength = jnp.array([1.0, -2.0, 0.5]) if per_channel else jnp.array(-2.0)
    noise = _noise(module, {"params": {"strength": strength}}, train=True)
    unit = np.asarray(noise / strength.reshape(1, 1, 1, -1))
    np.testing.assert_allclose(unit, unit[..., :1] * np.ones(3), atol=1e-5)
    np.testing.assert_allclose(unit[..., 0].std(), 1, atol=4 / 4096**0.5)


@pytest.mark.parametrize("per_channel", [False, True])
def test_gradients_of_pixel_noise(per_channel):
    """By the strength, the product of noise and cotangent; by the image, the latter."""
    module = PixelNoise(per_channel=per_channel)
    strength = jnp.ones(3 if per_channel else ())
    noise = np.asarray(
        _noise(module, {"params": {"strength": strength}}, train=True), np.float64
    )
    g = np.random.default_rng(1).normal(size=X.shape)

    def product(strength, x):
        params = {"params": {"strength": strength}}
        y = module.apply(params, x, train=True, rngs={"noise": KEY})
        return jnp.vdot(y, jnp.asarray(g, jnp.float32))

    by_strength, by_x = jax.grad(product, (0, 1))(strength, X)
    expected = (g * noise).sum(axis=(0, 1, 2) if per_channel else None)
    np.testing.assert_allclose(by_strength, expected, rtol=1e-3, atol=1e-2)
    np.testing.assert_allclose(by_x, g, rtol=1e-6)


@pytest.mark.parametrize("make", [lambda **how: Noise(0.1, **how), PixelNoise])
def test_there_is_none_in_evaluation_unless_asked_for(make):
    variables = {"params": {"strength": jnp.array(1.0)}}
    np.testing.assert_array_equal(make().apply(variables, X, train=False), X)
    always = _noise(make(always=True), variables, train=False)
    np.testing.assert_array_equal(always, _noise(make(), variables, train=True))
    assert np.abs(always).max() > 0


@pytest.mark.parametrize("make", [lambda: Noise(0.1), PixelNoise])
def test_each_example_draws_by_itself(make):
    """By its index, whatever it is played beside."""
    variables = {"params": {"strength": jnp.array(1.0)}}
    play = lambda *index: _noise(
        make(),
        variables,
        X[jnp.array(index)],
        by_example(KEY, jnp.array(index)),
        train=True,
    )
    np.testing.assert_array_equal(play(0, 1, 2, 3)[2:], play(2, 3))
    assert np.abs(play(0, 1)[0] - play(0, 1)[1]).max() > 0
