"""BiGAN: its losses in NumPy, the encoder's gradient by hand, an encoder that draws."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import stats

import jaxgan
from jaxgan import losses
from jaxgan.checks import InputError
from jaxgan.gan import gaussian_prior
from jaxgan.methods.bigan import bigan, uniform_prior
from jaxgan.turn import Turn
from tests import games
from tests.methods import plays

KEY = games.KEY


class Judge(nn.Module):
    """Of points [b 2] and latents [b 3]."""

    @nn.compact
    def __call__(self, x, z):
        hidden = nn.tanh(nn.Dense(5)(jnp.concatenate([x, z], axis=1)))
        return {"logits": nn.Dense(1)(hidden)[:, 0]}


class Drawing(nn.Module):
    """ALI's encoder: a Gaussian around a linear map of x."""

    @nn.compact
    def __call__(self, x):
        mean = nn.Dense(3)(x)
        return mean + 0.5 * jax.random.normal(self.make_rng("noise"), mean.shape)


@functools.lru_cache
def game(rate=0.1, **settings):
    values = {
        "generator": nn.Dense(2),
        "encoder": nn.Dense(3),
        "discriminator": Judge(),
        "g_optimizer": optax.sgd(rate),
        "d_optimizer": optax.sgd(rate),
        "latent_dim": 3,
    }
    return bigan(**{**values, **settings})


def points(size=16, n=1):
    random = np.random.default_rng(0)
    return {"image": jnp.asarray(random.normal(size=(n, size, 2)) + 1, jnp.float32)}


def test_plays(tmp_path):
    """With an encoder that draws."""
    ali = game(encoder=Drawing(), prior=gaussian_prior)
    plays.check(ali, points(), tmp_path, microbatches=2)


def dense(params, x):
    return x @ params["kernel"] + params["bias"][None]


def logits_of(params, x, z):
    """r and f of all examples, by the parameters alone."""
    judge = lambda x, z: dense(
        params["discriminator"]["Dense_1"],
        jnp.tanh(dense(params["discriminator"]["Dense_0"], jnp.hstack([x, z]))),
    )[:, 0]
    encoded = judge(x, dense(params["encoder"], x))
    return encoded, judge(dense(params["generator"], z), z)


def drawn(name):
    keys = Turn.first(name, KEY, {}, 16).draws("latent")
    return jax.vmap(lambda key: uniform_prior(key, 3))(keys)


def test_losses_are_cross_entropies_of_pairs():
    """D's labels are 1 for (x, E(x)) and 0 for (G(z), z); the others exchange them."""
    batch = plays.first(points())
    state = jaxgan.init(game(), KEY, batch)
    params = {name: each.params for name, each in state.players.items()}
    for name, sign in (("d", 1), ("g", -1)):
        logits = logits_of(params, batch["image"], drawn(name))
        r, f = (np.asarray(part, np.float64) for part in logits)
        expected = np.mean(np.log1p(np.exp(-sign * r)) + np.log1p(np.exp(sign * f)))
        _, found = jax.jit(jaxgan.make_update(game(), name))(state, batch, KEY)
        np.testing.assert_allclose(found[f"{name}_loss"], expected, rtol=1e-5)
        np.testing.assert_allclose(found[f"{name}_real_logit"], r.mean(), rtol=1e-4)
        np.testing.assert_allclose(found[f"{name}_fake_logit"], f.mean(), rtol=1e-4)


def test_generator_and_encoder_move_together_by_their_gradients():
    """By a step of SGD at rate 1."""
    batch = plays.first(points())
    state = jaxgan.init(game(1.0), KEY, batch)
    after, _ = jax.jit(jaxgan.make_update(game(1.0), "g"))(state, batch, KEY)
    params = {name: each.params for name, each in state.players.items()}

    def loss(movers):
        r, f = logits_of({**params, **movers}, batch["image"], drawn("g"))
        return (jnp.logaddexp(0, r) + jnp.logaddexp(0, -f)).mean()

    movers = {name: params[name] for name in ("generator", "encoder")}
    grads = jax.grad(loss)(movers)
    moved = {
        n: jax.tree.map(jnp.subtract, p, after.players[n].params)
        for n, p in movers.items()
    }
    games.assert_close(moved, grads, rtol=1e-4, atol=1e-6)
    assert min(float(jnp.abs(grads[n]["kernel"]).max()) for n in movers) > 1e-3
    games.assert_equal(after.players["discriminator"], state.players["discriminator"])


def test_other_losses_are_exchanged_too():
    """Of Wasserstein's both players' losses are one, but for the sign."""
    batch = plays.first(points())
    other = game(loss=losses.wasserstein)
    state = jaxgan.init(other, KEY, batch)
    params = {name: each.params for name, each in state.players.items()}
    r, f = map(np.asarray, logits_of(params, batch["image"], drawn("g")))
    _, found = jax.jit(jaxgan.make_update(other, "g"))(state, batch, KEY)
    np.testing.assert_allclose(found["g_loss"], (r - f).mean(), rtol=1e-4, atol=1e-6)


def test_samples_are_pairs():
    """Of the prior, and of images: each with what belongs to it."""
    state = jaxgan.init(game(), KEY, plays.first(points()))
    generator, encoder = (
        state.players[name].params for name in ("generator", "encoder")
    )
    close = functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6)
    made = jaxgan.sample(game(), state, KEY, 500, batch_size=200)
    close(made["image"], dense(generator, made["latent"]))
    uniform = stats.uniform(-1, 2)
    assert stats.kstest(np.ravel(made["latent"]), uniform.cdf).pvalue > 1e-3
    x = points(5)["image"][0]
    made = jaxgan.sample(game(), state, KEY, 5, condition=x, batch_size=2)
    close(made["latent"], dense(encoder, x))
    close(made["image"], dense(generator, made["latent"]))


def test_an_encoder_draws_for_each_example():
    ali = game(encoder=Drawing())
    state = jaxgan.init(ali, KEY, plays.first(points()))
    same = jnp.ones((400, 2))
    make = lambda size: np.asarray(
        jaxgan.sample(ali, state, KEY, 400, condition=same, batch_size=size)["latent"]
    )
    latents = make(400)
    np.testing.assert_allclose(make(150), latents, atol=1e-6)
    mean = dense(state.players["encoder"].params["Dense_0"], same)
    noise = (latents - np.asarray(mean)) / 0.5
    assert stats.kstest(noise.ravel(), stats.norm.cdf).pvalue > 1e-3


def test_encoders_of_another_size_are_refused():
    with pytest.raises(InputError, match="latent_dim"):
        jaxgan.init(game(encoder=nn.Dense(4)), KEY, plays.first(points()))
