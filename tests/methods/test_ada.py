"""ADA: p against its closed form, whole pixels against NumPy's padding."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan import parallel, penalties
from jaxgan.checks import InputError
from jaxgan.draws import Draws
from jaxgan.keys import per_example
from jaxgan.methods.ada import ada, augmented, flip, shift
from jaxgan.turn import Turn
from tests import games
from tests.methods import plays

KEY = games.KEY
SHAPE = (16, 8, 1)
PIXELS = (flip, shift)


class Linear(nn.Module):
    """A judge ``<slope, x>``; with ``patches`` a logit of each pixel."""

    patches: bool = False

    @nn.compact
    def __call__(self, x):
        slope = self.param("slope", nn.initializers.normal(0.1), SHAPE)
        pixels = x * slope[None]
        return pixels if self.patches else pixels.sum(axis=(1, 2, 3))


class Mean(nn.Module):
    """A judge of an image's mean, which no transformation changes much."""

    patches: bool = False

    @nn.compact
    def __call__(self, x):
        scale = self.param("scale", nn.initializers.ones, ())
        return scale * (x if self.patches else x.mean(axis=(1, 2, 3)))


def gan(augment, *, rate=0.05, **changes):
    values = {
        "generator": nn.DenseGeneral(SHAPE),
        "discriminator": Linear(),
        "g_optimizer": optax.sgd(rate),
        "d_optimizer": optax.sgd(rate),
        "latent_dim": 3,
        "augment": augment,
    }
    return jaxgan.GAN(**{**values, **changes})


def images(size=16, n=1):
    random = np.random.default_rng(0)
    drawn = random.uniform(-1, 1, (n, size, *SHAPE))
    return {"image": jnp.asarray(drawn, jnp.float32)}


def turn_at(p, objective="d", size=16):
    return Turn.first(objective, KEY, {"augment": {"p": jnp.float32(p)}}, size)


def with_p(state, p):
    augment = {**state.memory["augment"], "p": jnp.float32(p)}
    return state.replace(memory={"augment": augment})


def test_plays(tmp_path):
    """Five rounds, with p at 0, 1/2 and 1: every r_t is above a target of -2."""
    rising = ada(target=-2, speed_images=64, every=2, transforms=PIXELS)
    game = gan(rising, penalties=((0.5, penalties.r1),))
    state, _ = plays.check(game, images(), tmp_path, microbatches=2, rounds=5)
    assert state.memory["augment"]["p"] == 1


def replayed(signs, *, target, step, every, p=0.0):
    """p after each update, by a loop over the r_t."""
    recent, found = [], []
    for r in signs:
        recent.append(r)
        if len(recent) == every:
            p = min(max(p + step * np.sign(np.mean(recent) - target), 0.0), 1.0)
            recent = []
        found.append(p)
    return found


@pytest.mark.parametrize("every", [1, 4])
def test_p_is_that_of_a_replay_and_stays_between_0_and_1(every):
    signs = [-0.5] * 4 + [0.75] * 24 + [0.5, 0.625] * 8 + [0.5] * 32
    memory, value, found = ada(speed_images=64, every=every).memory, None, []
    value = memory.init()
    for number, r in enumerate(signs):
        turn = Turn(Draws("d", KEY, number, jnp.arange(16)), jnp.zeros(()), {})
        positive = round(16 * (1 + r) / 2)
        logits = jnp.where(jnp.arange(16) < positive, 0.1, -7.0)
        value = memory.update(value, {"real_logit": logits}, turn)
        found.append(float(value["p"]))
    step = every * 16 / 64
    np.testing.assert_allclose(
        found, replayed(signs, target=0.6, step=step, every=every)
    )
    assert max(found) == 1
    assert found[3] == found[-1] == 0


