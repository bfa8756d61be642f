"""Feature matching: the gradient of the whole batch's gap, on any number of devices."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan import nets, parallel
from jaxgan.checks import InputError
from jaxgan.gan import latents
from jaxgan.methods.feature_matching import feature_matching
from jaxgan.turn import Turn
from tests import games
from tests.methods import plays

KEY = games.KEY


class Judge(nn.Module):
    """Two layers of features, and logits."""

    @nn.compact
    def __call__(self, x):
        first = nn.tanh(nn.Dense(6)(x))
        second = nn.tanh(nn.Dense(3)(first))
        features = {"first": first, "second": second}
        return {"logits": nn.Dense(1)(second)[:, 0], "features": features}


@functools.lru_cache
def gan(**changes):
    values = {
        "generator": nn.Dense(2),
        "discriminator": Judge(),
        "g_optimizer": optax.sgd(1.0),
        "d_optimizer": optax.sgd(0.1),
        "latent_dim": 3,
    }
    return jaxgan.GAN(**{**values, **changes})


def points(size=16, n=1):
    random = np.random.default_rng(0)
    return {"image": jnp.asarray(random.normal(size=(n, size, 2)) + 1, jnp.float32)}


def test_plays(tmp_path):
    game = feature_matching(gan(g_optimizer=optax.sgd(0.1)), weight=2.0)
    plays.check(game, points(), tmp_path)


class Conditional(Judge):
    """`Judge`, which takes a label too, and looks at the point alone."""

    num_classes: int = 4

    @nn.compact
    def __call__(self, x, label):
        return Judge()(x)


def test_labels_that_the_gan_refuses_are_refused():
    generator = nets.mlp.Generator((2,), width=4, bounded=False, num_classes=4)
    conditional = gan(
        generator=generator, discriminator=Conditional(), condition="label"
    )
    batch = {"image": jnp.zeros((4, 2)), "label": jnp.arange(1, 5, dtype=jnp.int32)}
    with pytest.raises(InputError, match="labels go from 1 to 4"):
        jaxgan.init(feature_matching(conditional), KEY, batch)


def by_hand(params, variables, real, z):
    """``||E f(x) - E f(G(z))||^2`` of the whole batch, without the game."""
    fake = z @ params["kernel"] + params["bias"][None]
    judge = lambda x: Judge().apply(variables, x)["features"]
    return sum(
        jnp.sum((judge(real)[name].mean(axis=0) - judge(fake)[name].mean(axis=0)) ** 2)
        for name in ("first", "second")
    )


@pytest.mark.parametrize("devices", [1, 8])
def test_gradient_is_that_of_the_whole_batch(devices):
    """By a step of SGD at rate 1."""
    game, batch = feature_matching(gan()), plays.first(points())
    state = jaxgan.init(game, KEY, batch)
    if devices == 1:
        after, found = jax.jit(jaxgan.make_update(game, "g"))(state, batch, KEY)
    else:
        step = jaxgan.make_update(game, "g", axis_name=parallel.AXIS)
        after, found = parallel.spread(step)(parallel.put_shared(state), batch, KEY)
    z = latents(gan(), Turn.first("g", KEY, {}, 16))
    params = state.players["generator"].params
    value, grads = jax.value_and_grad(by_hand)(
        params, state.players["discriminator"].variables, batch["image"], z
    )
    np.testing.assert_allclose(found["g_loss"], value, rtol=1e-5)
    moved = jax.tree.map(jnp.subtract, params, after.players["generator"].params)
    games.assert_close(jax.device_get(moved), grads, rtol=1e-5, atol=1e-6)


def test_discriminator_and_terms_are_the_gans():
    term = lambda fake, batch: jnp.ones(len(fake))
    with_terms = gan(generator_terms=((3.0, term),))
    game, batch = feature_matching(with_terms, weight=2.0), plays.first(points())
    state = jaxgan.init(game, KEY, batch)
    games.assert_equal(
        jaxgan.make_d_step(game)(state, batch, KEY)[0].players,
        jaxgan.make_d_step(gan())(state, batch, KEY)[0].players,
    )
    _, found = jaxgan.make_update(game, "g")(state, batch, KEY)
    expected = 2 * found["g_feature_gap"] + 3
    np.testing.assert_allclose(found["g_loss"], expected, rtol=1e-6)


def test_samples_are_the_generators():
    game = feature_matching(gan())
    state = jaxgan.init(game, KEY, plays.first(points()))
    made = jaxgan.sample(game, state, KEY, 5, batch_size=2)
    games.assert_equal(made, jaxgan.sample(gan(), state, KEY, 5))


def test_microbatches_and_a_discriminator_without_features_are_refused():
    game, batch = feature_matching(gan()), plays.first(points())
    state = jaxgan.init(game, KEY, batch)
    with pytest.raises(InputError, match="microbatches"):
        jaxgan.make_update(game, "g", microbatches=2)(state, batch, KEY)
    without = feature_matching(gan(discriminator=nn.Dense(1)))
    with pytest.raises(InputError, match="features"):
        jaxgan.init(without, KEY, batch)
