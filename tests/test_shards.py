"""Exact shards: one game, to the bit, on any number of devices."""

import functools
import os
import sys
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from experiments import mlp
from jaxgan import cli, compiled, keys, losses, parallel, penalties
from jaxgan.checkpoint import record
from jaxgan.game import Game, Objective
from jaxgan.methods.ada import ada, flip, shift
from tests import exact_shards, games, launch

SHARDS = 8
FEW = 3


@functools.lru_cache
def _played(name: str, devices: int, shards: int | None = SHARDS, batch: int = 32):
    """The state and the metrics after a few rounds of a small game."""
    game, examples = exact_shards.game(name), exact_shards.examples(name, batch)
    batches = jax.tree.map(lambda leaf: leaf[None], examples)
    state = jaxgan.init(game, games.KEY, examples)
    make = functools.partial(jaxgan.make_train_step, game, shards=shards)
    if devices == 1:
        step = jax.jit(make())
    else:
        step = parallel.spread(
            make(axis_name=parallel.AXIS),
            batch_axis=1,
            devices=jax.devices()[:devices],
        )
        state = parallel.put_shared(state, devices=jax.devices()[:devices])
    metrics = {}
    for _ in range(FEW):
        state, metrics = step(state, batches, games.KEY)
    return jax.device_get((state, metrics))


# `python -m tests.exact_shards` plays all of them, and for longer.
QUICK = [("mlp", 2), ("dcgan", 8), ("memory", 8)]
OTHERS = [("conditional", 8), ("r1", 8), ("dcgan", 2), ("augmented", 4)]


@pytest.mark.digest
@pytest.mark.parametrize(
    ("name", "devices"),
    [*QUICK, *(pytest.param(*other, marks=pytest.mark.slow) for other in OTHERS)],
)
def test_any_number_of_devices_plays_the_same_to_the_bit(name, devices):
    games.assert_equal(_played(name, devices), _played(name, 1))


@pytest.mark.digest
def test_without_them_the_last_bits_differ():
    """Else the test above would show nothing."""
    assert games.differ(_played("mlp", 2, shards=None), _played("mlp", 1, shards=None))


@pytest.mark.parametrize("shards", [3, 12])
@pytest.mark.digest
def test_shards_need_not_be_a_power_of_two(shards):
    one = _played("mlp", 1, shards, 24)
    devices = {3: 3, 12: 6}[shards]
    games.assert_equal(_played("mlp", devices, shards, 24), one)


GAN = games.dropout(
    g_optimizer=optax.sgd(1.0),
    d_optimizer=optax.sgd(1.0),
    penalties=((0.5, penalties.r1),),
)


@pytest.mark.parametrize("how", [{}, {"microbatches": 2}], ids=str)
def test_shards_play_the_step_of_the_whole_batch(how):
    """The same draws and sums, to the rounding of 16 terms in another order."""
    state, batch = games.init(GAN), games.batch()
    for name in ("d", "g"):
        make = functools.partial(jaxgan.make_update, GAN, name)
        whole, seen = jax.jit(make())(state, batch, games.KEY)
        parts, metrics = jax.jit(make(shards=4, **how))(state, batch, games.KEY)
        games.assert_close(parts, whole, rtol=0, atol=1e-5)
        games.assert_close(metrics, seen, rtol=2e-5, atol=1e-6)


def test_long_sums_are_the_same_on_any_number_of_devices_and_cores():
    """A pool of threads divides them, so the commands fix the number of its threads."""

    def found(devices: int, *words: str) -> str:
        env = launch.environment(devices)
        env.pop("PJRT_NPROC", None)
        (ended,) = launch.run([["-m", "tests.long_sum", *words]], env)
        assert not ended.code, ended.err
        return ended.out

    assert found(1) == found(2) == found(8)
    if len(os.sched_getaffinity(0)) < 8:
        # Else the line above would show nothing.
        assert found(1, "default") != found(1)


def test_commands_in_exact_shards_fix_their_threads(tmp_path, monkeypatch):
    monkeypatch.delenv("PJRT_NPROC", raising=False)
    monkeypatch.setattr(sys, "argv", ["mlp", "--exact-shards", "5"])
    monkeypatch.setattr(compiled, "keep", lambda folder: None)
    seen = []
    play = lambda config, make, **how: seen.append(os.environ["PJRT_NPROC"])
    cli.main(mlp.Config, mlp.make_gan, play=play)
    monkeypatch.setenv("PJRT_NPROC", "3")  # the user's own number stays
    cli.main(mlp.Config, mlp.make_gan, play=play)
    assert seen == ["5", "3"]


def test_threads_are_those_of_the_variable_or_one_for_each_core(monkeypatch):
    threads = {}
    for asked in ("", "16", "many"):
        monkeypatch.setenv("PJRT_NPROC", asked)
        threads[asked] = record.threads()
    own = max(len(os.sched_getaffinity(0)), jax.local_device_count())
    assert threads == {"": own, "16": max(16, jax.local_device_count()), "many": own}
    assert f", {own} threads" in record.devices(None)


