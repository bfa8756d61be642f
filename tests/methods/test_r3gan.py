"""R3GAN on linear networks: its losses by hand, its pairs, its rounds."""

import functools
import json
import types

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from experiments import r3gan as experiment
from jaxgan.checks import InputError
from jaxgan.cli.config import identity
from jaxgan.gan import latents
from jaxgan.methods.r3gan import SCHEDULE, Cosine, r3gan
from jaxgan.turn import Turn
from jaxgan.view import Augment
from tests import games
from tests.methods import plays

KEY = games.KEY
CLASSES = 4


class Shifted(nn.Module):
    """A generator ``z + e[label]``."""

    @nn.compact
    def __call__(self, z, label):
        return z + self.param("e", nn.initializers.normal(1.0), (CLASSES, 2))[label]


class Slopes(nn.Module):
    """A discriminator ``w[label] x``, whose gradient tells the label."""

    @nn.compact
    def __call__(self, x, label):
        slopes = self.param("w", nn.initializers.normal(1.0), (CLASSES, 2))
        return (slopes[label] * x).sum(axis=-1)


@functools.lru_cache
def linear(**changes):
    values = {
        "generator": Shifted(),
        "discriminator": Slopes(),
        "g_optimizer": optax.sgd(0.05),
        "d_optimizer": optax.sgd(0.05),
        "gamma": 0.6,
        "latent_dim": 2,
        "condition": "label",
    }
    return r3gan(**{**values, **changes})


def points(size=8):
    """Two batches: D's, and G's own."""
    random = np.random.default_rng(0)
    return {
        "image": jnp.asarray(random.normal(size=(2, size, 2)), jnp.float32),
        "label": jnp.asarray(random.integers(0, CLASSES, (2, size)), jnp.int32),
    }


def test_plays(tmp_path):
    batch = points()
    plays.check(linear(), batch, tmp_path, schedule=SCHEDULE, microbatches=2)


def test_losses_are_those_of_the_paper():
    """In one round: D's, with w[label] for both of a pair; G's, on the second batch."""
    game, batch = linear(d_optimizer=optax.sgd(0.0)), points()
    state = jaxgan.init(game, KEY, plays.first(batch))
    step = jax.jit(jaxgan.make_train_step(game, schedule=SCHEDULE))
    _, found = step(state, batch, KEY)
    w = np.asarray(state.players["discriminator"].params["w"], np.float64)
    e = np.asarray(state.players["generator"].params["e"], np.float64)
    real, label = np.asarray(batch["image"]), np.asarray(batch["label"])

    def logits(objective, row):
        own = w[label[row]]
        z = np.asarray(latents(game, Turn.first(objective, KEY, {}, 8)))
        fake = z + e[label[row]]
        return (own * real[row]).sum(axis=1), (own * fake).sum(axis=1)

    softplus = lambda x: np.logaddexp(0, x)
    r, f = logits("d", 0)
    penalty = 0.6 / 2 * 2 * (w[label[0]] ** 2).sum(axis=1)
    np.testing.assert_allclose(found["d_penalty"], penalty.mean(), rtol=1e-5)
    expected = softplus(f - r).mean() + penalty.mean()
    np.testing.assert_allclose(found["d_loss"], expected, rtol=1e-5)
    r, f = logits("g", 1)
    np.testing.assert_allclose(found["g_real_logit"], r.mean(), rtol=1e-5)
    np.testing.assert_allclose(found["g_loss"], softplus(r - f).mean(), rtol=1e-5)


def test_penalties_are_those_of_reals_and_of_fakes():
    """Of a critic |x|²/2, whose gradient is x itself."""

    class Bowl(nn.Module):
        @nn.compact
        def __call__(self, x, label):
            return self.param("c", nn.initializers.ones, ()) * (x**2).sum(axis=-1) / 2

    game, batch = linear(discriminator=Bowl()), plays.first(points())
    state = jaxgan.init(game, KEY, batch)
    _, found = jax.jit(jaxgan.make_update(game, "d"))(state, batch, KEY)
    z = latents(game, Turn.first("d", KEY, {}, 8))
    fake = z + state.players["generator"].params["e"][batch["label"]]
    squares = (np.asarray(batch["image"]) ** 2).sum(1) + (np.asarray(fake) ** 2).sum(1)
    np.testing.assert_allclose(found["d_penalty"], 0.3 * squares.mean(), rtol=1e-5)


