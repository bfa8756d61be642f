"""A batch in parts is the whole batch, in less memory; batch norm alone can tell."""

import functools
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan import keys, losses, parallel, penalties
from jaxgan.means import in_parts
from tests import games

SGD = {"g_optimizer": optax.sgd(1.0), "d_optimizer": optax.sgd(1.0)}

GAMES = {
    "R1, dropout": games.dropout(penalties=((0.5, penalties.r1),), **SGD),
    "WGAN-GP, relativistic, conditional": games.mlp(
        loss=losses.relativistic,
        penalties=((1.0, penalties.wgan_gp()),),
        condition="label",
        **SGD,
    ),
}


@functools.lru_cache
def _after_one_step(name, microbatches: int, devices: int = 1):
    """What moved, and the metrics; at the rate 1 the way moved is the gradient."""
    gan = GAMES[name]
    state, batch = games.init(gan), games.stacked(1)
    if devices == 1:
        step = jax.jit(jaxgan.make_train_step(gan, microbatches=microbatches))
    else:
        step = jaxgan.make_train_step(
            gan, axis_name=parallel.AXIS, microbatches=microbatches
        )
        step = parallel.spread(step, batch_axis=1, devices=jax.devices()[:devices])
    new, metrics = step(state, batch, games.KEY)
    return jax.device_get(
        (games.generator(new).params, games.discriminator(new).params, metrics)
    )


@pytest.mark.parametrize(
    ("microbatches", "devices"),
    [(2, 1), pytest.param(4, 1, marks=pytest.mark.slow), (2, 4)],
)
@pytest.mark.parametrize("name", GAMES)
def test_parts_give_the_step_of_the_whole_batch(name, microbatches, devices):
    """A mean of 16 terms in another order: to 16 ulps of the tree's largest value.

    The draws are compared to the bit in `tests.test_draws`.
    """
    whole = _after_one_step(name, 1)
    parts = _after_one_step(name, microbatches, devices)
    for expected, got in zip(whole, parts, strict=True):
        largest = max(np.abs(leaf).max() for leaf in jax.tree.leaves(expected))
        games.assert_close(
            got, expected, rtol=0, atol=16 * np.finfo(np.float32).eps * largest
        )


def test_batch_norm_normalises_each_part_by_itself(key):
    """As documented: the halves' gradients averaged, the running means moved twice."""
    gan = games.dcgan(**SGD)
    state, batch = games.init(gan), games.batch()
    step = jaxgan.make_d_step(gan, microbatches=2)
    parts = games.discriminator(jax.jit(step)(state, batch, key)[0])

    @jax.jit
    def half(collections, batch, index):
        network = games.discriminator(state).replace(collections=collections)
        with mock.patch.object(keys, "example_indices", return_value=index):
            players = {**state.players, "discriminator": network}
            start = state.replace(players=players)
            return games.discriminator(jaxgan.make_d_step(gan)(start, batch, key)[0])

    index = jnp.arange(16, dtype=jnp.int32)
    halves = jax.tree.map(lambda x: x.reshape(2, 8, *x.shape[1:]), (batch, index))
    first = half(
        games.discriminator(state).collections,
        *jax.tree.map(lambda x: x[0], halves),
    )
    second = half(first.collections, *jax.tree.map(lambda x: x[1], halves))
    mean = jax.tree.map(lambda a, b: (a + b) / 2, first.params, second.params)
    games.assert_close(parts.params, mean, rtol=0, atol=1e-5)
    games.assert_close(parts.collections, second.collections, rtol=1e-5, atol=1e-7)

    whole, _ = jax.jit(jaxgan.make_d_step(gan))(state, batch, key)
    whole = games.discriminator(whole)
    moved = lambda network: jax.tree.leaves(
        jax.tree.map(jnp.subtract, network.params, games.discriminator(state).params)
    )
    assert any(
        np.abs(a - b).max() > 0.01 * np.abs(a).max()
        for a, b in zip(moved(whole), moved(parts), strict=True)
    )


def test_gradients_of_parts_are_added_in_float32():
    """In bfloat16, whose numbers above 1 lie 1/128 apart, 1 + 1/512 is 1."""
    grads = jnp.asarray([1.0, *[1 / 512] * 15], jnp.bfloat16)
    measure = lambda collections, grad: (grad.sum(), collections, {}, {})
    mean = in_parts(measure, jnp.bfloat16(0), {}, (grads,), 16)[0]
    assert mean.dtype == jnp.bfloat16
    assert mean == jnp.asarray((1 + 15 / 512) / 16, jnp.bfloat16)


def test_parts_that_are_not_equal_are_refused(key):
    gan = games.mlp()
    step = jaxgan.make_d_step(gan, microbatches=3)
    with pytest.raises(jaxgan.InputError, match=r"16 examples.*into 3 equal"):
        step(games.init(gan), games.batch(), key)
