"""Spectral norm in a game: one u an update, whatever the number of calls and parts."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan import losses, networks, parallel, penalties
from jaxgan.layers import Dense, spectral_norm
from jaxgan.layers.spectral_norm import COLLECTION
from jaxgan.simultaneous import make_extragradient_step
from jaxgan.unrolled import make_unrolled_update
from tests import games

SN = {"weight": spectral_norm}


class Judge(nn.Module):
    """Two spectrally normalised layers, which judge ``[b 16 16 1]``."""

    @nn.compact
    def __call__(self, x, *, train):
        x = x[:, ::4, ::4].reshape(len(x), -1)
        return Dense(1, **SN)(nn.leaky_relu(Dense(4, **SN)(x), 0.2))[:, 0]


class Maker(nn.Module):
    """A spectrally normalised generator of ``[b 16 16 1]``."""

    @nn.compact
    def __call__(self, z, *, train):
        return jnp.tanh(Dense(16 * 16, **SN)(z)).reshape(-1, 16, 16, 1)


GAN = games.mlp(
    generator=Maker(),
    discriminator=Judge(),
    loss=losses.hinge,
    penalties=((1.0, penalties.r1),),
    g_optimizer=optax.sgd(0.1),
    d_optimizer=optax.sgd(0.1),
    ema_half_life=100,
    ema_ramp_up=None,
)


def _u(network):
    return jax.device_get(network.collections[COLLECTION])


@functools.lru_cache
def _after(name="d", devices=1, **how):
    """The state after one update."""
    state, make = games.init(GAN), functools.partial(jaxgan.make_update, GAN, name)
    if devices == 1:
        step = jax.jit(make(**how))
    else:
        devices = jax.devices()[:devices]
        step = make(axis_name=parallel.AXIS, **how)
        step = parallel.spread(step, devices=devices)
        state = parallel.put_shared(state, devices=devices)
    return jax.device_get(step(state, games.batch(), games.KEY)[0])


HOW = [
    {"microbatches": 4},
    {"devices": 2, "microbatches": 2},
    {"shards": 4, "devices": 2},
]


@pytest.mark.parametrize("how", HOW, ids=str)
def test_parts_and_devices_give_the_update_of_the_whole_batch(how):
    whole = games.discriminator(_after())
    parts = games.discriminator(_after(**how))
    games.assert_close(_u(parts), _u(whole), rtol=1e-6, atol=1e-7)
    largest = max(np.abs(leaf).max() for leaf in jax.tree.leaves(whole.params))
    games.assert_close(parts.params, whole.params, rtol=0, atol=1e-6 * largest)


@pytest.mark.digest
def test_u_is_the_same_to_the_bit_on_any_number_of_devices():
    one, two = (_after(**how) for how in ({}, {"devices": 2, "microbatches": 2}))
    games.assert_equal(*(_u(games.discriminator(state)) for state in (one, two)))
    # In exact shards all else is the same as well.
    games.assert_equal(*(_after(devices=n, shards=4) for n in (1, 2)))


def test_u_moves_once_an_update_however_often_the_network_is_played():
    """By one iteration, although the update plays reals, fakes and a penalty."""
    before = games.discriminator(games.init(GAN))
    after = games.discriminator(_after())
    for path in ("Dense_0", "Dense_1"):
        matrix = np.asarray(before.params[path]["kernel"], np.float64).T
        u = np.asarray(before.collections[COLLECTION][path]["u"], np.float64)
        v = matrix.T @ u
        u = matrix @ (v / np.linalg.norm(v))
        got = after.collections[COLLECTION][path]["u"]
        np.testing.assert_allclose(got, u / np.linalg.norm(u), rtol=1e-4, atol=1e-6)


def test_the_discriminators_u_rests_in_the_generators_update():
    state, after = games.init(GAN), _after("g")
    games.assert_equal(_u(games.discriminator(after)), _u(games.discriminator(state)))
    assert games.differ(_u(games.generator(after)), _u(games.generator(state)))


def test_an_average_copies_u():
    """Its parameters are means; u is the network's, to the bit."""
    after = _after("g")
    average, network = games.average(after), games.generator(after)
    games.assert_equal(jax.device_get(average[COLLECTION]), _u(network))
    assert games.differ(average["params"], network.params)


@pytest.mark.slow
def test_other_steps_keep_one_u_as_well():
    """Extragradient takes two points, one iteration at each; unrolling keeps none."""
    state, batch = games.init(GAN), games.batch()
    stacked = jax.tree.map(lambda leaf: leaf[None], batch)
    twice = jax.jit(make_extragradient_step(GAN))(state, stacked, games.KEY)[0]
    assert games.differ(_u(games.discriminator(twice)), _u(games.discriminator(state)))
    ahead = jax.jit(make_unrolled_update(GAN, steps=2))(state, batch, games.KEY)[0]
    games.assert_equal(_u(games.discriminator(ahead)), _u(games.discriminator(state)))
    for player in (*twice.players.values(), *ahead.players.values()):
        for u in jax.tree.leaves(_u(player)):
            np.testing.assert_allclose(np.linalg.norm(u), 1, rtol=1e-5)


@pytest.mark.slow
def test_members_of_a_population_have_a_u_each():
    def member(key):
        state = jaxgan.init(GAN, key, games.batch())
        return jaxgan.make_d_step(GAN)(state, games.batch(), key)[0]

    keys = jax.vmap(jax.random.key)(jnp.arange(2))
    together = games.discriminator(jax.jit(jax.vmap(member))(keys))
    alone = games.discriminator(jax.jit(member)(jax.random.key(1)))
    second = jax.tree.map(lambda leaf: leaf[1], _u(together))
    games.assert_close(second, _u(alone), rtol=1e-4, atol=1e-5)


def test_the_collections_name_is_that_of_the_update():
    assert COLLECTION in networks.OF_WEIGHTS
