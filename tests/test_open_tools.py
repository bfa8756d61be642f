"""Sampling, checkpoints, populations and devices, for games of any players."""

import dataclasses
import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan import InputError, Move, images, keys, parallel, population
from jaxgan.checkpoint import Checkpoints, digest
from tests import games, zoo

KEY = games.KEY
ZOO = {"bigan": functools.partial(zoo.bigan, 0.1), "cyclegan": zoo.cyclegan}


def batch(name: str, seed: int = 0, size: int = 8):
    """One round's pixels, ``[1 b 8 8 1]``."""
    random = np.random.default_rng(seed)
    draw = lambda: random.integers(0, 256, (1, size, 8, 8, 1), np.uint8)
    return {"image": draw()} if name == "bigan" else {"a": draw(), "b": draw()}


def first(batch):
    return jax.tree.map(lambda leaf: leaf[0], batch)


@functools.lru_cache
def played(name: str):
    """(the game, its compiled round, its state after two of them)."""
    game = ZOO[name]()
    step = jax.jit(jaxgan.make_train_step(game))
    state = jaxgan.init(game, KEY, first(batch(name)))
    for seed in range(2):
        state, _ = step(state, batch(name, seed), KEY)
    return game, step, state


def test_bigan_samples_images_of_its_averaged_generator():
    game, _, state = played("bigan")
    made = jaxgan.sample(game, state, KEY, 7, batch_size=3)
    each = keys.per_example(keys.stream(KEY, "sample", 0), jnp.arange(7))
    z = jnp.stack([jax.random.normal(key, (zoo.LATENT,)) for key in each])
    generator = game.players["generator"].module
    expected = generator.apply(games.average(state), z, train=False)
    np.testing.assert_allclose(made, expected, rtol=1e-4, atol=1e-6)
    assert games.differ(games.average(state), games.generator(state).variables)


def test_cyclegan_samples_translations_of_pixels():
    """Its networks have no average: they play as they are."""
    game, _, state = played("cyclegan")
    pixels = first(batch("cyclegan", seed=5))
    made = jaxgan.sample(game, state, KEY, 8, condition=pixels, batch_size=3)
    for way, source in (("ab", "a"), ("ba", "b")):
        expected = game.players[way].module.apply(
            state.players[way].variables, images.as_float(pixels[source]), train=False
        )
        np.testing.assert_allclose(made[way[1]], expected, rtol=1e-4, atol=1e-6)
    with pytest.raises(InputError, match="each of its 9 examples"):
        jaxgan.sample(game, state, KEY, 9, condition=pixels)


def test_game_without_a_sample_says_so():
    game, _, state = played("bigan")
    with pytest.raises(InputError, match="no sample"):
        jaxgan.sample(dataclasses.replace(game, sample=None), state, KEY, 1)


@pytest.mark.parametrize("name", ZOO)
def test_checkpoint_continues_to_the_bit(name, tmp_path):
    game, step, state = played(name)
    with Checkpoints(tmp_path / "c") as checkpoints:
        checkpoints.save(state, {"game": name})
    like = jaxgan.init(game, jax.random.key(1), first(batch(name)))
    assert games.differ(like, state)
    with Checkpoints(tmp_path / "c") as checkpoints:
        assert checkpoints.latest == 2
        restored = checkpoints.restore(like)
    games.assert_equal(restored.state, state)
    assert digest(restored.state) == digest(state) != digest(like)
    assert restored.notes == {"game": name}
    one, other = (step(s, batch(name, 2), KEY) for s in (restored.state, state))
    games.assert_equal(one, other)


def test_checkpoint_of_another_game_is_refused(tmp_path):
    with Checkpoints(tmp_path / "c") as checkpoints:
        checkpoints.save(played("bigan")[2])
        with pytest.raises(InputError, match="another network"):
            checkpoints.restore(played("cyclegan")[2])


def with_rate(name: str, rate):
    """The game with plain descent at a rate for all."""
    game = ZOO[name]()
    sgd = optax.sgd(rate)
    replaced = lambda player: dataclasses.replace(player, optimizer=sgd)
    players = {n: replaced(player) for n, player in game.players.items()}
    return dataclasses.replace(game, players=players)


