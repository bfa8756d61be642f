"""The four updates of StyleGAN2: by hand, in their rounds, with draws of their own."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan import Augment, parallel
from jaxgan.checks import InputError
from jaxgan.draws import Draws
from jaxgan.methods import stylegan2
from jaxgan.methods.stylegan2 import Settings, lazy_adam
from jaxgan.turn import Nets, Turn
from tests import games
from tests.methods import plays

KEY = games.KEY
SHAPE, LAYERS, STYLE = (3, 4, 2), 3, 5


class Mapping(nn.Module):
    @nn.compact
    def __call__(self, z):
        return nn.tanh(nn.DenseGeneral((LAYERS, STYLE))(z))


class Synthesis(nn.Module):
    @nn.compact
    def __call__(self, w):
        return jnp.sin(nn.DenseGeneral(SHAPE, axis=(1, 2))(w))


class Linear(nn.Module):
    """A discriminator ``slope . x``, whose gradient is the slope everywhere."""

    @nn.compact
    def __call__(self, x):
        slope = self.param("slope", nn.initializers.normal(1.0), SHAPE)
        return (slope[None] * x).sum(axis=(1, 2, 3))


class Pairs(nn.Module):
    """Judges an example by its own norm times that of its pair."""

    group: int = 2

    @nn.compact
    def __call__(self, x):
        slope = self.param("slope", nn.initializers.ones, ())
        norms = jnp.square(x).sum(axis=(1, 2, 3)).reshape(-1, 2)
        return slope * (norms * norms.sum(axis=1, keepdims=True)).reshape(-1) / 2


HOW = Settings(latent_dim=6, gamma=0.5, g_every=2, d_every=3)


@functools.lru_cache
def game(how=HOW, discriminator=Linear(), rate=0.01):  # noqa: B008
    return stylegan2.stylegan2(
        mapping=Mapping(),
        synthesis=Synthesis(),
        discriminator=discriminator,
        how=how,
        g_optimizer=optax.sgd(rate),
        d_optimizer=optax.sgd(rate),
    )


def images(size=8):
    random = np.random.default_rng(0)
    return {"image": jnp.asarray(random.normal(size=(1, size, *SHAPE)), jnp.float32)}


@functools.lru_cache
def start(game):
    return jaxgan.init(game, KEY, plays.first(images()))


def nets_of(state, game, turn):
    variables = {name: player.variables for name, player in state.players.items()}
    return Nets(game.players, variables, turn)


def test_plays(tmp_path):
    plays.check(game(), images(), tmp_path, schedule=HOW.schedule, microbatches=2)


def test_phases_are_played_in_their_rounds():
    """By default every 4 rounds and every 16, from the first on."""
    lazy = game(Settings(latent_dim=6))
    state = start(lazy)
    step = jax.jit(jaxgan.make_train_step(lazy, schedule=Settings().schedule))
    played = {"g": [], "g_reg": [], "d": [], "d_reg": []}
    for number in range(18):
        before = state.updates
        state, _ = step(state, images(), KEY)
        for name, rounds in played.items():
            rounds += [number] * int(state.updates[name] - before[name])
    assert played["g"] == played["d"] == list(range(18))
    assert played["g_reg"] == [0, 4, 8, 12, 16]
    assert played["d_reg"] == [0, 16]
    assert int(state.images) == 18 * 8
    # Both kinds of updates move the one state of a player's optimizer.
    assert state.players["synthesis"].step == state.players["mapping"].step == 23
    assert state.players["discriminator"].step == 20


def test_r1_is_lazy_and_that_of_the_rounds_reals():
    """Of a linear discriminator: gamma/2 k ||slope||^2."""
    state, batch = start(game()), plays.first(images())
    _, found = jaxgan.make_update(game(), "d_reg")(state, batch, KEY)
    slope = np.asarray(state.players["discriminator"].params["slope"], np.float64)
    np.testing.assert_allclose(found["d_reg_r1"], (slope**2).sum(), rtol=1e-5)
    expected = 0.5 / 2 * 3 * (slope**2).sum()
    np.testing.assert_allclose(found["d_reg_loss"], expected, rtol=1e-5)


def test_r1_of_a_discriminator_of_pairs_is_that_of_their_sum():
    """Of a pair's sum (|x|^2 + |y|^2)^2 / 2: its gradient by x is 2 (...) x."""
    pairs, batch = game(discriminator=Pairs()), plays.first(images())
    _, found = jaxgan.make_update(pairs, "d_reg")(start(pairs), batch, KEY)
    norms = (np.asarray(batch["image"], np.float64) ** 2).sum(axis=(1, 2, 3))
    sums = norms.reshape(-1, 2).sum(axis=1).repeat(2)
    expected = ((2 * sums) ** 2 * norms).mean()
    np.testing.assert_allclose(found["d_reg_r1"], expected, rtol=1e-5)


