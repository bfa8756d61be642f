"""One device or eight: the same data, and the same game up to the order of its sums.

`tests.growth` says where the bounds come from; `tests.test_draws` compares the draws.
"""

import dataclasses
import functools
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan import data, feed, keys, parallel
from tests import games, growth

NARROW = [name for name in growth.GAMES if name != "bfloat16"]


# Compiling is what these cost: the suite plays one extreme.
@pytest.mark.parametrize(
    "devices", [8, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 4))]
)
@pytest.mark.parametrize("name", NARROW)
def test_any_number_of_devices_plays_the_same_game(name, devices):
    """Networks, average and every metric, after each of 200 steps."""
    _check_within_bounds(name, growth.played(name, devices))


@pytest.mark.parametrize("name", NARROW)
def test_bounds_are_small_beside_the_way_travelled(name):
    """Else a chaotic game would pass whatever the devices did."""
    bounds = growth.bounds(name)
    for network, way in growth.travelled(name).items():
        assert bounds[network][-1] < 0.01 * way[-1]


@pytest.mark.slow
@pytest.mark.digest
def test_pmap_and_shard_map_are_the_same_to_the_bit():
    """And jit, which plays on one device, is within the bounds of both."""
    mapped, sharded = (
        growth.played("dropout", 8, how) for how in ("pmap", "shard_map")
    )
    games.assert_equal(sharded, mapped)


def test_bfloat16_plays_the_same_game_on_eight_devices():
    eight = growth.played("bfloat16", 8)
    _check_within_bounds("bfloat16", eight)
    for quantity in eight.values():
        assert np.isfinite(quantity).all()


def test_bfloat16_bounds_are_small_beside_the_way_travelled():
    bounds = growth.bounds("bfloat16")
    for network, way in growth.travelled("bfloat16").items():
        assert bounds[network][-1] < 0.05 * way[-1]


def _check_within_bounds(name, played):
    bounds = growth.bounds(name)
    for quantity, distance in growth.distances(name, played).items():
        np.testing.assert_array_less(distance, bounds[quantity], err_msg=quantity)


@pytest.mark.parametrize("player", ["discriminator", "generator"])
def test_bfloat16_gradients_are_float32_means_over_the_devices(key, player):
    """Against the mean of what each device's share gives by itself."""
    descent = {"g_optimizer": optax.sgd(1.0), "d_optimizer": optax.sgd(1.0)}
    gan = dataclasses.replace(growth.GAMES["bfloat16"].gan, **descent)
    makers = {"discriminator": jaxgan.make_d_step, "generator": jaxgan.make_g_step}
    images = np.random.default_rng(0).integers(0, 256, (16, 4, 4, 1), np.uint8)
    state = jaxgan.init(gan, key, {"image": images})

    def gradient(state, batch, key, axis_name=None):
        with growth.smooth_rectifiers():
            new, _ = makers[player](gan, axis_name=axis_name)(state, batch, key)
        old, new = (s.players[player].params for s in (state, new))
        return jax.tree.map(jnp.subtract, old, new)

    @jax.jit
    def by_itself(images, index):
        with mock.patch.object(keys, "example_indices", return_value=index):
            return gradient(state, {"image": images}, key)

    index = np.arange(16, dtype=np.int32)
    shares = [by_itself(images[i : i + 2], index[i : i + 2]) for i in range(0, 16, 2)]
    spread = parallel.spread(functools.partial(gradient, axis_name=parallel.AXIS))
    together = spread(state, {"image": images}, key)
    for got, *parts in zip(*map(jax.tree.leaves, (together, *shares)), strict=True):
        # Each share's gradient is rounded to bfloat16, but not their mean.
        ulp = np.abs(parts).max() * float(jnp.finfo(jnp.bfloat16).eps)
        assert got.dtype == jnp.float32
        np.testing.assert_allclose(got, np.mean(parts, axis=0), rtol=0, atol=ulp)
        assert np.abs(got - parts[0]).max() > 10 * ulp


@pytest.fixture
def rows_and_images():
    """Two steps of k = 3, 16 examples each: ``[2 3 16]``, and a set of 40 images."""
    n = 40
    pixels = np.arange(n, dtype=np.uint8)[:, None, None, None]
    images = data.ImageSet(pixels, None, ())
    order = {"start": 1, "steps": 2, "d_steps": 3, "batch_size": 16, "n": n}
    return data.batch_indices(5, **order), images


@pytest.mark.parametrize("take", [feed.resident, feed.streamed])
def test_every_device_is_fed_its_share_in_order(rows_and_images, take):
    """Device i of eight holds places ``[2 i, 2 i + 2)`` of every batch."""
    rows, images = rows_and_images
    order = feed.Order(seed=5, batch_size=16, fresh=3, start=1, stop=3)
    table, taken = take(images, order, 2)(2)
    # An image's pixel is its own row's number.
    fed = table["image"][..., 0, 0, 0] if taken is None else taken
    assert fed.shape == (8, 2, 3, 2)
    for shard in fed.addressable_shards:
        place = jax.devices().index(shard.device)
        share = rows[:, :, 2 * place : 2 * place + 2]
        np.testing.assert_array_equal(shard.data[0], share)


@pytest.mark.parametrize("devices", [1, 2, 4, 8])
def test_any_number_of_devices_plays_the_batch_in_order(rows_and_images, devices):
    """Each device says which rows it was given and how it counts them."""
    rows, _ = rows_and_images

    def say(state, batch, key):
        index = keys.example_indices(batch.shape[-1], parallel.AXIS)
        gather = lambda x, axis: jax.lax.all_gather(
            x, parallel.AXIS, axis=axis, tiled=True
        )
        return gather(batch, 2), gather(index, 0)

    who = jax.devices()[:devices]
    step = parallel.spread(say, batch_axis=2, devices=who)
    played, index = step(jnp.zeros(()), rows.astype(np.int32), games.KEY)
    np.testing.assert_array_equal(played, rows)
    np.testing.assert_array_equal(index, np.arange(16))
