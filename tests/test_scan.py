"""A scan is the plain loop over its steps."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan import nets, scan

KEY = jax.random.key(0)
TABLE = jnp.asarray(np.random.default_rng(0).normal(size=(40, 2)), jnp.float32)


def walk(place, by, key):
    """Integers, so that every order of addition gives the same bits."""
    return place + by, {"place": place, "squared": place**2}


def mute(place, by, key):
    return walk(place, by, key)[0], {}


def walked(steps, first, start=0):
    """Places from the start to the end, by NumPy."""
    return start + np.concatenate([[0], np.cumsum(first + np.arange(steps))])


@pytest.mark.parametrize(("steps", "first"), [(1, 0), (7, 0), (5, 3)])
@pytest.mark.parametrize("static", [(), ("steps",), ("first",), ("steps", "first")])
def test_traced_or_not_every_step_gets_its_number(steps, first, static):
    play = lambda steps, first: scan.play(
        walk, jnp.zeros(()), jnp.float32, KEY, steps=steps, first=first
    )
    place, means = jax.jit(play, static_argnames=static)(steps=steps, first=first)
    places = walked(steps, first)
    assert place == places[-1]
    np.testing.assert_allclose(means["place"], places[:-1].mean(), rtol=1e-6)
    np.testing.assert_allclose(means["squared"], (places[:-1] ** 2).mean(), rtol=1e-6)


def test_one_program_for_all_lengths():
    play = jax.jit(
        lambda steps, first: scan.play(
            walk, jnp.zeros(()), jnp.float32, KEY, steps=steps, first=first
        )
    )
    for steps, first in ((2, 0), (9, 4)):
        assert play(steps, first)[0] == walked(steps, first)[-1]
    assert play._cache_size() == 1


def test_a_step_without_metrics_has_no_means():
    place, means = scan.play(mute, jnp.zeros(()), jnp.float32, KEY, steps=4)
    assert place == walked(4, 0)[-1]
    assert means == {}


def test_no_step_leaves_the_state():
    play = lambda steps: scan.play(mute, jnp.ones(()), jnp.float32, KEY, steps=steps)
    assert jax.jit(play)(0)[0] == 1


def test_members_of_a_vmap_start_and_count_on_their_own():
    def play(start, steps, first):
        return scan.play(walk, start, jnp.float32, KEY, steps=steps, first=first)

    starts, steps, firsts = np.float32([0, 10, 100]), np.array([2, 5, 3]), [0, 7, 1]
    place, means = jax.vmap(play)(starts, steps, jnp.array(firsts))
    for i, member in enumerate(zip(steps, firsts, starts, strict=True)):
        places = walked(*member)
        assert place[i] == places[-1]
        np.testing.assert_allclose(means["place"][i], places[:-1].mean(), rtol=1e-6)


@pytest.mark.parametrize("check", [True, False])
def test_devices_of_a_shard_map_play_their_share(check):
    def play(start):
        place, means = scan.play(walk, start, jnp.float32, KEY, steps=4)
        return place, means["place"]

    mesh, shares = jax.sharding.Mesh(jax.devices(), ("x",)), jax.P("x")
    starts = np.arange(16, dtype=np.float32)
    spread = jax.shard_map(
        play, mesh=mesh, in_specs=shares, out_specs=shares, check_vma=check
    )
    place, means = jax.jit(spread)(starts)
    places = np.stack([walked(4, 0, start) for start in starts])
    np.testing.assert_array_equal(place, places[:, -1])
    np.testing.assert_array_equal(means, places[:, :-1].mean(axis=1))


def test_a_game_is_played_as_by_a_plain_loop():
    gan = jaxgan.GAN(
        generator=nets.mlp.Generator((2,), width=8, bounded=False),
        discriminator=nets.mlp.Discriminator(width=8),
        g_optimizer=optax.adam(1e-3),
        d_optimizer=optax.adam(1e-3),
        latent_dim=2,
    )
    draw = lambda i: {"image": TABLE[scan.rows(KEY, i, (2, 8), len(TABLE))]}
    step = jaxgan.make_train_step(gan, d_steps=2)
    start = jaxgan.init(gan, KEY, {"image": TABLE})
    play = lambda state, first: scan.play(step, state, draw, KEY, steps=5, first=first)
    state, means = jax.jit(play)(start, 3)
    alone, log, one = start, [], jax.jit(step)
    for i in range(3, 8):
        alone, metrics = one(alone, draw(i), KEY)
        log.append(metrics)
    assert int(state.step) == 5
    for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(alone), strict=True):
        np.testing.assert_array_equal(a, b)
    for name, mean in means.items():
        # XLA may divide by multiplying with 1/5.
        expected = np.mean([metrics[name] for metrics in log], dtype=np.float64)
        np.testing.assert_allclose(mean, expected, rtol=1e-6)


def test_descent_is_that_of_a_plain_loop():
    loss = lambda params, rows: (
        ((params["at"][None] - TABLE[rows]) ** 2).sum(axis=1).mean()
    )
    draw = lambda i: scan.rows(KEY, i, (8,), len(TABLE))
    how = (loss, {"at": jnp.zeros(2)}, optax.sgd(0.1, momentum=0.5), draw)
    found = jax.jit(lambda steps: scan.descend(*how, steps=steps))(20)
    at, velocity = np.zeros(2), np.zeros(2)
    for i in range(20):
        velocity = 0.5 * velocity + 2 * (at - np.asarray(TABLE)[draw(i)].mean(axis=0))
        at = at - 0.1 * velocity
    np.testing.assert_allclose(found["at"], at, rtol=1e-5)


def test_rows_are_uniform_and_belong_to_their_step():
    rows = scan.rows(KEY, 0, (10_000,), 4)
    counts = np.bincount(rows, minlength=4)
    assert len(counts) == 4
    assert abs(counts - 2_500).max() < 5 * np.sqrt(10_000 * 3 / 16)
    assert (rows != scan.rows(KEY, 1, (10_000,), 4)).any()
    np.testing.assert_array_equal(
        rows.reshape(100, 100), scan.rows(KEY, 0, (100, 100), 4)
    )