def test_r1_is_taken_before_the_view_through_it():
    view = lambda x, keys, turn: 3 * x
    seen = game(Settings(latent_dim=6, augment=Augment(view=view)))
    state, batch = start(seen), plays.first(images())
    _, found = jaxgan.make_update(seen, "d_reg")(state, batch, KEY)
    slope = np.asarray(state.players["discriminator"].params["slope"], np.float64)
    np.testing.assert_allclose(found["d_reg_r1"], 9 * (slope**2).sum(), rtol=1e-5)
    _, found = jaxgan.make_update(seen, "d")(state, batch, KEY)
    logit = 3 * (slope * np.asarray(batch["image"])).sum(axis=(1, 2, 3)).mean()
    np.testing.assert_allclose(found["d_real_logit"], logit, rtol=1e-4)


def test_path_lengths_are_those_of_the_whole_jacobian():
    state, turn = start(game()), Turn.first("g_reg", KEY, {}, 4)
    nets = nets_of(state, game(), turn)
    w = jax.random.normal(jax.random.key(5), (4, LAYERS, STYLE))
    found = stylegan2.path_lengths(nets, w, turn)
    variables = state.players["synthesis"].variables
    make = lambda w: Synthesis().apply(variables, w[None])[0]
    for i, key in enumerate(turn.draws("path")):
        y = jax.random.normal(jax.random.split(key)[0], SHAPE) / np.sqrt(3 * 4)
        jacobian = np.asarray(jax.jacobian(make)(w[i]), np.float64)
        slope = np.einsum("hwc,hwcls->ls", y, jacobian)
        length = np.sqrt((slope**2).sum(axis=1).mean())
        np.testing.assert_allclose(found[i], length, rtol=1e-5)


def test_path_gradient_is_that_of_differences():
    """Through the Jacobian and the styles, of the loss around a constant mean."""
    state = start(game())
    turn = Turn.first("g_reg", KEY, {"path_length": jnp.float32(0.3)}, 4)

    def loss(params):
        players = {
            name: player.replace(params=params.get(name, player.params))
            for name, player in state.players.items()
        }
        nets = nets_of(state.replace(players=players), game(), turn)
        return stylegan2.g_reg_loss(HOW, nets, {}, turn)[0].mean()

    movers = {name: state.players[name].params for name in ("mapping", "synthesis")}
    grads = jax.grad(loss)(movers)
    for name in movers:

        def along(by, name=name):
            step = lambda param, grad: param + by * jnp.sign(grad)
            return {**movers, name: jax.tree.map(step, movers[name], grads[name])}

        rise = (loss(along(1e-3)) - loss(along(-1e-3))) / 2e-3
        slope = sum(jnp.abs(g).sum() for g in jax.tree.leaves(grads[name]))
        assert slope > 1e-3
        np.testing.assert_allclose(rise, slope, rtol=2e-2)


@pytest.mark.parametrize("devices", [1, 8])
def test_running_mean_follows_the_lengths_of_all_devices(devices):
    """And the loss looks at the mean before the update."""
    state, batch = start(game(rate=0.0)), plays.first(images())
    step = jax.jit(jaxgan.make_update(game(rate=0.0), "g_reg"))
    if devices == 8:
        step = jaxgan.make_update(game(rate=0.0), "g_reg", axis_name=parallel.AXIS)
        step, state = parallel.spread(step), parallel.put_shared(state)
    mean = 0.0
    for number in range(3):
        turn = Turn.first("g_reg", KEY, {}, 8)
        draws = Draws("g_reg", KEY, number, turn.draws.index)
        turn = Turn(draws, turn.images, {})
        nets = nets_of(jax.device_get(state), game(), turn)
        w = stylegan2.styles(HOW, nets, batch, turn)
        lengths = np.asarray(stylegan2.path_lengths(nets, w, turn), np.float64)
        state, found = step(state, batch, KEY)
        expected = 2 * 2 * ((lengths - mean) ** 2).mean()
        np.testing.assert_allclose(found["g_reg_loss"], expected, rtol=1e-4)
        mean = 0.99 * mean + 0.01 * lengths.mean()
        np.testing.assert_allclose(state.memory["path_length"], mean, rtol=1e-5)


def test_each_phase_has_its_own_latents_and_all_have_the_rounds_reals():
    drawn = {
        name: np.asarray(Turn.first(name, KEY, {}, 8).normal("latent", (6,)))
        for name in game().objectives
    }
    state = start(game(rate=0.0))
    for name, z in drawn.items():
        for other, z_other in drawn.items():
            assert name == other or not np.isclose(z, z_other).any()
    # The logits of fakes in "g" and "d" are those of these latents.
    plain = game(Settings(latent_dim=6, mixing=0.0), rate=0.0)
    step = jax.jit(jaxgan.make_train_step(plain, schedule=HOW.schedule))
    _, found = step(state, images(), KEY)
    slope = state.players["discriminator"].params["slope"]
    for name in ("g", "d"):
        w = Mapping().apply(state.players["mapping"].variables, drawn[name])
        fake = Synthesis().apply(state.players["synthesis"].variables, w)
        logit = np.asarray(fake * slope[None]).sum(axis=(1, 2, 3)).mean()
        np.testing.assert_allclose(found[f"{name}_fake_logit"], logit, rtol=1e-4)


