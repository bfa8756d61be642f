"""Random streams by any name, and schedules of the images seen."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan import Game, Memory, Objective, Player, parallel, penalties
from jaxgan.count import Count
from jaxgan.schedules import by_images
from tests import games

KEY = games.KEY
LATE = 2**31 - 1 - 512


class Layer(nn.Module):
    """Dropout and noise, of the carry of a scan."""

    @nn.compact
    def __call__(self, x, _):
        x = nn.Dropout(0.5, deterministic=False)(x)
        return x + jax.random.normal(self.make_rng("jitter"), x.shape), None


class Noisy(nn.Module):
    """``ones [b n] -> [b n]``, drawing ``how`` it says."""

    how: str

    @nn.compact
    def __call__(self, x):
        x = x * self.param("slope", nn.initializers.ones, ())
        if self.how == "undeclared":
            return x + jax.random.normal(self.make_rng("jitter"), x.shape)
        if self.how == "remat":
            return nn.remat(Layer)()(x, None)[0]
        if self.how == "scan":
            rngs = {"dropout": True, "jitter": True}
            layers = nn.scan(nn.remat(Layer), length=2, split_rngs=rngs)
            return layers()(x, None)[0]
        by_head = nn.vmap(
            nn.Dropout,
            in_axes=1,
            out_axes=1,
            variable_axes={},
            split_rngs={"dropout": True},
        )
        return by_head(0.5, deterministic=False)(x[..., None])[..., 0]


def one_player(module, loss, **player) -> Game:
    values = {"optimizer": optax.sgd(1.0), **player}
    return Game(
        players={"p": Player(module=module, **values)},
        objectives={"o": Objective(players=("p",), loss=loss)},
        clock="o",
    )


ONES = {"x": jnp.ones((16, 8))}


@functools.lru_cache
def drawn(how, streams, devices=1, microbatches=1):
    """What the module made of ones, ``[16 8]``, in two updates."""

    def loss(nets, batch, turn):
        y = nets("p", batch["x"])
        return y.mean(axis=1), {"y": y}

    game = one_player(Noisy(how), loss, optimizer=optax.sgd(0.0), streams=streams)
    kept = Memory(
        init=lambda: jnp.zeros((16, 8)),
        update=lambda value, outputs, turn: outputs["y"],
        after=("o",),
        whole=("y",),
    )
    game = Game(**{**vars(game), "memory": {"y": kept}})
    state = jaxgan.init(game, KEY, ONES)
    make = functools.partial(jaxgan.make_update, game, "o", microbatches=microbatches)
    if devices == 1:
        step = jax.jit(make())
    else:
        step = parallel.spread(make(axis_name=parallel.AXIS))
        state = parallel.put_shared(state)
    first, _ = step(state, ONES, KEY)
    second, _ = step(first, ONES, KEY)
    return np.stack([each.memory["y"] for each in (first, second)])


WAYS = {
    "undeclared": (),
    "remat": ("dropout",),
    "scan": ("dropout", "jitter"),
    "by head": ("dropout",),
}


@pytest.mark.parametrize(("how", "streams"), WAYS.items(), ids=WAYS)
def test_examples_draw_alike_on_any_devices_and_in_any_parts(how, streams):
    alone = drawn(how, streams)
    assert len(np.unique(alone.reshape(32, 8), axis=0)) > 30
    np.testing.assert_array_equal(drawn(how, streams, devices=8), alone)
    np.testing.assert_array_equal(drawn(how, streams, microbatches=4), alone)


def test_network_with_streams_in_a_scan_may_have_a_penalty():
    """The probe and the test of the range play it with its streams."""

    class Judge(nn.Module):
        @nn.compact
        def __call__(self, x):
            rngs = {"dropout": True, "noise": True}
            layers = nn.scan(Quiet, length=2, split_rngs=rngs)
            return nn.Dense(1)(layers()(x, None)[0])[:, 0]

    gan = games.points(discriminator=Judge(), penalties=((1.0, penalties.r1),))
    state, batch = games.start_of_points(gan, KEY, 8)
    batch = {"image": batch["image"] + jnp.linspace(0, 2, 8)[:, None]}
    jaxgan.init(gan, KEY, batch)
    _, metrics = jax.jit(jaxgan.make_d_step(gan))(state, batch, KEY)
    assert np.isfinite(list(metrics.values())).all()


class Quiet(nn.Module):
    """`Layer` with a stream that every player has."""

    @nn.compact
    def __call__(self, x, _):
        return x + jax.random.normal(self.make_rng("noise"), x.shape), None


def test_by_images_is_adam_with_the_numbers_of_the_moment():
    """Against Adam (Kingma & Ba 2015, Algorithm 1) in NumPy, its betas moving."""
    rate, beta = (lambda n: 0.1 * 0.5 ** (n / 100)), (lambda n: 0.9 + n / 10_000)
    optimizer = by_images(optax.adam, learning_rate=rate, b1=0.5, b2=beta)
    random = np.random.default_rng(0)
    params, w = jnp.zeros(4), np.zeros(4)
    state, m, v = optimizer.init(params), np.zeros(4), np.zeros(4)
    for t, images in enumerate([0, 0, 50, 170, 400], start=1):
        g = random.normal(size=4)
        seen = jnp.float32(images)
        updates, state = optimizer.update(jnp.asarray(g), state, params, images=seen)
        params = optax.apply_updates(params, updates)
        m = 0.5 * m + 0.5 * g
        v = beta(images) * v + (1 - beta(images)) * g**2
        corrected = np.sqrt(v / (1 - beta(images) ** t)) + 1e-8
        w = w - rate(images) * m / (1 - 0.5**t) / corrected
        np.testing.assert_allclose(params, w, rtol=1e-4, atol=1e-6)


def linear_game(optimizer, **changes) -> jaxgan.GAN:
    """A judge whose slope has the gradient 1, whoever plays: a step is the rate."""
    loss = jaxgan.AdversarialLoss(lambda real, fake: real, lambda real, fake: fake)
    return games.points(loss=loss, d_optimizer=optimizer, **changes)


@pytest.mark.parametrize("start", [0, LATE])
@pytest.mark.parametrize("size", [128, 256])
def test_rate_follows_the_images_not_the_steps(start, size):
    """Two D-updates a round, which see no new images; the count passes 2^31."""
    rate = lambda images: 1e-3 + images / 2.0**31
    optimizer = by_images(optax.sgd, learning_rate=rate)
    gan = linear_game(optax.chain(optax.clip(9.0), optimizer))
    batch = {"image": jnp.ones((2, size, 2))}
    state = jaxgan.init(gan, KEY, jax.tree.map(lambda leaf: leaf[0], batch))
    state = state.replace(images=Count.of(start))
    step = jax.jit(jaxgan.make_train_step(gan, d_steps=2))
    slope, seen = 1.0, start
    for _ in range(8):
        state, _ = step(state, batch, KEY)
        slope, seen = slope - 2 * rate(seen), seen + size
        found = games.discriminator(state).params["slope"]
        np.testing.assert_allclose(found, slope, rtol=1e-5)
    assert int(state.images) == start + 8 * size


@pytest.mark.parametrize("start", [0, LATE])
def test_weights_noise_and_half_lives_follow_the_images(start):
    """The penalty of a slope of 1 is its weight; the noise's square is the logit's."""
    share = lambda images: 0.5 + images / 2.0**33
    half_life = lambda images: 500 + images / 2.0**22
    square = jaxgan.AdversarialLoss(lambda r, f: r**2, lambda r, f: f)
    gan = games.points(
        loss=square,
        penalties=((share, penalties.r1),),
        instance_noise=share,
        generator_terms=((share, lambda fake, batch: jnp.ones(len(fake))),),
        ema_half_life=half_life,
        ema_ramp_up=None,
        g_optimizer=optax.sgd(0.1),
        prior=lambda key, z: jnp.ones(z),
    )
    state, batch = games.start_of_points(gan, KEY, 512)
    state = state.replace(images=Count.of(start))
    step, average = jax.jit(jaxgan.make_train_step(gan)), 1.0
    for i in range(3):
        seen = start + 512 * i
        state, metrics = step(state, jax.tree.map(lambda x: x[None], batch), KEY)
        np.testing.assert_allclose(metrics["d_penalty"], share(seen), rtol=1e-5)
        term = metrics["g_loss"] - metrics["g_fake_logit"]
        np.testing.assert_allclose(term, share(seen), rtol=1e-5)
        # The standard deviation of the mean of 512 squares is 6 percent.
        noise = metrics["d_loss"] - metrics["d_penalty"]
        np.testing.assert_allclose(noise, share(seen) ** 2, rtol=0.25)
        scale = float(games.generator(state).params["scale"])
        average = scale + (average - scale) * 0.5 ** (512 / half_life(seen))
        found = games.average(state)["params"]["scale"]
        np.testing.assert_allclose(found, average, rtol=1e-5)
    assert abs(average - scale) > 0.05


def test_optimizer_that_watches_the_loss_lowers_its_rate_on_a_plateau():
    """The loss stays 1, its gradient too: after two updates in vain, half the rate."""

    def loss(nets, batch, turn):
        y = nets("p", batch["x"]).mean(axis=1)
        return 1 + y - jax.lax.stop_gradient(y), {}

    class Slope(nn.Module):
        @nn.compact
        def __call__(self, x):
            return x * self.param("slope", nn.initializers.ones, ())

    watch = optax.contrib.reduce_on_plateau(factor=0.5, patience=2)
    game = one_player(Slope(), loss, optimizer=optax.chain(optax.sgd(1.0), watch))
    state = jaxgan.init(game, KEY, ONES)
    step, slopes = jax.jit(jaxgan.make_update(game, "o")), [1.0]
    for _ in range(7):
        state, metrics = step(state, ONES, KEY)
        assert metrics["o_loss"] == 1
        slopes.append(float(state.players["p"].params["slope"]))
    np.testing.assert_allclose(-np.diff(slopes), [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125])
