"""One device or eight: the same draws, the same data, parameters within rounding."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan import nets, parallel, penalties
from tests import games

STEPS = 50

# Plain descent: Adam divides by a gradient's own size, so near zero it turns rounding
# into a whole step. At these rates a sum's order moves a parameter by about 1e-7.
SGD = {"g_optimizer": optax.sgd(0.005), "d_optimizer": optax.sgd(0.005)}

GAMES = {
    "mlp, conditional, instance noise": games.mlp(
        condition="label", instance_noise=optax.constant_schedule(0.1), **SGD
    ),
    "dcgan, batch norm": games.dcgan(**SGD),
    "wgan-gp": games.mlp(penalties=((1.0, penalties.wgan_gp()),), **SGD),
}


def _play(gan, devices: int, d_steps: int = 1):
    key = jax.random.key(0)
    state = games.init(gan)
    if devices == 1:
        step = jax.jit(jaxgan.make_train_step(gan, d_steps=d_steps))
    else:
        step = parallel.spread(
            jaxgan.make_train_step(gan, d_steps=d_steps, axis_name=parallel.AXIS),
            batch_axis=1,
            devices=jax.devices()[:devices],
        )
        state = parallel.put_shared(state, devices=jax.devices()[:devices])
    metrics = []
    for _ in range(STEPS):
        state, measured = step(state, games.stacked(d_steps), key)
        metrics.append(jax.device_get(measured))
    return state, jax.tree.map(lambda *leaves: np.stack(leaves), *metrics)


@pytest.mark.parametrize("name", GAMES)
def test_any_number_of_devices_plays_the_same_game(name):
    alone, alone_metrics = _play(GAMES[name], 1)
    for devices in (2, 8):
        state, metrics = _play(GAMES[name], devices)
        games.assert_close(state, alone, rtol=1e-3, atol=2e-5)
        games.assert_close(metrics, alone_metrics, rtol=1e-3, atol=2e-5)


@pytest.mark.parametrize("devices", [2, 8])
def test_draws_are_exactly_equal(key, devices):
    """Each example's latent and noise, read off a generator that returns its latent."""
    gan = games.points(d_optimizer=optax.sgd(0.0))
    batch = {"image": jnp.zeros((16, 2))}
    state = jaxgan.init(gan, key, batch)
    spied = games.points(discriminator=games.Spy())
    games.SEEN.clear()
    jax.jit(jaxgan.make_g_step(spied))(state, batch, key)
    jax.effects_barrier()
    alone = np.concatenate(games.SEEN)
    games.SEEN.clear()
    step = jaxgan.make_g_step(spied, axis_name=parallel.AXIS)
    parallel.spread(step, devices=jax.devices()[:devices])(state, batch, key)
    jax.effects_barrier()
    shares = np.concatenate(
        sorted(games.SEEN, key=lambda x: list(alone[:, 0]).index(x[0, 0]))
    )
    np.testing.assert_array_equal(shares, alone)


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
    with pytest.raises(ValueError, match="Alone keeps batch statistics"):
        step(state, games.batch(), key)


def test_synchronised_statistics_are_those_of_the_whole_batch(key):
    gan = GAMES["dcgan, batch norm"]
    state = games.init(gan)
    alone, _ = jax.jit(jaxgan.make_d_step(gan))(state, games.batch(), key)
    step = jaxgan.make_d_step(gan, axis_name=parallel.AXIS)
    many, _ = parallel.spread(step)(state, games.batch(), key)
    stats = lambda s: s.discriminator.collections["batch_stats"]
    games.assert_close(stats(many), stats(alone), rtol=1e-4, atol=1e-7)