OTHER_WAY = ("g", Move(objective="d", fresh=False))


@pytest.mark.parametrize(
    ("name", "how"),
    [("bigan", {}), ("cyclegan", {"schedule": OTHER_WAY})],
    ids=["bigan", "cyclegan"],
)
def test_member_of_a_population_is_the_game_alone(name, how):
    make_game = functools.partial(with_rate, name)
    make_step = functools.partial(jaxgan.make_train_step, **how)
    hypers = {"rate": np.array([0.1, 0.02])}
    table = jnp.stack([jnp.asarray(x) for x in jax.tree.leaves(batch(name, size=32))])

    def draw(key, step):
        start = 8 * (step % 4)
        rows = jax.lax.dynamic_slice_in_dim(table, start, 8, axis=2)
        return dict(zip(sorted(batch(name)), rows, strict=True))

    trained = population.train(
        make_game,
        jax.vmap(jax.random.key)(jnp.arange(2)),
        hypers,
        draw,
        steps=3,
        make_step=make_step,
        measure=lambda game, state, key: state.images.as_float(),
    )
    np.testing.assert_array_equal(trained.measures, [[24], [24]])
    for index in range(2):
        key = jax.random.key(index)
        one = first(draw(key, 0))
        game, state = population.member(trained, index, make_game, hypers, one)
        alone, step = jaxgan.init(game, key, one), jax.jit(make_step(game))
        for i in range(3):
            alone, _ = step(alone, draw(key, i), key)
        for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(alone), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_pmap_and_shard_map_play_bigan_the_same_to_the_bit():
    game, _, state = played("bigan")
    step = jaxgan.make_train_step(game, axis_name=parallel.AXIS)
    mesh = jax.sharding.Mesh(np.array(jax.devices()), (parallel.AXIS,))
    sharded = jax.jit(parallel.shard(step, mesh, batch_axis=1))
    spread = parallel.spread(step, batch_axis=1)
    next_batch = batch("bigan", 3, size=16)
    one, other = (play(state, next_batch, KEY) for play in (spread, sharded))
    games.assert_equal(jax.device_get(one), jax.device_get(other))


class Normed(nn.Module):
    """A judge with batch norm by each device's own share, or frozen ``how`` it says."""

    how: str = "own share"

    @nn.compact
    def __call__(self, x, *, train):
        x = x.reshape(len(x), -1)
        if self.how == "own share":
            x = nn.BatchNorm(use_running_average=not train)(x)
        if self.how == "own share by place":
            x = nn.BatchNorm()(x, not train)
        if self.how == "frozen":
            x = nn.BatchNorm(use_running_average=True)(x, None)
        if self.how == "frozen by place":
            x = nn.BatchNorm()(x, True)
        if self.how == "frozen by name":
            x = nn.BatchNorm()(x, use_running_average=True)
        return nn.Dense(1)(x)[:, 0]


def of_norm(how: str, devices: int):
    """The judge before and after one step."""
    gan = games.mlp(discriminator=Normed(how))
    state = games.init(gan)
    if devices == 1:
        step = jax.jit(jaxgan.make_d_step(gan))
    else:
        who = jax.devices()[:devices]
        step = jaxgan.make_d_step(gan, axis_name=parallel.AXIS)
        step = parallel.spread(step, devices=who)
    after, _ = step(state, games.batch(), KEY)
    return games.discriminator(state), games.discriminator(after)


@pytest.mark.parametrize("how", ["own share", "own share by place"])
def test_batch_norm_by_a_devices_own_share_trains_on_one(how):
    before, after = of_norm(how, 1)
    assert games.differ(after.params, before.params)
    assert games.differ(after.collections, before.collections)
    with pytest.raises(InputError, match="axis_name"):
        of_norm(how, 2)


@pytest.mark.parametrize("how", ["frozen", "frozen by place", "frozen by name"])
def test_frozen_batch_norm_needs_no_axis(how):
    before, after = of_norm(how, 2)
    assert games.differ(after.params, before.params)
    games.assert_equal(after.collections, before.collections)