def test_settings_go_from_the_papers_first_to_its_last():
    gan = r3gan(generator=Shifted(), discriminator=Slopes())
    for weight, _ in gan.penalties:
        values = [float(weight(images)) for images in (0.0, 20e6, 250e6)]
        np.testing.assert_allclose(values, [0.025, 0.0025, 0.0025], rtol=1e-5)
    assert float(gan.ema_half_life(0.0)) == 0
    assert gan.players["generator"].ema.ramp_up is None
    assert gan == r3gan(generator=Shifted(), discriminator=Slopes())


def test_cosine():
    images = np.linspace(0, 300, 31)
    expected = np.where(
        images < 200, 2 + 3 * (0.5 + 0.5 * np.cos(np.pi * images / 200)), 2
    )
    found = [Cosine(5.0, 2.0, 200)(x) for x in images]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_adam_follows_the_images():
    """Against Kingma and Ba's formulas, the bias corrected by the beta 2 of the moment.

    Corrected by the product of all its values, the last update would be 2.3 times as
    large.
    """
    gan = r3gan(generator=Shifted(), discriminator=Slopes())
    state, second = gan.g_optimizer.init(jnp.zeros(())), 0.0
    for step, images in enumerate((0, 10_000_000, 30_000_000), start=1):
        share = (1 + np.cos(np.pi * min(images / 20e6, 1))) / 2
        rate, b2 = 5e-5 + 15e-5 * share, 0.99 - 0.09 * share
        grad = 0.25 * step
        update, state = gan.g_optimizer.update(
            jnp.float32(grad), state, jnp.zeros(()), images=jnp.float32(images)
        )
        second = b2 * second + (1 - b2) * grad**2
        expected = -rate * grad / np.sqrt(second / (1 - b2**step))
        np.testing.assert_allclose(update, expected, rtol=1e-4)


def test_both_players_move_down_the_gradients_of_the_paper():
    """With rates of 0.05: D's first, and G against the new D, beside its own reals.

    Through the softplus of a difference the reals' logits weigh G's gradient, of which
    they are no part.
    """
    game, batch = linear(), points()
    old = jaxgan.init(game, KEY, plays.first(batch))
    step = jax.jit(jaxgan.make_train_step(game, schedule=SCHEDULE))
    new, _ = step(old, batch, KEY)
    real, label = (np.asarray(batch[name]) for name in ("image", "label"))
    parameter = lambda state, player, name: np.asarray(
        state.players[player].params[name], np.float64
    )
    w, e = parameter(old, "discriminator", "w"), parameter(old, "generator", "e")

    def own(row):
        objective = SCHEDULE[row]
        z = np.asarray(latents(game, Turn.first(objective, KEY, {}, 8)))
        return label[row], real[row], z + e[label[row]]

    def by_class(labels, gradients):
        own = [gradients[labels == k] for k in range(CLASSES)]
        return np.stack([some.sum(axis=0) / 8 for some in own])

    sigmoid = lambda x: 1 / (1 + np.exp(-x))
    k, r, f = own(0)
    away = sigmoid(((f - r) * w[k]).sum(axis=1))[:, None]
    moved = w - 0.05 * by_class(k, away * (f - r) + 2 * 0.6 * w[k])
    found = parameter(new, "discriminator", "w")
    np.testing.assert_allclose(found, moved, rtol=1e-4, atol=1e-6)
    k, r, f = own(1)
    nearer = -sigmoid(((r - f) * moved[k]).sum(axis=1))[:, None] * moved[k]
    expected = e - 0.05 * by_class(k, nearer)
    found = parameter(new, "generator", "e")
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_penalties_are_of_the_images_before_the_augmentation():
    """Of a view 3x the gradient by x is three times the critic's."""
    triple = Augment(view=lambda x, keys, turn: 3 * x)
    game, batch = linear(augment=triple), plays.first(points())
    state = jaxgan.init(game, KEY, batch)
    _, found = jax.jit(jaxgan.make_update(game, "d"))(state, batch, KEY)
    own = state.players["discriminator"].params["w"][batch["label"]]
    expected = 0.6 * ((3 * own) ** 2).sum(axis=1).mean()
    np.testing.assert_allclose(found["d_penalty"], expected, rtol=1e-5)


