"""Discriminators whose examples see each other, and penalties on them."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan import InputError, nets, parallel, penalties, population, probe
from tests import games

KEY = games.KEY
SHAPE = (4, 4, 2)
SGD = optax.sgd(0.1)
R1, SUMMED = ((0.5, penalties.r1),), ((0.5, penalties.summed(penalties.r1)),)


def spread(x, group: int, epsilon: float = 1e-8):
    """Minibatch standard deviation as one more channel (Karras et al. 2018)."""
    groups = x.reshape(-1, group, *x.shape[1:])
    deviation = jnp.sqrt(groups.var(axis=1) + epsilon).mean(axis=(1, 2, 3))
    plane = jnp.repeat(deviation, group)[:, None, None, None]
    return jnp.concatenate([x, jnp.broadcast_to(plane, (*x.shape[:-1], 1))], axis=-1)


class Judge(nn.Module):
    """``[b h w c] -> [b]``, whose examples see each other ``how`` it says."""

    how: str = "not"

    @nn.compact
    def __call__(self, x, *, train=True):
        last = nn.initializers.lecun_normal()
        x = nn.leaky_relu(nn.Conv(8, (3, 3))(x), 0.2)
        if self.how == "deviation":
            x = spread(x, len(x))
        if self.how == "deviation without epsilon":
            x = spread(x, len(x), 0.0)
        if self.how == "deviation before zeros":
            x, last = spread(x, len(x)), nn.initializers.zeros
        if self.how == "batch norm":
            x = nn.BatchNorm(use_running_average=not train)(x)
        x = nn.leaky_relu(nn.Dense(16)(x.reshape(len(x), -1)), 0.2)
        if self.how == "attention":
            x = nn.MultiHeadDotProductAttention(num_heads=2)(x[None])[0]
        if self.how == "distances":  # Salimans et al. 2016
            gaps = jnp.abs(x[:, None] - x[None, :]).sum(axis=-1)
            x = jnp.concatenate([x, jnp.exp(-gaps).sum(axis=1)[:, None]], axis=-1)
        return nn.Dense(1, kernel_init=last)(x)[:, 0]


class Grouped(nn.Module):
    """A judge of groups of consecutive examples, by their deviation or packed."""

    group: int
    packed: bool = False
    apart: bool = False
    true_group: int | None = None

    @nn.compact
    def __call__(self, x):
        group = min(self.true_group or self.group, len(x))
        if self.packed:  # Lin et al. 2018: one logit for the images of a group
            x = x.reshape(len(x) // group, -1)
            logits = nn.Dense(1)(nn.leaky_relu(nn.Dense(16)(x)))[:, 0]
            return jnp.repeat(logits, group)
        if self.apart:  # the groups of StyleGAN's code: every n-th example
            x = jnp.swapaxes(x.reshape(group, -1, *SHAPE), 0, 1).reshape(-1, *SHAPE)
        x = spread(x, group)
        if self.apart:
            x = jnp.swapaxes(x.reshape(-1, group, 4, 4, 3), 0, 1).reshape(-1, 4, 4, 3)
        h = jnp.tanh(nn.Dense(16)(x.reshape(len(x), -1)))
        return nn.Dense(1)(h)[:, 0]


def batch(size: int = 32):
    draw = np.random.default_rng(0).uniform(-1, 1, (size, *SHAPE))
    return {"image": jnp.asarray(draw, jnp.float32)}


def game(judge, penalised) -> jaxgan.GAN:
    return jaxgan.GAN(
        generator=nets.mlp.Generator(SHAPE, width=8),
        discriminator=judge,
        penalties=penalised,
        g_optimizer=SGD,
        d_optimizer=SGD,
        latent_dim=4,
    )


@functools.lru_cache
def d_step(gan, size: int = 32, devices: int = 1, **how):
    """(the discriminator's parameters, the metrics) after one step."""
    state = jaxgan.init(gan, KEY, batch(size))
    if devices == 1:
        step = jax.jit(jaxgan.make_d_step(gan, **how))
    else:
        step = jaxgan.make_d_step(gan, axis_name=parallel.AXIS, **how)
        step = parallel.spread(step, devices=jax.devices()[:devices])
        state = parallel.put_shared(state, devices=jax.devices()[:devices])
    state, metrics = step(state, batch(size), KEY)
    return jax.device_get((games.discriminator(state).params, metrics))


@pytest.mark.parametrize(
    "how",
    [
        "deviation",
        "deviation without epsilon",
        "deviation before zeros",
        "batch norm",
        "attention",
        "distances",
    ],
)
def test_penalty_by_example_of_a_coupled_network_is_refused(how):
    with pytest.raises(InputError, match=r"Judge.*see each other.*summed"):
        jaxgan.init(game(Judge(how), R1), KEY, batch())
    jaxgan.init(game(Judge(how), ()), KEY, batch())


class Faint(nn.Module):
    """The deviation of thousands of features, as one plane of 129, four layers deep."""

    @nn.compact
    def __call__(self, x):
        for width in (32, 64, 128):
            x = nn.leaky_relu(nn.Conv(width, (3, 3), (2, 2))(x), 0.2)
        x = nn.leaky_relu(nn.Conv(128, (3, 3))(spread(x, len(x))), 0.2)
        x = nn.leaky_relu(nn.Dense(128)(x.reshape(len(x), -1)), 0.2)
        return nn.Dense(1)(x)[:, 0]


def test_faint_dependence_is_found():
    player = jaxgan.Player(module=Faint(), optimizer=SGD)
    inputs = (jax.ShapeDtypeStruct((2, 32, 32, 3), jnp.float32),)
    with pytest.raises(InputError, match="see each other"):
        probe.check_uncoupled("discriminator", player, inputs, 1)


@pytest.mark.parametrize("packed", [False, True])
def test_penalty_by_example_of_declared_groups_is_refused(packed):
    with pytest.raises(InputError, match=r"Grouped.*see each other.*summed"):
        jaxgan.init(game(Grouped(4, packed=packed), R1), KEY, batch())


class Normed(nn.Module):
    """Spectrally normalised, with dropout, in half the precision: all by example."""

    @nn.compact
    def __call__(self, x, *, train):
        dense = nn.Dense(16, dtype=jnp.bfloat16)
        x = nn.SpectralNorm(dense)(x.reshape(len(x), -1), update_stats=train)
        x = nn.Dropout(0.5, deterministic=not train)(nn.leaky_relu(x))
        return nn.Dense(1, dtype=jnp.bfloat16)(nn.LayerNorm()(x))[:, 0]


@pytest.mark.parametrize("judge", [Judge(), Normed()], ids=["plain", "normed"])
def test_network_of_single_examples_is_not_refused(judge):
    _, metrics = d_step(game(judge, R1), size=8)
    assert np.isfinite(list(metrics.values())).all()


def test_probe_works_in_the_trace_of_a_population():
    make = lambda how: lambda weight: game(Judge(how), ((weight, penalties.r1),))
    train = functools.partial(
        population.train,
        keys=jax.vmap(jax.random.key)(jnp.arange(2)),
        hypers={"weight": np.array([0.1, 1.0])},
        draw=lambda key, step: jax.tree.map(lambda leaf: leaf[None], batch(8)),
        steps=1,
    )
    with pytest.raises(InputError, match="see each other"):
        train(make("deviation"))
    assert np.isfinite(train(make("not")).metrics["d_penalty"]).all()


@pytest.mark.parametrize(
    "judge",
    [Grouped(2, true_group=4), Grouped(4, apart=True)],
    ids=["too small", "not consecutive"],
)
def test_wrong_groups_are_refused(judge):
    with pytest.raises(InputError, match=r"Grouped.*declares group="):
        jaxgan.init(game(judge, SUMMED), KEY, batch())


def test_groups_that_do_not_fit_the_batch_are_refused():
    gan = game(Grouped(4), SUMMED)
    with pytest.raises(InputError, match="multiple of 4"):
        jaxgan.init(gan, KEY, batch(10))
    with pytest.raises(InputError, match="multiple of 4"):
        d_step(gan, size=16, devices=8)
    with pytest.raises(InputError, match="multiple of 4"):
        d_step(gan, size=16, microbatches=8)


@pytest.mark.parametrize(
    ("packed", "devices", "microbatches"),
    [(False, 1, 1), (False, 8, 1), (False, 4, 2), (True, 1, 1), (True, 8, 1)],
)
def test_penalty_of_a_sum_is_the_gradient_by_hand(packed, devices, microbatches):
    gan = game(Grouped(4, packed=packed), SUMMED)
    moved, metrics = d_step(gan, devices=devices, microbatches=microbatches)

    variables = games.discriminator(jaxgan.init(gan, KEY, batch())).variables
    total = lambda x: gan.discriminator.apply(variables, x).sum()
    gradient = jax.jit(jax.grad(total))
    groups = batch()["image"].reshape(-1, 4, *SHAPE)
    gradients = np.concatenate([gradient(group) for group in groups])
    by_hand = 0.5 * np.square(gradients).sum(axis=(1, 2, 3)).mean()
    np.testing.assert_allclose(metrics["d_penalty"], by_hand, rtol=1e-5)
    expected, _ = d_step(gan)
    games.assert_close(moved, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("penalty", [penalties.r1, penalties.r2])
def test_summed_penalty_of_an_uncoupled_network_is_that_by_example(penalty):
    of = lambda each: d_step(game(Judge(), ((0.5, each),)), size=8)
    games.assert_close(of(penalties.summed(penalty)), of(penalty), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("penalty", [penalties.wgan_gp(), penalties.dragan()])
def test_summed_penalties_that_draw_train(penalty):
    gan = game(Grouped(4), ((0.5, penalties.summed(penalty)),))
    assert np.isfinite(list(d_step(gan)[1].values())).all()