def test_styles_are_mixed_from_some_layer_on():
    """In 9 of 10 images, each layer but the first as likely; and never without."""
    state, turn = start(game()), Turn.first("g", KEY, {}, 4000)
    nets = nets_of(state, game(), turn)
    mixed = np.asarray(stylegan2.styles(HOW, nets, {}, turn))
    own, other = (
        Mapping().apply(
            state.players["mapping"].variables, turn.normal(name, (HOW.latent_dim,))
        )
        for name in ("latent", "latent_mixed_in")
    )
    is_own = np.isclose(mixed, own).all(axis=2)
    assert (is_own | np.isclose(mixed, other).all(axis=2)).all()
    cuts = is_own.sum(axis=1)
    np.testing.assert_array_equal(is_own, np.arange(LAYERS) < cuts[:, None])
    shares = np.bincount(cuts, minlength=LAYERS + 1) / 4000
    np.testing.assert_allclose(shares, [0, 0.45, 0.45, 0.1], atol=4 * 0.5 / 4000**0.5)
    plain = stylegan2.styles(Settings(latent_dim=6, mixing=0.0), nets, {}, turn)
    np.testing.assert_allclose(plain, own, atol=1e-6)


def test_lazy_adam_goes_as_far_and_forgets_as_fast():
    """k + 1 steps along one gradient move as k of Adam, with rate c lr a step."""
    grad, params = jnp.float32(0.5), jnp.zeros(())
    optimizer = lazy_adam(4, learning_rate=0.01, b1=0.9, b2=0.99)
    state, moved, first, second = optimizer.init(params), 0.0, 0.0, 0.0
    b1, b2 = 0.9**0.8, 0.99**0.8
    for step in range(1, 6):
        update, state = optimizer.update(grad, state, params)
        moved += float(update)
        first, second = b1 * first + (1 - b1) * 0.5, b2 * second + (1 - b2) * 0.25
        hat = first / (1 - b1**step) / np.sqrt(second / (1 - b2**step))
        np.testing.assert_allclose(update, -0.008 * hat, rtol=1e-4)
    np.testing.assert_allclose(moved, -4 * 0.01, rtol=1e-4)
    np.testing.assert_allclose(second, 0.25 * (1 - 0.99**4), rtol=1e-5)


def test_samples_are_of_the_averages_and_not_mixed():
    state = start(game())
    made = jaxgan.sample(game(), state, KEY, 5, batch_size=2)
    assert made.shape == (5, *SHAPE)
    unmixed = game(Settings(latent_dim=6, mixing=0.0))
    games.assert_equal(made, jaxgan.sample(unmixed, state, KEY, 5))
    zeros = jax.tree.map(jnp.zeros_like, state.averages["synthesis"])
    averages = {**state.averages, "synthesis": zeros}
    blank = jaxgan.sample(game(), state.replace(averages=averages), KEY, 5)
    assert (blank == 0).all()


class OfLabel(nn.Module):
    """A mapping, and with ``slopes`` a discriminator, of a label as well."""

    slopes: bool = False

    @nn.compact
    def __call__(self, x, label):
        if self.slopes:
            slopes = self.param("slope", nn.initializers.normal(1.0), (3, *SHAPE))
            return (slopes[label] * x).sum(axis=(1, 2, 3))
        own = self.param("own", nn.initializers.normal(1.0), (3, LAYERS, STYLE))
        return nn.DenseGeneral((LAYERS, STYLE))(x) + own[label]


def test_labels_condition_mapping_and_discriminator():
    label = jnp.arange(8) % 3
    batch = {**plays.first(images()), "label": label}
    how = Settings(latent_dim=6, gamma=2.0, d_every=1, condition="label")
    conditional = stylegan2.stylegan2(
        mapping=OfLabel(),
        synthesis=Synthesis(),
        discriminator=OfLabel(slopes=True),
        how=how,
    )
    state = jaxgan.init(conditional, KEY, batch)
    _, found = jaxgan.make_update(conditional, "d_reg")(state, batch, KEY)
    slopes = np.asarray(state.players["discriminator"].params["slope"])[label]
    expected = (slopes**2).sum(axis=(1, 2, 3)).mean()
    np.testing.assert_allclose(found["d_reg_loss"], expected, rtol=1e-5)
    one, other = (
        jaxgan.sample(conditional, state, KEY, 8, condition=each)
        for each in (label, label.at[0].set(1))
    )
    np.testing.assert_array_equal(one[1:], other[1:])
    assert games.differ(one[0], other[0])
    with pytest.raises(InputError, match="condition"):
        jaxgan.sample(conditional, state, KEY, 8)


def test_a_synthesis_whose_examples_see_each_other_is_refused():
    class Normed(Synthesis):
        @nn.compact
        def __call__(self, w):
            return super().__call__(w - w.mean(axis=0, keepdims=True))

    coupled = stylegan2.stylegan2(
        mapping=Mapping(), synthesis=Normed(), discriminator=Linear(), how=HOW
    )
    with pytest.raises(InputError, match="synthesis"):
        jaxgan.init(coupled, KEY, plays.first(images()))
