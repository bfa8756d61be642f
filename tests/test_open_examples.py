"""What a game takes of the data: labels, ranges, images of several arrays."""

import warnings

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan import InputError, nets, penalties
from jaxgan.turn import as_floats
from tests import games

KEY = games.KEY


@pytest.mark.parametrize("label", [-1, 10])
def test_labels_out_of_range_are_refused_where_they_are_known(label):
    gan, batch = games.mlp(condition="label"), games.batch()
    wrong = {**batch, "label": batch["label"].at[3].set(label)}
    with pytest.raises(InputError, match="labels go from"):
        jaxgan.init(gan, KEY, wrong)
    state = games.init(gan)
    with pytest.raises(InputError, match="labels go from"):
        jaxgan.sample(gan, state, KEY, 2, condition=jnp.array([0, label]))


def test_labels_that_only_the_discriminator_lacks_are_refused():
    gan = games.mlp(
        condition="label", discriminator=nets.mlp.Discriminator(width=4, num_classes=9)
    )
    with pytest.raises(InputError, match="9 classes"):
        jaxgan.init(gan, KEY, {**games.batch(), "label": jnp.full(16, 9)})


@pytest.mark.parametrize("dtype", [jnp.int32, jnp.uint8])
def test_traced_labels_out_of_range_give_nan(dtype):
    labels = jnp.array([0, 3, 255, 2], dtype)
    rows = jax.jit(lambda labels: nets.labels.one_hot(labels, 3))(labels)
    expected = np.eye(3)[[0, 0, 0, 2]]
    expected[[1, 2]] = np.nan
    np.testing.assert_array_equal(rows, expected)


def test_labels_of_one_byte_may_have_256_classes():
    labels = jnp.array([0, 255], jnp.uint8)
    np.testing.assert_array_equal(
        nets.labels.one_hot(labels, 256), np.eye(256)[[0, 255]]
    )


def test_labels_of_one_byte_stay_labels():
    batch = games.batch()
    small = {**batch, "label": batch["label"].astype(jnp.uint8)}
    converted = as_floats(small)
    np.testing.assert_array_equal(converted["label"], batch["label"])
    np.testing.assert_allclose(
        converted["image"], np.asarray(batch["image"]) / 127.5 - 1, atol=1e-6
    )
    gan = games.mlp(condition="label")
    step = games.step(jaxgan.make_d_step, gan)
    one, other = (step(games.init(gan), each, KEY) for each in (small, batch))
    games.assert_equal(one, other)


def floats(low, high):
    draw = np.random.default_rng(0).uniform(low, high, (16, *games.SHAPE))
    return {"image": jnp.asarray(draw, jnp.float32)}


@pytest.mark.parametrize("make", [games.mlp, games.dcgan])
def test_images_beyond_a_bounded_generator_are_refused(make):
    with pytest.raises(InputError, match=r"\[-1, 1\]"):
        jaxgan.init(make(), KEY, floats(0, 255))
    with pytest.raises(InputError, match=r"\[-1, 1\]"):
        jaxgan.init(make(), KEY, {"image": jnp.full((16, *games.SHAPE), jnp.nan)})
    jaxgan.init(make(), KEY, floats(-1, 1))


def test_images_of_a_half_range_are_warned_of():
    with pytest.warns(UserWarning, match=r"\[0, 1\]"):
        jaxgan.init(games.mlp(), KEY, floats(0, 1))


def test_bounds_are_found_beside_conditions_of_any_kind():
    """Pixels as a condition reach the generator as floats here, as in a step."""

    class Translator(nn.Module):
        @nn.compact
        def __call__(self, z, source):
            assert source.dtype == jnp.float32
            return jnp.tanh(nn.Conv(1, (3, 3))(source))

    gan = games.mlp(generator=Translator(), discriminator=Pair(), condition="source")
    wrong = {**floats(0, 9), "source": games.batch()["image"]}
    with pytest.raises(InputError, match=r"\[-1, 1\]"):
        jaxgan.init(gan, KEY, wrong)


class Pair(nn.Module):
    """A judge of two images at once."""

    @nn.compact
    def __call__(self, x, source):
        h = jnp.concatenate([x, source], axis=-1)
        return nn.Dense(1)(h.reshape(len(h), -1))[:, 0]


@pytest.mark.parametrize("width", [4, 64])
@pytest.mark.parametrize("dimensions", [1, 2])
def test_data_without_bounds_suits_an_unbounded_generator(dimensions, width):
    """However few numbers it makes, and for [0, 1] without a warning."""
    generator = nets.mlp.Generator((dimensions,), width=width, bounded=False)
    gan = games.mlp(generator=generator)
    with warnings.catch_warnings(action="error"):
        for scale in (1.0, 50.0):
            line = scale * jnp.linspace(0, 1, 16)[:, None]
            jaxgan.init(gan, KEY, {"image": jnp.tile(line, dimensions)})


def test_prior_of_another_shape_is_what_the_range_is_tried_with():
    class Upsampler(nn.Module):
        @nn.compact
        def __call__(self, z):
            return jnp.tanh(nn.ConvTranspose(1, (4, 4), (4, 4))(z))

    prior = lambda key, z: jax.random.normal(key, (4, 4, z))
    gan = games.mlp(generator=Upsampler(), prior=prior)
    jaxgan.init(gan, KEY, floats(-1, 1))
    with pytest.raises(InputError, match=r"\[-1, 1\]"):
        jaxgan.init(gan, KEY, floats(0, 9))


class Split(nn.Module):
    """Its numbers as one array, or as two."""

    split: bool

    @nn.compact
    def __call__(self, z):
        x = jnp.tanh(nn.Dense(6)(z))
        return {"depth": x[:, :2], "rgb": x[:, 2:]} if self.split else x


class Joined(nn.Module):
    """Judges all the arrays of an image as one."""

    @nn.compact
    def __call__(self, x):
        x = jnp.concatenate(jax.tree.leaves(x), axis=-1)
        return nn.Dense(1)(jnp.tanh(nn.Dense(8)(x)))[:, 0]


@pytest.mark.parametrize(
    "penalty",
    [penalties.r1, penalties.wgan_gp(), penalties.dragan()],
    ids=["r1", "wgan_gp", "dragan"],
)
def test_penalty_of_several_arrays_is_that_of_their_concatenation(penalty):
    x = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (8, 6)), jnp.float32)

    def play(image, split):
        gan = games.mlp(
            generator=Split(split),
            discriminator=Joined(),
            penalties=((1.0, penalty),),
            d_optimizer=optax.sgd(0.1),
        )
        state = jaxgan.init(gan, KEY, {"image": image})
        step = jax.jit(jaxgan.make_d_step(gan))
        state, metrics = step(state, {"image": image}, KEY)
        return games.discriminator(state).params, metrics

    two = play({"depth": x[:, :2], "rgb": x[:, 2:]}, True)
    games.assert_close(two, play(x, False), rtol=1e-5, atol=1e-7)
