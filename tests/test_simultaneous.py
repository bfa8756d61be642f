"""Steps of all players at once, and unrolled updates, by gradients taken by hand."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan import InputError, losses, parallel
from jaxgan.simultaneous import (
    make_consensus_step,
    make_extragradient_step,
    make_simultaneous_step,
)
from jaxgan.unrolled import make_unrolled_update
from tests import games, zoo

RATE, WEIGHT = 0.1, 0.3
POINTS = {"image": jnp.asarray(np.random.default_rng(0).normal(size=(1, 16, 2)))}


class Critic(nn.Module):
    """``x -> a x1 + b x2^2``, two parameters."""

    @nn.compact
    def __call__(self, x, *, train):
        w = self.param("w", nn.initializers.normal(1.0), (2,), jnp.float32)
        return w[0] * x[:, 0] + w[1] * x[:, 1] ** 2


@functools.lru_cache
def gan(make_optimizer=lambda: optax.sgd(RATE)) -> jaxgan.GAN:
    return games.points(
        generator=games.Latents(),
        discriminator=Critic(),
        loss=losses.non_saturating,
        g_optimizer=make_optimizer(),
        d_optimizer=make_optimizer(),
    )


def start():
    return jaxgan.init(gan(), games.KEY, {"image": POINTS["image"][0]})


def both(state):
    return state.players["generator"].params, state.players["discriminator"].params


def by_hand(update: int):
    """The losses ``(g, d) -> scalar`` of the update of that counter, written out."""
    index = jnp.arange(16)
    x = POINTS["image"][0].astype(jnp.float32)

    def latent(objective):
        stream = jaxgan.keys.stream(games.KEY, f"{objective}/latent", update)
        example = jaxgan.keys.per_example(stream, index)
        return jax.vmap(lambda key: jax.random.normal(key, (2,)))(example)

    def judge(d, x):
        return d["w"][0] * x[:, 0] + d["w"][1] * x[:, 1] ** 2

    def d_loss(g, d):
        fake = g["scale"] * latent("d")
        return (nn.softplus(-judge(d, x)) + nn.softplus(judge(d, fake))).mean()

    def g_loss(g, d):
        return nn.softplus(-judge(d, g["scale"] * latent("g"))).mean()

    return g_loss, d_loss


def field(point, update=0):
    g_loss, d_loss = by_hand(update)
    return jax.grad(g_loss)(*point), jax.grad(d_loss, argnums=1)(*point)


def moved(point, direction):
    return jax.tree.map(lambda p, v: p - RATE * v, point, direction)


def close(one, other):
    games.assert_close(one, other, rtol=2e-5, atol=1e-6)


def test_simultaneous_steps_take_all_gradients_at_the_old_point():
    state, point = start(), both(start())
    step = jax.jit(make_simultaneous_step(gan()))
    for update in range(2):
        state, metrics = step(state, POINTS, games.KEY)
        point = moved(point, field(point, update))
    close(both(state), point)
    assert {"d_loss", "g_loss", "d_grad_norm", "g_grad_norm"} <= metrics.keys()
    assert int(state.rounds) == int(state.step) == 2
    assert int(state.images) == 32


def test_extragradient_steps_take_the_gradients_of_where_a_step_leads():
    state, _ = jax.jit(make_extragradient_step(gan()))(start(), POINTS, games.KEY)
    point = both(start())
    ahead = moved(point, field(point))
    close(both(state), moved(point, field(ahead)))
    assert int(state.players["generator"].step) == int(state.updates["d"]) == 1


def test_moments_of_an_extragradient_step_note_both_gradients():
    """Momentum m: the second velocity is m times the first plus the second gradient."""
    heavy = gan(functools.partial(optax.sgd, RATE, momentum=0.5))
    state = jaxgan.init(heavy, games.KEY, {"image": POINTS["image"][0]})
    after, _ = jax.jit(make_extragradient_step(heavy))(state, POINTS, games.KEY)
    point = both(state)
    first = field(point)
    second = field(moved(point, first))
    velocity = jax.tree.map(lambda a, b: 0.5 * a + b, first, second)
    close(both(after), moved(point, velocity))


def test_consensus_steps_descend_the_length_of_the_field_too():
    step = jax.jit(make_consensus_step(gan(), weight=WEIGHT))
    state, _ = step(start(), POINTS, games.KEY)
    point = both(start())
    length = lambda point: sum(
        jnp.sum(leaf**2) / 2 for leaf in jax.tree.leaves(field(point))
    )
    towards = jax.grad(length)(point)
    direction = jax.tree.map(lambda v, w: v + WEIGHT * w, field(point), towards)
    close(both(state), moved(point, direction))


@pytest.mark.parametrize("steps", [0, 1, 5])
def test_unrolled_generator_sees_the_answer_of_the_discriminator(steps):
    update = jax.jit(make_unrolled_update(gan(), steps=steps))
    batch = {"image": POINTS["image"][0]}
    state, metrics = update(start(), batch, games.KEY)

    def loss(g, d):
        for i in range(steps):
            grad = jax.grad(by_hand(i)[1], argnums=1)(g, d)
            d = jax.tree.map(lambda p, v: p - RATE * v, d, grad)
        return by_hand(0)[0](g, d)

    g, d = both(start())
    close(metrics["g_loss"], loss(g, d))
    close(state.players["generator"].params, moved(g, jax.grad(loss)(g, d)))
    games.assert_equal(state.players["discriminator"], start().players["discriminator"])
    assert int(state.updates["d"]) == 0


def test_unrolled_round_trains_the_discriminator_as_usual():
    update = make_unrolled_update(gan(), steps=2)
    step = jax.jit(jaxgan.make_train_step(gan(), updates={"g": update}))
    state, _ = step(start(), POINTS, games.KEY)
    usual, _ = jax.jit(jaxgan.make_train_step(gan()))(start(), POINTS, games.KEY)
    games.assert_equal(state.players["discriminator"], usual.players["discriminator"])
    assert games.differ(state.players["generator"], usual.players["generator"])


MAKERS = {
    "simultaneous": make_simultaneous_step,
    "extragradient": make_extragradient_step,
    "consensus": functools.partial(make_consensus_step, weight=WEIGHT),
    "unrolled": lambda game, **how: jaxgan.make_train_step(
        game, updates={"g": make_unrolled_update(game, steps=2, **how)}, **how
    ),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_eight_devices_play_the_same(kind):
    """Of a game of three networks, one of which draws."""
    game = zoo.bigan(0.1)
    image = np.random.default_rng(0).integers(0, 256, (1, 16, 8, 8, 1), np.uint8)
    state = jaxgan.init(game, games.KEY, {"image": image[0]})
    alone, _ = jax.jit(MAKERS[kind](game))(state, {"image": image}, games.KEY)
    shared = MAKERS[kind](game, axis_name=parallel.AXIS)
    spread, _ = parallel.spread(shared, batch_axis=1)(
        parallel.put_shared(state), {"image": image}, games.KEY
    )
    games.assert_close(
        jax.device_get(spread.players), alone.players, rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("kind", ["simultaneous", "extragradient", "consensus"])
def test_microbatches_play_the_same(kind):
    whole, _ = jax.jit(MAKERS[kind](gan()))(start(), POINTS, games.KEY)
    parts, _ = jax.jit(MAKERS[kind](gan(), microbatches=4))(start(), POINTS, games.KEY)
    close(both(parts), both(whole))


def test_a_player_of_two_objectives_and_a_round_of_two_batches_are_refused():
    game = zoo.bigan()
    with pytest.raises(InputError, match="discriminator"):
        make_simultaneous_step(game, ("d", "d"))
    two = jax.tree.map(lambda x: jnp.concatenate([x, x]), POINTS)
    with pytest.raises(InputError, match="fresh batch"):
        make_simultaneous_step(gan())(start(), two, games.KEY)
