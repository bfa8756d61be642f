"""R3GAN on linear networks: its losses by hand, its pairs, its rounds."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan.gan import latents
from jaxgan.methods.r3gan import SCHEDULE, Cosine, r3gan
from jaxgan.turn import Turn
from tests import games
from tests.methods import plays

KEY = games.KEY
CLASSES = 4


class Shifted(nn.Module):
    """A generator ``z + e[label]``."""

    @nn.compact
    def __call__(self, z, label):
        return z + self.param("e", nn.initializers.normal(1.0), (CLASSES, 2))[label]


class Slopes(nn.Module):
    """A discriminator ``w[label] x``, whose gradient tells the label."""

    @nn.compact
    def __call__(self, x, label):
        slopes = self.param("w", nn.initializers.normal(1.0), (CLASSES, 2))
        return (slopes[label] * x).sum(axis=-1)


@functools.lru_cache
def linear(**changes):
    values = {
        "generator": Shifted(),
        "discriminator": Slopes(),
        "g_optimizer": optax.sgd(0.05),
        "d_optimizer": optax.sgd(0.05),
        "gamma": 0.6,
        "latent_dim": 2,
        "condition": "label",
    }
    return r3gan(**{**values, **changes})


def points(size=8):
    """Two batches: D's, and G's own."""
    random = np.random.default_rng(0)
    return {
        "image": jnp.asarray(random.normal(size=(2, size, 2)), jnp.float32),
        "label": jnp.asarray(random.integers(0, CLASSES, (2, size)), jnp.int32),
    }


def test_plays(tmp_path):
    batch = points()
    plays.check(linear(), batch, tmp_path, schedule=SCHEDULE, microbatches=2)


def test_losses_are_those_of_the_paper():
    """In one round: D's, with w[label] for both of a pair; G's, on the second batch."""
    game, batch = linear(d_optimizer=optax.sgd(0.0)), points()
    state = jaxgan.init(game, KEY, plays.first(batch))
    step = jax.jit(jaxgan.make_train_step(game, schedule=SCHEDULE))
    _, found = step(state, batch, KEY)
    w = np.asarray(state.players["discriminator"].params["w"], np.float64)
    e = np.asarray(state.players["generator"].params["e"], np.float64)
    real, label = np.asarray(batch["image"]), np.asarray(batch["label"])

    def logits(objective, row):
        own = w[label[row]]
        z = np.asarray(latents(game, Turn.first(objective, KEY, {}, 8)))
        fake = z + e[label[row]]
        return (own * real[row]).sum(axis=1), (own * fake).sum(axis=1)

    softplus = lambda x: np.logaddexp(0, x)
    r, f = logits("d", 0)
    penalty = 0.6 / 2 * 2 * (w[label[0]] ** 2).sum(axis=1)
    np.testing.assert_allclose(found["d_penalty"], penalty.mean(), rtol=1e-5)
    expected = softplus(f - r).mean() + penalty.mean()
    np.testing.assert_allclose(found["d_loss"], expected, rtol=1e-5)
    r, f = logits("g", 1)
    np.testing.assert_allclose(found["g_real_logit"], r.mean(), rtol=1e-5)
    np.testing.assert_allclose(found["g_loss"], softplus(r - f).mean(), rtol=1e-5)


def test_penalties_are_those_of_reals_and_of_fakes():
    """Of a critic |x|²/2, whose gradient is x itself."""

    class Bowl(nn.Module):
        @nn.compact
        def __call__(self, x, label):
            return self.param("c", nn.initializers.ones, ()) * (x**2).sum(axis=-1) / 2

    game, batch = linear(discriminator=Bowl()), plays.first(points())
    state = jaxgan.init(game, KEY, batch)
    _, found = jaxgan.make_update(game, "d")(state, batch, KEY)
    z = latents(game, Turn.first("d", KEY, {}, 8))
    fake = z + state.players["generator"].params["e"][batch["label"]]
    squares = (np.asarray(batch["image"]) ** 2).sum(1) + (np.asarray(fake) ** 2).sum(1)
    np.testing.assert_allclose(found["d_penalty"], 0.3 * squares.mean(), rtol=1e-5)


def test_settings_go_from_the_papers_first_to_its_last():
    gan = r3gan(generator=Shifted(), discriminator=Slopes())
    for weight, _ in gan.penalties:
        values = [float(weight(images)) for images in (0.0, 20e6, 250e6)]
        np.testing.assert_allclose(values, [0.025, 0.0025, 0.0025], rtol=1e-5)
    assert float(gan.ema_half_life(0.0)) == 0
    assert gan.players["generator"].ema.ramp_up is None
    assert gan == r3gan(generator=Shifted(), discriminator=Slopes())


def test_cosine():
    images = np.linspace(0, 300, 31)
    expected = np.where(
        images < 200, 2 + 3 * (0.5 + 0.5 * np.cos(np.pi * images / 200)), 2
    )
    found = [Cosine(5.0, 2.0, 200)(x) for x in images]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("images", [0, 10_000_000])
def test_adam_follows_the_images(images):
    """Against Kingma and Ba's formulas, with the rate and beta 2 of the moment."""
    gan = r3gan(generator=Shifted(), discriminator=Slopes())
    state, grad = gan.g_optimizer.init(jnp.zeros(())), 0.25
    share = (1 + np.cos(np.pi * images / 20e6)) / 2
    rate, b2 = 5e-5 + 15e-5 * share, 0.99 - 0.09 * share
    second = 0.0
    for step in (1, 2):
        update, state = gan.g_optimizer.update(
            jnp.float32(grad * step), state, jnp.zeros(()), images=jnp.float32(images)
        )
        second = b2 * second + (1 - b2) * (grad * step) ** 2
        expected = -rate * grad * step / np.sqrt(second / (1 - b2**step))
        np.testing.assert_allclose(update, expected, rtol=1e-4)


def test_samples_are_of_the_label():
    game = linear()
    state = jaxgan.init(game, KEY, plays.first(points()))
    label = jnp.array([0, 1, 2])
    zeros, made = (
        jaxgan.sample(game, state, KEY, 3, condition=each)
        for each in (jnp.zeros(3, jnp.int32), label)
    )
    e = state.players["generator"].params["e"]
    np.testing.assert_allclose(made - zeros, e[label] - e[:1], atol=1e-6)
