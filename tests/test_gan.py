"""The game and its state as values, and what init refuses."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan import nets, penalties
from jaxgan.schedules import by_images
from tests import games


def test_gan_is_hashable_and_equal_to_its_twin():
    adam = optax.adam(1e-3)
    make = lambda: games.mlp(
        g_optimizer=adam, d_optimizer=adam, penalties=((1.0, penalties.wgan_gp()),)
    )
    assert make() == make()
    assert hash(make()) == hash(make())


def test_gan_refuses_what_cannot_be_hashed():
    with pytest.raises(TypeError, match=r"GAN\.prior must be hashable"):
        dataclasses.replace(games.mlp(), prior=Unhashable())


class Unhashable:
    __hash__ = None

    def __call__(self, key, latent_dim):
        return jnp.zeros(latent_dim)


@pytest.mark.usefixtures("no_type_checks")
def test_pairs_may_come_from_an_iterator():
    term = lambda fake, batch: fake.sum(axis=(1, 2, 3))
    gan = games.mlp(
        penalties=zip([0.5], [penalties.r1], strict=True),
        generator_terms=((weight, term) for weight in (1.0, 2.0)),
    )
    assert gan.penalties == ((0.5, penalties.r1),)
    assert gan.generator_terms == ((1.0, term), (2.0, term))


@pytest.mark.usefixtures("no_type_checks")
@pytest.mark.parametrize("pair", [(0.5, penalties.r1, 1), penalties.r1, (0.5, 0.5)])
@pytest.mark.parametrize("field", ["penalties", "generator_terms"])
def test_what_is_no_pair_is_refused(field, pair):
    with pytest.raises(jaxgan.InputError, match=field):
        games.mlp(**{field: (pair,)})


def test_init_starts_at_zero_in_float32(key):
    state = games.init(games.dcgan())
    assert (
        int(state.step)
        == int(games.discriminator(state).step)
        == int(state.images)
        == 0
    )
    for leaf in jax.tree.leaves(games.generator(state).variables):
        assert leaf.dtype == jnp.float32


def test_init_depends_on_the_key_only(key):
    gan = games.mlp()
    a = games.init(gan)
    b = jaxgan.init(gan, key, games.batch(4, seed=1))
    c = jaxgan.init(gan, jax.random.key(1), games.batch())
    games.assert_equal(a, b)
    kernel = lambda s: games.generator(s).params["Dense_0"]["kernel"]
    assert not np.array_equal(kernel(a), kernel(c))


def test_init_draws_each_network_its_own_weights(key):
    same = nets.mlp.Discriminator(width=16)
    gan = games.mlp(discriminator=same)
    state = jaxgan.init(gan, key, games.batch())
    generator = games.generator(state).params["Dense_1"]["kernel"]
    discriminator = games.discriminator(state).params["Dense_1"]["kernel"]
    assert not np.array_equal(generator, discriminator)


def test_average_is_a_copy(key):
    state = games.init(games.mlp())
    pairs = zip(
        jax.tree.leaves(games.generator(state).variables),
        jax.tree.leaves(games.average(state)),
        strict=True,
    )
    for parameter, average in pairs:
        np.testing.assert_array_equal(parameter, average)
        assert parameter.unsafe_buffer_pointer() != average.unsafe_buffer_pointer()


def test_init_refuses_a_generator_of_another_shape(key):
    gan = games.mlp(generator=nets.mlp.Generator((28, 28, 1)))
    with pytest.raises(jaxgan.InputError, match=r"\(28, 28, 1\).*\(16, 16, 1\)"):
        jaxgan.init(gan, key, games.batch())


class Verdict(games.nn.Module):
    """A discriminator with a mistake: one logit for the whole batch."""

    @games.nn.compact
    def __call__(self, x, condition=None, *, train):
        return games.nn.Dense(1)(x.reshape(len(x), -1)).mean()


def test_init_refuses_logits_that_are_not_one_an_example(key):
    gan = games.mlp(discriminator=Verdict())
    with pytest.raises(jaxgan.InputError, match=r"logits \[b \.\.\.\].*\(\)"):
        jaxgan.init(gan, key, games.batch())


def test_init_refuses_a_conditional_game_without_labels(key):
    batch = {"image": games.batch()["image"]}
    with pytest.raises(
        jaxgan.InputError, match=r'conditional on "label".*\[\'image\'\]'
    ):
        jaxgan.init(games.mlp(condition="label"), key, batch)


def test_networks_refuse_a_condition_they_would_ignore(key):
    gan = games.mlp(generator=nets.mlp.Generator(games.SHAPE, num_classes=10))
    with pytest.raises(jaxgan.InputError, match="10 classes"):
        jaxgan.init(gan, key, games.batch())
    gan = games.mlp(condition="label", generator=nets.mlp.Generator(games.SHAPE))
    with pytest.raises(jaxgan.InputError, match="no classes"):
        jaxgan.init(gan, key, games.batch())


@pytest.mark.parametrize(
    "penalty", [penalties.r1, penalties.wgan_gp()], ids=["r1", "gp"]
)
def test_init_refuses_a_penalty_on_a_batch_normalised_discriminator(key, penalty):
    gan = games.dcgan(
        discriminator=nets.dcgan.Discriminator(width=4), penalties=((1.0, penalty),)
    )
    with pytest.raises(jaxgan.InputError, match="see each other"):
        jaxgan.init(gan, key, games.batch())


def test_optimizer_is_told_the_loss():
    """Polyak's step is ``loss / |g|^2`` times the gradient: of length loss / |g|."""
    gan = games.mlp(d_optimizer=optax.polyak_sgd(max_learning_rate=1e9))
    state = games.init(gan)
    moved, metrics = games.step(jaxgan.make_d_step, gan)(
        state, games.batch(), games.KEY
    )
    before, after = (games.discriminator(s).params for s in (state, moved))
    length = optax.tree.norm(jax.tree.map(jnp.subtract, after, before))
    expected = metrics["d_loss"] / metrics["d_grad_norm"]
    np.testing.assert_allclose(length, expected, rtol=1e-3)


@pytest.mark.usefixtures("no_type_checks")
def test_several_steps_in_one_tell_their_optimizer_the_images_seen():
    """Of one step each, they are the optimizer itself."""
    rate = optax.linear_schedule(1.0, 0.0, transition_steps=64)
    alone = by_images(optax.sgd, learning_rate=rate)
    step = lambda optimizer: played(games.mlp(g_optimizer=optimizer))
    games.assert_equal(step(optax.MultiSteps(alone, 1)), step(alone))
    assert games.differ(step(alone), step(optax.sgd(1.0)))


def played(gan):
    """The generator's parameters after two rounds."""
    state, step = games.init(gan), games.step(jaxgan.make_train_step, gan)
    for _ in range(2):
        state, _ = step(state, games.stacked(1), games.KEY)
    return games.generator(state).params


@pytest.mark.parametrize(
    "optimizer",
    [optax.lookahead(optax.sgd(0.1), 5, 0.5), optax.lbfgs()],
    ids=["other parameters", "other arguments"],
)
def test_optimizer_that_needs_more_is_refused(optimizer):
    with pytest.raises(jaxgan.InputError, match="optimizer does not fit"):
        jaxgan.init(games.mlp(g_optimizer=optimizer), games.KEY, games.batch())
