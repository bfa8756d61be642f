"""LeCam's regulariser against numbers worked out by hand, in float64."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan.checks import InputError
from jaxgan.game import Objective
from jaxgan.methods.ada import ada
from jaxgan.methods.lecam import lecam, regulariser
from jaxgan.turn import Turn
from tests import games
from tests.methods import plays

KEY = games.KEY
WEIGHT = 0.7


def batch(number, size=16):
    """Reals of a judge that reads the first coordinate: on both sides of the fakes."""
    drawn = np.random.default_rng(number).normal(0.5, 1.0, (size, 2))
    return {"image": jnp.asarray(drawn, jnp.float32)}


def fake_logits(number, size=16):
    index = jnp.arange(size, dtype=jnp.int32)
    draws = jaxgan.draws.Draws("d", KEY, jnp.int32(number), index)
    z = Turn(draws, jnp.zeros(()), {}).normal("latent", (2,))
    return np.asarray(z[:, 0], np.float64)


def square(x):
    return np.maximum(x, 0) ** 2


def test_three_updates_are_those_worked_out_by_hand():
    """The game's parameters stay: its real logits are the first coordinates."""
    decay, plain = 0.9, games.points()
    game = lecam(plain, WEIGHT, decay)
    update, plain_update = (jax.jit(jaxgan.make_update(g, "d")) for g in (game, plain))
    state = jaxgan.init(game, KEY, batch(0))
    plain_state = jaxgan.init(plain, KEY, batch(0))
    reals, fakes = [], []
    for number in range(3):
        real = np.asarray(batch(number)["image"][:, 0], np.float64)
        fake = fake_logits(number)
        weights = (1 - decay) * decay ** np.arange(number)[::-1]
        term = 0.0
        if number:
            anchors = [weights @ each / (1 - decay**number) for each in (reals, fakes)]
            term = square(real - anchors[1]).mean() + square(anchors[0] - fake).mean()
        state, found = update(state, batch(number), KEY)
        plain_state, other = plain_update(plain_state, batch(number), KEY)
        np.testing.assert_allclose(found["d_lecam"], term, rtol=1e-5)
        expected = other["d_loss"] + WEIGHT * term
        np.testing.assert_allclose(found["d_loss"], expected, rtol=1e-5)
        reals.append(real.mean())
        fakes.append(fake.mean())
    memory = state.memory["lecam"]
    weights = (1 - decay) * decay ** np.arange(3)[::-1]
    np.testing.assert_allclose(memory["real"], weights @ reals, rtol=1e-5)
    np.testing.assert_allclose(memory["fake"], weights @ fakes, rtol=1e-5)
    np.testing.assert_allclose(memory["weight"], 1 - decay**3, rtol=1e-5)


def test_gradients_are_those_of_the_squares():
    """By the slope s of logits s x: 2 relu(s x - a_F) x - 2 relu(a_R - s z) z."""
    judge = {"d_optimizer": optax.sgd(1.0)}
    plain = games.points(**judge)
    game = lecam(plain, lambda images: WEIGHT)
    anchors = {"real": 0.4, "fake": -0.2, "weight": 0.5}
    memory = {"lecam": jax.tree.map(jnp.float32, anchors)}
    slopes = []
    for each, kept in ((game, memory), (plain, {})):
        state = jaxgan.init(each, KEY, batch(0)).replace(memory=kept)
        state, _ = jax.jit(jaxgan.make_update(each, "d"))(state, batch(0), KEY)
        slopes.append(float(state.players["discriminator"].params["slope"]))
    x, z = np.asarray(batch(0)["image"][:, 0], np.float64), fake_logits(0)
    grad = 2 * (np.maximum(x + 0.4, 0) * x).mean()
    grad -= 2 * (np.maximum(0.8 - z, 0) * z).mean()
    np.testing.assert_allclose(slopes[1] - slopes[0], WEIGHT * grad, rtol=1e-4)


def test_patches_are_held_one_by_one():
    real, fake = np.random.default_rng(0).normal(size=(2, 3, 4, 4))
    memory = {"real": 0.3, "fake": -0.1, "weight": 0.5}
    memory = jax.tree.map(jnp.float32, memory)
    points = square(real + 0.2) + square(0.6 - fake)
    found = regulariser(jnp.float32(real), jnp.float32(fake), memory)
    np.testing.assert_allclose(found, points.mean(axis=(1, 2)), rtol=1e-5)


def test_plays(tmp_path):
    """Resumes to the bit, and plays alike on eight devices and in microbatches."""
    game = games.points(g_optimizer=optax.sgd(0.1), d_optimizer=optax.sgd(0.1))
    images = {"image": batch(0)["image"][None]}
    state, _ = plays.check(lecam(game, 0.5), images, tmp_path, microbatches=2)
    assert state.memory["lecam"]["weight"] == pytest.approx(1 - 0.99**3, rel=1e-4)


def test_anchors_are_means_beside_a_memory_that_reads_the_logits_whole():
    """ADA does; at its first update its probability is 0 still."""
    game = games.points(augment=ada(transforms=()))
    game, plain = lecam(game), lecam(games.points())
    found, expected = (
        jax.jit(jaxgan.make_update(g, "d"))(
            jaxgan.init(g, KEY, batch(0)), batch(0), KEY
        )
        for g in (game, plain)
    )
    games.assert_equal(found[0].memory["lecam"], expected[0].memory["lecam"])
    signs = np.sign(batch(0)["image"][:, 0]).mean()
    np.testing.assert_allclose(found[0].memory["augment"]["signs"], signs, rtol=1e-6)


def test_the_game_checks_and_samples_as_before():
    base = games.mlp(condition="label")
    game = lecam(base)
    state = jaxgan.init(game, KEY, games.batch())
    labels = jnp.arange(4)
    made = jaxgan.sample(game, state, KEY, 4, condition=labels)
    plain = games.init(base)
    games.assert_equal(made, jaxgan.sample(base, plain, KEY, 4, condition=labels))
    with pytest.raises(InputError, match="label"):
        jaxgan.sample(game, state, KEY, 4, condition=labels + 10)
    wrong = {**games.batch(), "label": jnp.full(16, 10)}
    with pytest.raises(InputError, match="label"):
        jaxgan.init(game, KEY, wrong)
    for name in ("clock", "condition", "output", "show"):
        assert getattr(game, name) == getattr(base, name)


def test_what_does_not_fit_is_refused():
    game = games.points()
    refused = functools.partial(pytest.raises, InputError)
    with refused(match="weight"):
        lecam(game, 0.0)
    with refused(match="decay"):
        lecam(game, decay=1.0)
    with refused(match="already"):
        lecam(lecam(game))
    players = {"discriminator": game.players["discriminator"]}
    critic = Objective(
        players=("discriminator",),
        loss=lambda nets, batch, turn: (nets("discriminator", batch["image"]), {}),
    )
    other = jaxgan.Game(players=players, objectives={"c": critic}, clock="c")
    with refused(match='"d"'):
        lecam(other)
    silent = jaxgan.Game(players=players, objectives={"d": critic}, clock="d")
    with refused(match="real_logit"):
        jaxgan.init(lecam(silent), KEY, batch(0))