@pytest.mark.parametrize("patches", [False, True])
@pytest.mark.parametrize("devices", [1, 8])
def test_p_follows_the_signs_of_all_devices(devices, patches):
    """Of 16 reals 13 are bright: 0.625 > 0.6; of 12 it is 0.5."""
    judge = Mean(patches=patches)
    adaptive = ada(speed_images=160, every=1, transforms=PIXELS)
    game = gan(adaptive, rate=0.0, discriminator=judge)
    bright = lambda count: jnp.where(jnp.arange(16) < count, 0.5, -0.5)
    batch = lambda count: {
        "image": jnp.zeros((16, *SHAPE)) + bright(count)[:, *[None] * 3]
    }
    state = jaxgan.init(game, KEY, batch(12))
    update = jax.jit(jaxgan.make_d_step(game))
    if devices == 8:
        update = jaxgan.make_update(game, "d", axis_name=parallel.AXIS)
        update, state = parallel.spread(update), parallel.put_shared(state)
    found = []
    for count in (12, 13, 16, 12, 13):
        state, metrics = update(state, batch(count), KEY)
        found.append(state.memory["augment"]["p"])
    np.testing.assert_allclose(found, [0, 0.1, 0.2, 0.1, 0.2], atol=1e-6)
    np.testing.assert_allclose(metrics["d_real_logit"], 0.3125, rtol=1e-5)


def test_nothing_is_seen_at_p_0():
    batch = plays.first(images())
    turn = turn_at(0.0)
    seen = ada(transforms=PIXELS).view(batch["image"], turn.draws("real_view"), turn)
    np.testing.assert_array_equal(seen, batch["image"])


def moved(image, down, right):
    """NumPy's reflection, and a crop of it."""
    h, w, _ = image.shape
    padded = np.pad(image, ((h - 1, h - 1), (w - 1, w - 1), (0, 0)), mode="reflect")
    top, left = h - 1 - down, w - 1 - right
    return padded[top : top + h, left : left + w]


def test_shifts_are_reflected_and_as_likely_as_the_paper_says():
    """Of 16 pixels: 2 U(-1, 1), rounded; of 8: U(-1, 1), rounded."""
    image = np.random.default_rng(0).uniform(-1, 1, SHAPE).astype(np.float32)
    keys = per_example(KEY, jnp.arange(2000))
    seen = np.asarray(jax.vmap(shift, in_axes=(0, None))(keys, jnp.array(image)))
    shares = np.zeros((5, 3))
    for down in range(-2, 3):
        for right in range(-1, 2):
            same = (seen == moved(image, down, right)).all(axis=(1, 2, 3))
            shares[down + 2, right + 1] = same.mean()
    expected = np.outer([1, 2, 2, 2, 1], [1, 2, 1]) / 32
    np.testing.assert_allclose(shares.sum(), 1)
    np.testing.assert_allclose(shares, expected, atol=4 * np.sqrt(1 / 8 / 2000))


@pytest.mark.parametrize("p", [0.4, 1.0])
def test_each_transformation_is_played_with_probability_p(p):
    image = np.random.default_rng(0).uniform(-1, 1, SHAPE).astype(np.float32)
    turn = turn_at(p, size=2000)
    augment = ada(transforms=(flip, lambda key, image: image + 10))
    x = jnp.broadcast_to(image, (2000, *SHAPE))
    seen = np.asarray(augment.view(x, turn.draws("real_view"), turn))
    brighter = seen.mean(axis=(1, 2, 3)) > 5
    seen = seen - 10 * brighter[:, None, None, None]
    mirrored = np.isclose(seen, image[:, ::-1], atol=1e-5).all(axis=(1, 2, 3))
    assert (mirrored | np.isclose(seen, image, atol=1e-5).all(axis=(1, 2, 3))).all()
    tolerance = 4 * 0.5 / np.sqrt(2000)
    assert abs(brighter.mean() - p) <= tolerance * (p < 1)
    assert abs(mirrored.mean() - p / 2) < tolerance
    if p < 1:
        assert abs(np.corrcoef(brighter, mirrored)[0, 1]) < 2 * tolerance


