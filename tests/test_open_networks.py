"""What a game takes of networks: conditions, logits of any form, and the call."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

import jaxgan
from jaxgan import InputError, images, losses, networks, parallel, penalties
from tests import games

KEY = games.KEY
POINTS = {"image": jnp.asarray(np.random.default_rng(0).normal(size=(8, 3)) / 4)}


class Plain(nn.Module):
    """``z -> [b 3]``, whose call knows neither a condition nor a mode."""

    @nn.compact
    def __call__(self, z):
        return nn.Dense(3)(z)


class PlainJudge(nn.Module):
    """``x [b 3] -> [b]``."""

    @nn.compact
    def __call__(self, x):
        return nn.Dense(1)(jnp.tanh(nn.Dense(8)(x)))[:, 0]


def points(**changes) -> jaxgan.GAN:
    """A game of points in space, small enough to compile at once."""
    networks = {"generator": Plain(), "discriminator": PlainJudge()}
    sgd = {"g_optimizer": optax.sgd(0.1), "d_optimizer": optax.sgd(0.1)}
    return games.points(**{**networks, **sgd, **changes})


def trained(gan, batch=POINTS):
    """The state after one round, and its metrics."""
    state = jaxgan.init(gan, KEY, batch)
    step = jax.jit(jaxgan.make_train_step(gan))
    return step(state, jax.tree.map(lambda leaf: leaf[None], batch), KEY)


def assert_trains(gan, batch=POINTS):
    state, metrics = trained(gan, batch)
    assert np.isfinite(list(metrics.values())).all()
    start = jaxgan.init(gan, KEY, batch)
    for name, player in state.players.items():
        assert games.differ(player.params, start.players[name].params)
    return state


class Told(nn.Module):
    """``(x, condition) -> [b width]``, of all arrays of a condition."""

    width: int

    @nn.compact
    def __call__(self, x, condition):
        label, text = jax.tree.leaves(condition)
        h = jnp.concatenate([x, jax.nn.one_hot(label, 3), text], axis=-1)
        return nn.Dense(self.width)(jnp.tanh(nn.Dense(16)(h)))


LABEL = jnp.arange(8, dtype=jnp.int32) % 3
TEXT = jax.random.normal(KEY, (8, 2))
CONDITIONS = {"dict": {"label": LABEL, "text": TEXT}, "tuple": (LABEL, TEXT)}


@pytest.mark.parametrize("kind", CONDITIONS)
def test_conditions_of_several_arrays_train_and_sample(kind):
    condition = CONDITIONS[kind]
    gan = points(
        generator=Told(3),
        discriminator=Told(1),
        condition="told",
        penalties=((1.0, penalties.r1),),
    )
    state = assert_trains(gan, {**POINTS, "told": condition})
    make = lambda condition: jaxgan.sample(gan, state, KEY, 8, condition=condition)
    made = make(condition)
    z = jaxgan.sampling.latents(gan, KEY, 8)
    expected = Told(3).apply(games.average(state), z, condition)
    np.testing.assert_allclose(made, expected, rtol=1e-4, atol=1e-6)
    reverse = jax.tree.map(lambda leaf: leaf[::-1], condition)
    assert games.differ(make(reverse), made)


class Pair(nn.Module):
    """A judge of two images at once."""

    @nn.compact
    def __call__(self, x, source):
        h = jnp.concatenate([x, source], axis=-1)
        return nn.Dense(1)(h.reshape(len(h), -1))[:, 0]


def test_condition_of_pixels_is_sampled_as_it_was_trained():
    class Echo(nn.Module):
        @nn.compact
        def __call__(self, z, source):
            return source * self.param("scale", nn.initializers.ones, ())

    gan = games.mlp(generator=Echo(), discriminator=Pair(), condition="source")
    pixels = games.batch()["image"]
    state = jaxgan.init(gan, KEY, {"image": pixels, "source": pixels})
    made = jaxgan.sample(gan, state, KEY, 16, condition=pixels)
    np.testing.assert_allclose(made, images.as_float(pixels), rtol=1e-6)


class Judge(PlainJudge):
    """`PlainJudge`, whose logit is ``wrap``ped."""

    wrap: str = "plain"

    def __call__(self, x):
        logits = super().__call__(x)
        return {
            "column": lambda: logits[:, None],
            "heads": lambda: {"logits": logits, "features": x},
            "tuple": lambda: (logits, x),
            "other dict": lambda: {"scores": logits},
            "scalar": lambda: logits.mean(),
        }[self.wrap]()


@pytest.mark.parametrize("wrap", ["column", "heads"])
def test_logits_of_another_form_are_the_same_game(wrap):
    of = lambda judge: trained(
        points(discriminator=judge, penalties=((1.0, penalties.r1),))
    )[1]
    games.assert_close(of(Judge(wrap=wrap)), of(PlainJudge()), rtol=1e-6, atol=0)


@pytest.mark.parametrize("wrap", ["tuple", "other dict", "scalar"])
def test_what_holds_no_logits_is_refused(wrap):
    with pytest.raises(InputError, match="logits"):
        jaxgan.init(points(discriminator=Judge(wrap=wrap)), KEY, POINTS)


def test_generator_of_another_structure_is_refused():
    class Two(nn.Module):
        @nn.compact
        def __call__(self, z):
            return Plain()(z), z

    with pytest.raises(InputError, match=r"makes .*data has"):
        jaxgan.init(points(generator=Two()), KEY, POINTS)


class Patches(nn.Module):
    """``[b h w c] -> [b h w]``: a quadratic form of each pixel, with no neighbours."""

    @nn.compact
    def __call__(self, x):
        weight = self.param("weight", nn.initializers.normal(1.0), (x.shape[-1],))
        return jnp.square(x) @ weight


def test_loss_of_patches_is_the_mean_of_the_points_losses():
    """And a penalty's critic is the mean of the patches."""
    fake = 0.3
    gan = games.mlp(
        generator=Constant(fake),
        discriminator=Patches(),
        loss=losses.non_saturating,
        penalties=((2.0, penalties.r1),),
    )
    x = np.random.default_rng(0).uniform(-1, 1, (8, *games.SHAPE))
    batch = {"image": jnp.asarray(x, jnp.float32)}
    state = jaxgan.init(gan, KEY, batch)
    _, metrics = jax.jit(jaxgan.make_d_step(gan))(state, batch, KEY)
    weight = np.asarray(games.discriminator(state).params["weight"], np.float64)
    softplus = lambda v: np.log1p(np.exp(v))
    adversarial = softplus(-(weight * x**2)).mean() + softplus(weight * fake**2).mean()
    slope = 2 * weight * x / 256  # of the mean of 16 x 16 patches by each pixel
    penalty = 2 * np.square(slope).sum(axis=(1, 2, 3)).mean()
    np.testing.assert_allclose(metrics["d_penalty"], penalty, rtol=1e-5)
    np.testing.assert_allclose(metrics["d_loss"], adversarial + penalty, rtol=1e-5)


