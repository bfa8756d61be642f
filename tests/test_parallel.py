"""Cutting a batch into shares and mapping a step over devices.

That the game is the same on any number of them: `tests.test_devices`.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan import layers, nets, parallel, penalties
from jaxgan.methods.ada import ada
from jaxgan.methods.feature_matching import feature_matching
from jaxgan.methods.lecam import lecam
from jaxgan.simultaneous import make_consensus_step
from jaxgan.unrolled import make_unrolled_update
from tests import games


def test_split_gives_each_device_its_share_in_order():
    batch = {"image": np.arange(24).reshape(2, 12)}
    shares = parallel.split(batch, 3, batch_axis=1)["image"]
    np.testing.assert_array_equal(shares[1], [[4, 5, 6, 7], [16, 17, 18, 19]])


def test_split_refuses_unequal_shares():
    with pytest.raises(jaxgan.InputError, match=r"batch of 10.*8\s+devices.*8 or 16"):
        parallel.split({"image": np.zeros((10, 2))}, 8)


def test_unsynchronised_batch_norm_is_refused(key):
    """A network that keeps batch statistics must say how it spans the devices."""

    class Alone(games.nn.Module):
        @games.nn.compact
        def __call__(self, x, condition=None, *, train):
            x = games.nn.BatchNorm(use_running_average=not train)(x.reshape(len(x), -1))
            return nets.mlp.Discriminator(width=4)(x, train=train)

    gan = games.mlp(discriminator=Alone())
    state = games.init(gan)
    step = parallel.spread(
        jaxgan.make_d_step(gan, axis_name=parallel.AXIS), devices=jax.devices()[:2]
    )
    with pytest.raises(ValueError, match="axis_name"):
        step(state, games.batch(), key)


class Counting(games.First):
    """`First`, which also counts how often it was called."""

    @games.nn.compact
    def __call__(self, x, condition=None, *, train):
        count = self.variable("calls", "count", lambda: jnp.zeros((), jnp.int32))
        if train:
            count.value += 1
        return super().__call__(x, condition, train=train)


def test_counts_in_collections_stay_whole_numbers(key):
    gan = games.points(discriminator=Counting())
    batch = {"image": jnp.zeros((1, 16, 2))}
    state = jaxgan.init(gan, key, {"image": batch["image"][0]})
    step = jaxgan.make_train_step(gan, axis_name=parallel.AXIS)
    new, _ = parallel.spread(step, batch_axis=1)(state, batch, key)
    count = games.discriminator(new).collections["calls"]["count"]
    assert count.dtype == jnp.int32
    assert count == 2  # the reals, then the fakes


class Kept(games.nn.Module):
    """A discriminator with a count, and with a collection of its weights."""

    @games.nn.compact
    def __call__(self, x):
        self.variable("calls", "count", lambda: jnp.zeros((), jnp.int32)).value += 1
        features = jnp.tanh(layers.Dense(4, weight=layers.spectral_norm)(x))
        return {"logits": games.nn.Dense(1)(features)[:, 0], "features": features}


def kept(rate=0.1, **changes):
    sgd = {"g_optimizer": optax.sgd(rate), "d_optimizer": optax.sgd(rate)}
    networks = {"generator": games.nn.Dense(2), "discriminator": Kept()}
    return games.points(**{**networks, **sgd, **changes})


def flat(size=16):
    random = np.random.default_rng(0)
    return {"image": jnp.asarray(random.normal(size=(1, size, 2)), jnp.float32)}


def twice(game, **how):
    """The discriminator moves twice, in a loop."""
    step = jaxgan.make_train_step(game, d_steps=2, **how)
    double = lambda leaf: jnp.concatenate([leaf, leaf[:, ::-1]])
    return lambda state, batch, key: step(state, jax.tree.map(double, batch), key)


def unrolled(game, **how):
    update = make_unrolled_update(game, steps=2, **how)
    return jaxgan.make_train_step(game, updates={"g": update}, **how)


CONSENSUS = functools.partial(make_consensus_step, weight=0.5)
TRACKED = {
    "penalty": (lambda: kept(penalties=((1.0, penalties.r1),)), twice, {}),
    "microbatches": (kept, jaxgan.make_train_step, {"microbatches": 2}),
    "exact shards": (kept, jaxgan.make_train_step, {"shards": 8}),
    "means over the batch": (
        lambda: feature_matching(kept()),
        jaxgan.make_train_step,
        {},
    ),
    "memory": (lambda: lecam(kept()), jaxgan.make_train_step, {}),
    "consensus": (kept, CONSENSUS, {}),
    "unrolled": (kept, unrolled, {}),
    "DCGAN": (lambda: games.dcgan(**SGD, augment=ada()), jaxgan.make_train_step, {}),
}
SGD = {"g_optimizer": optax.sgd(0.01), "d_optimizer": optax.sgd(0.01)}


@pytest.mark.parametrize("case", TRACKED)
def test_shard_map_that_tracks_what_varies_plays_the_game_of_one_device(case, key):
    make_game, make, how = TRACKED[case]
    game = make_game()
    batch = games.stacked(1) if case == "DCGAN" else flat()
    state = jaxgan.init(game, key, jax.tree.map(lambda leaf: leaf[0], batch))
    alone = jax.jit(make(game, **how))(state, batch, key)
    mesh, replicated = jax.sharding.Mesh(jax.devices(), ("x",)), jax.P()
    spread = jax.shard_map(
        make(game, axis_name="x", **how),
        mesh=mesh,
        in_specs=(replicated, jax.P(None, "x"), replicated),
        out_specs=replicated,
    )
    found = jax.jit(spread)(state, batch, key)
    games.assert_close(found, alone, rtol=1e-4, atol=1e-5)
    moved = lambda name: (found[0].players[name].params, state.players[name].params)
    assert all(games.differ(*moved(name)) for name in state.players)


@pytest.mark.digest
def test_synchronised_statistics_are_those_of_the_whole_batch(key):
    """By pmap and by shard_map, which agree to the bit, against jit."""
    gan = games.dcgan(d_optimizer=optax.sgd(0.01))
    state = games.init(gan)
    alone, _ = jax.jit(jaxgan.make_d_step(gan))(state, games.batch(), key)
    step = jaxgan.make_d_step(gan, axis_name=parallel.AXIS)
    mapped = parallel.spread(step)(state, games.batch(), key)
    auto = (jax.sharding.AxisType.Auto,)
    mesh = jax.make_mesh((8,), (parallel.AXIS,), auto)
    sharded = jax.jit(parallel.shard(step, mesh))(state, games.batch(), key)
    games.assert_equal(sharded, mapped)
    stats = lambda s: games.discriminator(s).collections["batch_stats"]
    games.assert_close(stats(mapped[0]), stats(alone), rtol=1e-4, atol=1e-7)
    games.assert_close(
        games.discriminator(mapped[0]).params,
        games.discriminator(alone).params,
        rtol=0,
        atol=1e-6,
    )