def test_the_average_begins_as_the_generator_itself():
    """Its half-life is 0 before the first update, and then 4 images."""
    game = linear(ema_half_life=Cosine(0.0, 8.0, burn_in=16))
    batch, states = points(), []
    state = jaxgan.init(game, KEY, plays.first(batch))
    step = jax.jit(jaxgan.make_train_step(game, schedule=SCHEDULE))
    for _ in range(2):
        state, _ = step(state, batch, KEY)
        states.append(state)
    averages = [np.asarray(s.averages["generator"]["params"]["e"]) for s in states]
    first, second = (np.asarray(s.players["generator"].params["e"]) for s in states)
    np.testing.assert_array_equal(averages[0], first)
    assert np.abs(second - first).max() > 1e-3
    expected = 0.5 ** (8 / 4) * first + (1 - 0.5 ** (8 / 4)) * second
    np.testing.assert_allclose(averages[1], expected, rtol=1e-5)


def test_samples_are_of_the_label():
    game = linear()
    state = jaxgan.init(game, KEY, plays.first(points()))
    label = jnp.array([0, 1, 2])
    zeros, made = (
        jaxgan.sample(game, state, KEY, 3, condition=each)
        for each in (jnp.zeros(3, jnp.int32), label)
    )
    e = state.players["generator"].params["e"]
    np.testing.assert_allclose(made - zeros, e[label] - e[:1], atol=1e-6)


TABLE_9 = """
stacked_mnist   10   2  512 2e-4 2e-4 1    .1   .5 0   32
cifar10        250  20  512 2e-4 5e-5 .05  .005 5  .55 32
ffhq64         100  20  256 2e-4 5e-5 2    .2   .5 .3  64
ffhq256        200  20  256 2e-4 5e-5 150  15   .5 .3  256
imagenet32    1000 200 4096 2e-4 5e-5 .5   .05  50 .5  32
imagenet64    1000 200 4096 2e-4 5e-5 1    .1   50 .4  64
"""
"""Millions of images and of the burn-in, the batch, the first and the final learning
rate and gamma, the half-life in millions, the augmentation's probability, the size."""


def test_presets_are_those_of_table_9():
    rows = [line.split() for line in TABLE_9.split("\n") if line]
    assert list(experiment.PRESETS) == ["small", *(row[0] for row in rows)]
    for name, *row in rows:
        numbers = [float(number) for number in row]
        images, burn_in, batch, rate, final_rate, *rest = numbers
        gamma, final_gamma, half_life, probability, size = rest
        config = experiment.PRESETS[name]
        assert config.preset == name
        assert config.batch_size == batch
        assert abs(config.steps * batch - images * 1e6) < batch
        data = types.SimpleNamespace(image_shape=(int(size),) * 2 + (3,), num_classes=7)
        game = experiment.make_gan(config, data)
        assert (game.condition is not None) == (half_life >= 5)
        final = burn_in * 1e6
        for weight, _ in game.penalties:
            found = [float(weight(at)) for at in (0.0, final)]
            np.testing.assert_allclose(found, [gamma / 2, final_gamma / 2], rtol=1e-5)
        found = [float(game.ema_half_life(at)) for at in (0.0, final / 2, final)]
        expected = [0, half_life * 5e5, half_life * 1e6]
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1)
        for at, expected in ((0.0, rate), (final, final_rate)):
            state = game.g_optimizer.init(jnp.zeros(()))
            moved, _ = game.g_optimizer.update(
                jnp.ones(()), state, jnp.zeros(()), images=jnp.float32(at)
            )
            np.testing.assert_allclose(moved, -expected, rtol=1e-4)
        assert (game.augment is not None) == (probability > 0)
        assert config.augment_probability == probability


@pytest.mark.parametrize(
    ("changes", "shape", "classes", "word"),
    [
        ({}, (32, 16, 1), 0, "32x16"),
        ({"conditional": True}, (32, 32, 1), 0, "--no-conditional"),
        ({"widths": "64,-3"}, (32, 32, 1), 0, "64,-3"),
        ({"widths": ""}, (32, 32, 1), 0, "--widths"),
        ({"augment_probability": 2.0}, (32, 32, 1), 0, "from 0 to 1"),
        ({"augment": "ada"}, (32, 32, 1), 0, "diffaugment"),
    ],
    ids=["not square", "no labels", "negative", "empty", "probability", "ada"],
)
def test_what_the_experiment_cannot_play_is_refused(changes, shape, classes, word):
    data = types.SimpleNamespace(image_shape=shape, num_classes=classes)
    with pytest.raises(InputError, match=word):
        experiment.make_gan(experiment.Config(**changes), data)


def test_a_preset_survives_a_file():
    """As config.json keeps it, where a tuple would come back as a list."""
    for config in experiment.PRESETS.values():
        kept = identity(config)
        assert json.loads(json.dumps(kept)) == kept