class Constant(nn.Module):
    """Images of one value."""

    value: float

    @nn.compact
    def __call__(self, z):
        start = nn.initializers.constant(self.value)
        return jnp.broadcast_to(self.param("value", start, ()), (len(z), *games.SHAPE))


def test_networks_of_a_bare_call_train():
    gan = points(penalties=((1.0, penalties.wgan_gp()),))
    state = assert_trains(gan)
    assert jaxgan.sample(gan, state, KEY, 5).shape == (5, 3)


class Wanting(nn.Module):
    """It wants an argument more than a game gives."""

    @nn.compact
    def __call__(self, z, style, *, train):
        return nn.Dense(3)(z)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"generator": Wanting()}, r"generator.*style.*__call__"),
        ({"condition": "image"}, r"generator.*__call__"),
    ],
    ids=["another argument", "no condition"],
)
def test_call_of_another_signature_is_refused(changes, match):
    with pytest.raises(InputError, match=match):
        jaxgan.init(points(**changes), KEY, POINTS)


@pytest.mark.usefixtures("no_type_checks")
@pytest.mark.parametrize(
    ("judge", "match"),
    [
        (nnx.Linear(3, 1, rngs=nnx.Rngs(0)), r"discriminator.*NNX"),
        (lambda x: x[:, 0], r"discriminator.*function"),
        (PlainJudge, r"discriminator.*class.*PlainJudge"),
    ],
    ids=["nnx", "function", "class"],
)
def test_what_is_no_linen_module_is_refused(judge, match):
    with pytest.raises(InputError, match=f"(?s){match}"):
        points(discriminator=judge)


