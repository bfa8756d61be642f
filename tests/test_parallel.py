"""Cutting a batch into shares and mapping a step over devices.

That the game is the same on any number of them: `tests.test_devices`.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan import nets, parallel
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