def sources(augment, keys, turn):
    """Which pixel of the image each pixel of the view shows, ``[b pixels]``."""
    ramp = jnp.arange(np.prod(SHAPE), dtype=jnp.float32).reshape(SHAPE)
    x = jnp.broadcast_to(ramp, (len(keys), *SHAPE))
    return np.asarray(augment.view(x, keys, turn)).astype(int).reshape(len(keys), -1)


def test_logits_and_r1_are_those_through_the_view():
    """A view V shows pixels elsewhere; R1 of ``<s, V x>`` is ``||V^T s||^2``."""
    augment, batch = ada(transforms=PIXELS), plays.first(images())
    game = gan(augment, penalties=((2.0, penalties.r1),))
    state = with_p(jaxgan.init(game, KEY, batch), 0.7)
    _, found = jax.jit(jaxgan.make_d_step(game))(state, batch, KEY)
    slope = np.asarray(state.players["discriminator"].params["slope"]).ravel()
    turn = turn_at(0.7)
    x = np.asarray(batch["image"]).reshape(16, -1)
    shown = sources(augment, turn.draws("real_view"), turn)
    logits = (np.take_along_axis(x, shown, axis=1) * slope).sum(axis=1)
    np.testing.assert_allclose(found["d_real_logit"], logits.mean(), rtol=1e-4)
    owns = jax.vmap(lambda key: jax.random.split(key)[1])(turn.draws("penalty"))
    keys = jax.vmap(lambda own: per_example(own, jnp.arange(1))[0])(owns)
    slopes = np.zeros_like(x)
    for row, places in zip(slopes, sources(augment, keys, turn), strict=True):
        np.add.at(row, places, slope)
    expected = 2 * (slopes**2).sum(axis=1).mean()
    np.testing.assert_allclose(found["d_penalty"], expected, rtol=1e-5)
    assert not np.isclose(expected, 2 * (slope**2).sum(), rtol=1e-3)


@pytest.mark.parametrize("name", ["d", "g"])
def test_fakes_are_transformed_for_both_players(name):
    augment, batch = ada(transforms=PIXELS), plays.first(images())
    game = gan(augment)
    state = with_p(jaxgan.init(game, KEY, batch), 1.0)
    _, found = jax.jit(jaxgan.make_update(game, name))(state, batch, KEY)
    turn = turn_at(1.0, name)
    z = turn.normal("latent", (3,))
    fake = game.generator.apply(state.players["generator"].variables, z)
    shown = sources(augment, turn.draws("fake_view"), turn)
    seen = np.take_along_axis(np.asarray(fake).reshape(16, -1), shown, axis=1)
    slope = np.asarray(state.players["discriminator"].params["slope"]).ravel()
    logit = (seen * slope).sum(axis=1).mean()
    np.testing.assert_allclose(found[f"{name}_fake_logit"], logit, rtol=1e-4)


def test_samples_are_not_transformed():
    game = gan(ada(transforms=PIXELS))
    state = with_p(jaxgan.init(game, KEY, plays.first(images())), 1.0)
    made = jaxgan.sample(game, state, KEY, 5, batch_size=2)
    games.assert_equal(made, jaxgan.sample(gan(None), state, KEY, 5))


@pytest.mark.parametrize("wrong", [{"speed_images": 0}, {"every": 0}])
def test_settings_that_do_not_fit_are_refused(wrong):
    with pytest.raises(InputError, match="speed_images"):
        ada(**wrong)


@pytest.mark.parametrize("p", [0.3, lambda images: images / 1000])
def test_a_given_probability_plays_what_adas_does(p):
    """After 300 images."""
    turn = dataclasses.replace(turn_at(0.3), images=jnp.float32(300))
    x, keys = plays.first(images())["image"], turn.draws("real_view")
    expected = ada(transforms=PIXELS).view(x, keys, turn)
    given = augmented(p, PIXELS)
    assert given.memory is None
    np.testing.assert_array_equal(given.view(x, keys, turn), expected)
    assert not np.array_equal(expected, x)


def test_what_is_no_probability_is_refused():
    with pytest.raises(InputError, match="probability"):
        augmented(1.5)