def test_processes_and_a_killed_run_end_alike(tmp_path):
    said: list[str] = []
    found = exact_shards.compare("mlp", 20, tmp_path, [(1, 1), (2, 2)], said.append)
    assert found["equal"], found["digests"]
    assert len(found["digests"]) == 3


def test_batch_norm_normalises_within_a_shard(key):
    """As documented: the mean of what each shard does alone, running averages too."""
    gan = games.dcgan(g_optimizer=optax.sgd(1.0), d_optimizer=optax.sgd(1.0))
    state, batch = games.init(gan), games.batch()
    moved, _ = jax.jit(jaxgan.make_d_step(gan, shards=2))(state, batch, key)

    @jax.jit
    def half(batch, index):
        with mock.patch.object(keys, "example_indices", return_value=index):
            return games.discriminator(jaxgan.make_d_step(gan)(state, batch, key)[0])

    index = jnp.arange(16, dtype=jnp.int32)
    first, second = (
        half(*jax.tree.map(lambda leaf, part=part: leaf[part], (batch, index)))
        for part in (slice(0, 8), slice(8, 16))
    )
    mean = jax.tree.map(lambda a, b: (a + b) / 2, first, second)
    got = games.discriminator(moved)
    games.assert_close(got.params, mean.params, rtol=0, atol=1e-5)
    games.assert_close(got.collections, mean.collections, rtol=1e-5, atol=1e-7)
    whole = games.discriminator(jax.jit(jaxgan.make_d_step(gan))(state, batch, key)[0])
    assert not np.allclose(
        *(jax.tree.leaves(n.collections)[0] for n in (whole, got)), rtol=1e-5
    )


def test_a_memory_sees_all_examples_in_order(key):
    gan = games.mlp(augment=ada(every=1, speed_images=16.0, transforms=(flip, shift)))
    state, batch = jaxgan.init(gan, key, games.batch()), games.batch()
    update = functools.partial(jaxgan.make_update, gan, "d")
    whole, _ = jax.jit(update())(state, batch, key)
    parts, _ = jax.jit(update(shards=4))(state, batch, key)
    assert float(whole.memory["augment"]["p"]) in (0.0, 1.0)
    games.assert_equal(parts.memory, whole.memory)


def _of_the_whole_batch(nets, batch, turn):
    """A loss of a moment of all examples: a mean over a shard is another."""
    logits = nets("discriminator", batch["image"])
    return (logits - turn.mean(logits)) ** 2, {}


def test_a_mean_over_the_whole_batch_is_refused(key):
    gan = games.points()
    game = Game(
        players={"discriminator": gan.players["discriminator"]},
        objectives={
            "o": Objective(players=("discriminator",), loss=_of_the_whole_batch)
        },
        clock="o",
    )
    batch = {"image": jnp.ones((16, 2))}
    state = jaxgan.init(game, key, batch)
    assert jaxgan.make_update(game, "o", shards=1)(state, batch, key)
    with pytest.raises(jaxgan.InputError, match=r"whole batch.*8 parts.*exact shards"):
        jaxgan.make_update(game, "o", shards=8)(state, batch, key)


@pytest.mark.parametrize(
    ("shards", "devices", "words"),
    [
        (5, 1, r"16 .*into 5"),
        (0, 1, r"shards.*at least 1"),
        (32, 1, r"16 .*into 32"),
        (4, 8, r"4 exact shards .*8 devices.*multiple of 8"),
        (2, 4, r"2 exact shards .*4 devices"),
    ],
)
def test_shards_that_do_not_fit_are_refused(shards, devices, words, key):
    gan, batch = games.mlp(), games.batch()
    axis_name = parallel.AXIS if devices > 1 else None
    step = jaxgan.make_d_step(gan, axis_name=axis_name, shards=shards)
    if devices > 1:
        step = parallel.spread(step, devices=jax.devices()[:devices])
    with pytest.raises(jaxgan.InputError, match=words):
        step(games.init(gan), batch, key)
    if devices == 8:
        with pytest.raises(jaxgan.InputError, match=words):
            jaxgan.fit(
                gan, games.init(gan), batch, key, steps=1, batch_size=16, shards=shards
            )


def test_updates_made_without_them_are_refused():
    gan = games.mlp()
    update = {"g": jaxgan.make_g_step(gan)}
    with pytest.raises(jaxgan.InputError, match="shards"):
        jaxgan.make_train_step(gan, updates=update, shards=8)


def test_a_population_plays_them_too(key):
    """The number of turns is traced per member: a loop under vmap is still a loop."""
    gan, batch = games.mlp(loss=losses.hinge), games.batch()
    update = jaxgan.make_update(gan, "d", shards=4)
    seeds = jax.random.split(key, 2)
    states = jax.vmap(lambda seed: jaxgan.init(gan, seed, batch))(seeds)
    both, _ = jax.jit(jax.vmap(update, (0, None, 0)))(states, batch, seeds)
    for i in range(2):
        own = lambda tree, i=i: jax.tree.map(lambda leaf: leaf[i], tree)
        alone, _ = jax.jit(update)(own(states), batch, seeds[i])
        games.assert_close(own(both), alone, rtol=1e-4, atol=1e-5)
