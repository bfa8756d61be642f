"""Lazy penalties: with period 1 the gradients add up, and between payments none is."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan import penalties
from jaxgan.checks import InputError
from jaxgan.methods import lazy
from jaxgan.rounds import Move

KEY = jax.random.key(0)
WEIGHT, RATE = 0.7, 0.1


class Linear(nn.Module):
    """``D(x) = slope . x``, whose R1 is the slope's square, whatever x."""

    @nn.compact
    def __call__(self, x):
        slope = self.param("slope", nn.initializers.ones, (2,))
        return (slope[None] * x).sum(axis=1)


def make_gan(weight=WEIGHT):
    return jaxgan.GAN(
        generator=nn.Dense(2),
        discriminator=Linear(),
        g_optimizer=optax.sgd(RATE),
        d_optimizer=optax.sgd(RATE),
        penalties=((weight, penalties.r1),) if weight else (),
        latent_dim=2,
    )


BATCH = {"image": jnp.asarray(np.random.default_rng(0).normal(size=(1, 8, 2)), "f4")}


@functools.lru_cache
def start():
    return jaxgan.init(make_gan(), KEY, {"image": BATCH["image"][0]})


def slope(state):
    return np.asarray(state.players["discriminator"].params["slope"])


def played(game, schedule, rounds=1):
    state = jaxgan.init(game, KEY, {"image": BATCH["image"][0]})
    step = jax.jit(jaxgan.make_train_step(game, schedule=schedule))
    for _ in range(rounds):
        state, metrics = step(state, BATCH, KEY)
    return state, metrics


@pytest.mark.parametrize("every", [1, 4])
def test_the_penalty_is_paid_at_once_for_all_rounds(every):
    game = lazy.lazy(make_gan(), every)
    before, _ = played(game, ("d",))
    after, metrics = played(game, lazy.schedule(every)[:2])
    # R1 = slope^2, its gradient 2 slope, taken where "d" has led.
    expected = slope(before) * (1 - 2 * RATE * every * WEIGHT)
    np.testing.assert_allclose(slope(after), expected, rtol=1e-6)
    paid = WEIGHT * np.square(slope(before)).sum()
    np.testing.assert_allclose(metrics["d_reg_penalty"], paid, rtol=1e-6)


def test_between_payments_the_game_is_the_one_without():
    game = lazy.lazy(make_gan(), 8)
    state, _ = played(make_gan(weight=0), None)
    alone, _ = played(game, ("d", Move(objective="g", fresh=False)))
    np.testing.assert_array_equal(slope(alone), slope(state))


def test_with_period_1_and_a_small_rate_it_is_the_usual_game():
    # The two gradients at once, or one after the other: equal to first order.
    game = lazy.lazy(make_gan(), 1)
    lazily, usual = played(game, lazy.schedule(1)), played(make_gan(), None)
    moved = slope(usual[0]) - slope(start())
    gap = np.abs(slope(lazily[0]) - slope(usual[0])).max()
    assert 0 < gap < 2 * RATE * WEIGHT * np.abs(moved).max() * 1.5


def test_the_view_and_samples_are_those_of_the_gan():
    gan, game = make_gan(), lazy.lazy(make_gan(), 2)
    state = start()
    lazily = jaxgan.init(game, KEY, {"image": BATCH["image"][0]})
    plays_same = jaxgan.sample(gan, state, KEY, 3), jaxgan.sample(game, lazily, KEY, 3)
    np.testing.assert_array_equal(*plays_same)


def test_what_cannot_be_lazy_is_refused():
    with pytest.raises(InputError, match="penalties"):
        lazy.lazy(make_gan(weight=0), 2)
    with pytest.raises(InputError, match="period"):
        lazy.lazy(make_gan(), 0)
