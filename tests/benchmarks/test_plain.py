"""The obvious Flax does jaxgan's work: the same sizes, losses and gradients."""

import dataclasses

import jax
import numpy as np
import pytest

import jaxgan
from experiments.benchmarks import ours, plain, works
from tests.benchmarks.twins import NAMES, tiny, to_plain, to_plain_stats, truth

PAIR = dataclasses.replace(tiny("mlp"), members=2, width=64)


def close(actual, expected):
    assert jax.tree.structure(actual) == jax.tree.structure(expected)
    for a, e in zip(jax.tree.leaves(actual), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, e, rtol=1e-4, atol=1e-6)


def both_of(state):
    return state.players["generator"], state.players["discriminator"]


def shapes(tree):
    return jax.tree.map(lambda leaf: leaf.shape, tree)


@pytest.mark.parametrize("name", NAMES)
def test_plain_flax_has_the_losses_and_gradients_of_jaxgan(name):
    work, ours_ = tiny(name), truth(name)
    players = jax.eval_shape(lambda: plain.create(work, jax.random.key(0)))
    g_state, d_state = (
        player.replace(
            params=to_plain(mine.params),
            batch_stats=to_plain_stats(player.batch_stats, mine),
        )
        for player, mine in zip(players, both_of(ours_.state), strict=True)
    )

    @jax.jit
    def both(g_params, d_params):
        d_inputs = ours_.real, ours_.d_latents, ours_.epsilon
        d = lambda p: plain.d_objective(work, p, g_state, d_state, *d_inputs)[0]
        g_inputs = ours_.g_latents, ours_.real
        g = lambda p: plain.g_objective(work, p, g_state, d_state, *g_inputs)[0]
        return jax.value_and_grad(d)(d_params), jax.value_and_grad(g)(g_params)

    (d_loss, d_grads), (g_loss, g_grads) = both(g_state.params, d_state.params)
    np.testing.assert_allclose(d_loss, ours_.d_loss, rtol=1e-5)
    np.testing.assert_allclose(g_loss, ours_.g_loss, rtol=1e-5)
    close(d_grads, to_plain(ours_.d_grads))
    close(g_grads, to_plain(ours_.g_grads))


# The other works are games of the same networks.
@pytest.mark.parametrize("name", ["mlp", "ring", "dcgan", "wgan_gp", "sngan", "r3gan"])
def test_plain_flax_has_the_shapes_of_jaxgan_at_full_size(name):
    work = works.WORKS[name]
    batch = {"image": np.zeros((1, *work.image_shape), np.float32)}
    gan = ours.make_gan(work)
    start = lambda: jaxgan.init(gan, jax.random.key(0), batch)
    mine = jax.eval_shape(start)
    theirs = jax.eval_shape(lambda: plain.create(work, jax.random.key(0)))
    for a, b in zip(both_of(mine), theirs, strict=True):
        converted = jax.eval_shape(to_plain, a.params)
        assert shapes(converted) == shapes(b.params)


def test_plain_flax_runs_a_population_in_turns():
    plain.start({"work": dataclasses.asdict(PAIR)})(1)


def test_plain_flax_starts_at_jaxgans_scale():
    batch = {"image": np.zeros((1, *PAIR.image_shape), np.float32)}
    key = jax.random.key(0)
    mine = jaxgan.init(ours.make_gan(PAIR), key, batch).players["generator"].params
    theirs = plain.create(PAIR, key)[0].params
    for params in (mine, theirs):
        hidden = params["Dense_1"]["kernel"]
        np.testing.assert_allclose(hidden.std(), 1 / np.sqrt(PAIR.width), rtol=0.05)