class Dropped(nnx.Module):
    """``z -> [b 3]``, a third of which is dropped in training."""

    def __init__(self, rngs):
        self.dense = nnx.Linear(2, 3, rngs=rngs)
        self.dropout = nnx.Dropout(1 / 3, rngs=rngs)

    def __call__(self, z, *, train):
        return self.dropout(self.dense(z), deterministic=not train)


def test_nnx_module_trains_as_the_message_wraps_it():
    gan = points(generator=nnx.bridge.to_linen(Dropped))
    state = assert_trains(gan)
    z = jaxgan.sampling.latents(gan, KEY, 4)
    dense = games.average(state)["params"]["dense"]
    kernel, bias = (np.asarray(dense[name]) for name in ("kernel", "bias"))
    expected = np.asarray(z) @ kernel + bias
    made = jaxgan.sample(gan, state, KEY, 4)
    np.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-6)


class Layers(nnx.Module):
    """`nets.mlp`'s shape in NNX: one hidden layer."""

    def __init__(self, rngs):
        self.first, self.last = (
            nnx.Linear(*sizes, rngs=rngs) for sizes in ((2, 8), (8, 3))
        )

    def __call__(self, z, *, train):
        return self.last(nnx.relu(self.first(z)))


class Twin(nn.Module):
    """`Layers` in Linen."""

    @nn.compact
    def __call__(self, z):
        return nn.Dense(3, name="last")(nn.relu(nn.Dense(8, name="first")(z)))


@pytest.mark.parametrize("microbatches", [1, 2])
def test_fit_plays_an_nnx_module_as_its_twin(microbatches):
    networks = nnx.bridge.to_linen(Layers), Twin()
    ours, twins = (points(generator=network) for network in networks)
    start = jaxgan.init(ours, KEY, POINTS)
    like = jaxgan.init(twins, KEY, POINTS)
    twin = games.generator(like).replace(params=games.generator(start).params)
    like = like.replace(players={**start.players, "generator": twin})
    data = jax.tree.map(lambda leaf: jnp.concatenate([leaf, leaf]), POINTS)
    how = {"steps": 2, "batch_size": 16, "microbatches": microbatches}
    after = jaxgan.fit(ours, start, data, KEY, **how)
    expected = games.generator(jaxgan.fit(twins, like, data, KEY, **how)).params
    games.assert_close(games.generator(after).params, expected, rtol=1e-6, atol=1e-7)
    assert games.differ(expected, twin.params)


def test_fit_plays_an_nnx_module_that_draws():
    gan = points(generator=nnx.bridge.to_linen(Dropped))
    start = jaxgan.init(gan, KEY, POINTS)
    after = jaxgan.fit(gan, start, POINTS, KEY, steps=2, batch_size=8)
    assert games.differ(games.generator(after).params, games.generator(start).params)


class Normalised(nnx.Module):
    """Batch norm, by NNX."""

    def __init__(self, rngs):
        self.norm = nnx.BatchNorm(2, rngs=rngs)
        self.last = nnx.Linear(2, 3, rngs=rngs)

    def __call__(self, z, *, train):
        return self.last(self.norm(z, use_running_average=not train))


def test_batch_norm_of_nnx_trains_on_one_device_alone():
    gan = points(generator=nnx.bridge.to_linen(Normalised))
    state = assert_trains(gan)
    step = jaxgan.make_d_step(gan, axis_name=parallel.AXIS)
    with pytest.raises(InputError, match="Normalised keeps batch statistics"):
        parallel.spread(step, devices=jax.devices()[:2])(state, POINTS, KEY)


class Switched(nn.Module):
    """Dropout, in training."""

    @nn.compact
    def __call__(self, x, *, train):
        return nn.Dropout(0.5, deterministic=not train)(x)


def test_sequential_network_is_called_as_its_first_layer():
    """Its own call takes any keyword, and hands it on."""
    plain = nn.Sequential((nn.Dense(3), nn.tanh))
    assert not networks.takes_train(plain)
    assert networks.takes_train(nn.Sequential((Switched(), nn.Dense(3))))
    gan = points(generator=plain)
    state = jaxgan.init(gan, KEY, POINTS)
    assert jaxgan.sample(gan, state, KEY, 5).shape == (5, 3)
