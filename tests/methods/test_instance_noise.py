"""Instance noise: its distribution, where it goes, and what a penalty sees of it."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import stats

import jaxgan
from jaxgan import losses, penalties
from jaxgan.draws import Draws
from jaxgan.gan import latents
from jaxgan.keys import per_example
from jaxgan.methods.instance_noise import instance_noise
from jaxgan.turn import Turn
from tests import games
from tests.methods import plays

KEY = games.KEY
fading = optax.linear_schedule(0.5, 0.0, transition_steps=64)


class Slope(nn.Module):
    """A judge ``<slope, x>``."""

    @nn.compact
    def __call__(self, x):
        return x @ self.param("slope", lambda key: jnp.array([1.0, -2.0]))


class Bowl(nn.Module):
    """A judge ``scale |x|^2 / 2``, whose gradient is x."""

    @nn.compact
    def __call__(self, x):
        return self.param("scale", nn.initializers.ones, ()) * (x**2).sum(axis=1) / 2


def gan(**changes):
    values = {
        "generator": nn.Dense(2),
        "discriminator": Slope(),
        "g_optimizer": optax.sgd(0.1),
        "d_optimizer": optax.sgd(0.1),
        "loss": losses.relativistic,
        "latent_dim": 3,
        "instance_noise": fading,
    }
    return jaxgan.GAN(**{**values, **changes})


def points(size=16, n=1):
    random = np.random.default_rng(0)
    return {"image": jnp.asarray(random.normal(size=(n, size, 2)), jnp.float32)}


def test_plays(tmp_path):
    game = gan(penalties=((0.1, penalties.r1),))
    plays.check(game, points(), tmp_path, microbatches=2)


@pytest.mark.parametrize(("images", "sigma"), [(0, 0.5), (48, 0.125), (64, 0.0)])
def test_noise_is_normal_and_fades(images, sigma):
    turn = Turn.first("d", KEY, {}, 2000)
    turn = Turn(turn.draws, jnp.float32(images), {})
    x = {"a": jnp.ones((2000, 3)), "b": -jnp.ones((2000, 2, 1))}
    seen = instance_noise(fading).view(x, turn.draws("real_view"), turn)
    noise = [seen[name] - x[name] for name in x]
    noise = np.concatenate([part.reshape(2000, -1) for part in noise], axis=1)
    if sigma == 0:
        np.testing.assert_array_equal(noise, 0)
        return
    assert stats.kstest(noise.ravel(), stats.norm(scale=sigma).cdf).pvalue > 1e-3
    correlations = np.corrcoef(noise.T) - np.eye(5)
    assert np.abs(correlations).max() < 5 / np.sqrt(2000)


def noise_of(turn, name):
    return jax.vmap(lambda key: jax.random.normal(key, (2,)))(turn.draws(name))


@pytest.mark.parametrize("name", ["d", "g"])
def test_both_players_are_judged_by_noisy_reals_and_fakes(name):
    """Also in the third round, when the noise has faded to half."""
    game, batch = gan(), plays.first(points())
    start = jaxgan.init(game, KEY, batch)
    update = jax.jit(jaxgan.make_update(game, name))
    for step, sigma in ((0, 0.5), (2, 0.25)):
        state = start.replace(
            images=start.images.plus(16 * step),
            updates={**start.updates, name: jnp.int32(step)},
        )
        _, found = update(state, batch, KEY)
        turn = Turn(Draws(name, KEY, step, jnp.arange(16)), jnp.zeros(()), {})
        fake = game.generator.apply(
            state.players["generator"].variables, latents(game, turn)
        )
        for which, x in (("real", batch["image"]), ("fake", fake)):
            seen = np.asarray(x + sigma * noise_of(turn, f"{which}_view"))
            logit = (seen @ np.array([1.0, -2.0])).mean()
            metric = found[f"{name}_{which}_logit"]
            np.testing.assert_allclose(metric, logit, rtol=1e-5)


def test_penalty_is_taken_through_the_noise():
    """The gradient of |x + n|^2 / 2 by x is x + n."""
    game = gan(discriminator=Bowl(), penalties=((3.0, penalties.r1),))
    batch = plays.first(points())
    state = jaxgan.init(game, KEY, batch)
    _, found = jax.jit(jaxgan.make_d_step(game))(state, batch, KEY)
    keys = Turn.first("d", KEY, {}, 16).draws("penalty")

    def noise(key):
        own = jax.random.split(key)[1]
        return jax.random.normal(per_example(own, jnp.arange(1))[0], (2,))

    seen = np.asarray(batch["image"] + 0.5 * jax.vmap(noise)(keys), np.float64)
    expected = 3 * (seen**2).sum(axis=1).mean()
    np.testing.assert_allclose(found["d_penalty"], expected, rtol=1e-5)


def test_samples_are_without_noise():
    game = gan()
    state = jaxgan.init(game, KEY, plays.first(points()))
    made = jaxgan.sample(game, state, KEY, 5, batch_size=2)
    plain = jaxgan.sample(gan(instance_noise=None), state, KEY, 5)
    games.assert_equal(made, plain)
