"""What a step reads: images of either kind, instance noise, labels, pairs."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan import images, nets, penalties
from jaxgan.methods.bigan import bigan
from tests import games


def test_uint8_and_float_batches_are_one_game(key):
    gan, batch = games.mlp(), games.batch()
    state = jaxgan.init(gan, key, batch)
    step = games.step(jaxgan.make_d_step, gan)
    floats = {**batch, "image": images.as_float(batch["image"])}
    a, b = step(state, batch, key)[0], step(state, floats, key)[0]
    games.assert_close(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("kind", [np.uint16, np.int32, bool])
@pytest.mark.parametrize("game", ["gan", "bigan"])
def test_images_of_other_integers_are_refused(key, game, kind):
    adam = {"g_optimizer": optax.adam(1e-3), "d_optimizer": optax.adam(1e-3)}
    networks = {
        "generator": nets.mlp.Generator(games.SHAPE, width=4),
        "discriminator": PairDiscriminator(),
    }
    made = {
        "gan": games.mlp(),
        "bigan": bigan(encoder=Encoder(), latent_dim=4, **networks, **adam),
    }[game]
    batch = {"image": jnp.asarray(games.batch()["image"], kind)}
    with pytest.raises(jaxgan.InputError, match=f"{np.dtype(kind)}.*uint8"):
        jaxgan.init(made, key, batch)


def test_instance_noise_has_the_schedules_spread(key):
    """With all data at zero, the logits are the noise itself."""
    schedule = optax.linear_schedule(0.5, 0.0, transition_steps=8192)
    gan = games.points(
        instance_noise=schedule,
        loss=jaxgan.AdversarialLoss(lambda r, f: r**2, lambda r, f: f**2),
        prior=lambda key, z: jnp.zeros(z),
    )
    state, batch = games.start_of_points(gan, key, size=4096)
    train_step = games.step(jaxgan.make_train_step, gan)
    batch = jax.tree.map(lambda x: x[None], batch)
    variances = []
    for _ in range(3):
        state, metrics = train_step(state, batch, key)
        variances.append((float(metrics["d_loss"]), float(metrics["g_loss"])))
    # sigma is 0.5, 0.25, 0 after 0, 4096, 8192 images; 4096 draws give 10 percent.
    expected = [(0.25, 0.25), (0.0625, 0.0625), (0, 0)]
    np.testing.assert_allclose(variances, expected, rtol=0.1, atol=1e-9)


def test_conditional_step_reads_the_labels(key):
    gan = games.mlp(condition="label")
    batch = games.batch()
    state = jaxgan.init(gan, key, batch)
    shifted = {**batch, "label": (batch["label"] + 1) % 10}
    for make in (jaxgan.make_d_step, jaxgan.make_g_step):
        step = games.step(make, gan)
        assert games.differ(step(state, batch, key)[0], step(state, shifted, key)[0])


def test_penalty_conditions_each_example_on_its_own_label(key):
    """Against the gradients of a loop over the examples."""
    gan = games.mlp(condition="label", penalties=((3.0, penalties.r1),))
    batch = games.batch()
    state = jaxgan.init(gan, key, batch)
    _, metrics = games.step(jaxgan.make_d_step, gan)(state, batch, key)

    def logit(x, label):
        variables = games.discriminator(state).variables
        return gan.discriminator.apply(variables, x[None], label[None], train=True)[0]

    real = images.as_float(batch["image"])
    pairs = zip(real, batch["label"], strict=True)
    norm = jax.jit(lambda x, label: (jax.grad(logit)(x, label) ** 2).sum())
    norms = [norm(x, label) for x, label in pairs]
    np.testing.assert_allclose(metrics["d_penalty"], 3 * np.mean(norms), rtol=1e-4)


def test_generator_terms_join_the_loss_of_a_paired_task(key):
    """Image to image: the generator sees a source, an L1 term pulls it to a target."""

    def l1(fake, batch):
        return jnp.abs(fake - batch["image"]).mean(axis=(1, 2, 3))

    def game(weight):
        return games.mlp(
            generator=Translator(),
            discriminator=PairDiscriminator(),
            condition="source",
            latent_dim=0,
            generator_terms=((weight, l1),),
            g_optimizer=optax.adam(3e-2),
        )

    source = jax.random.uniform(key, (16, *games.SHAPE), minval=-0.5, maxval=0.5)
    batch = {"image": 0.5 - source, "source": source}
    state = jaxgan.init(game(1.0), key, batch)
    step = lambda weight: jax.jit(jaxgan.make_g_step(game(weight)))(state, batch, key)
    loss = lambda weight: step(weight)[1]["g_loss"]
    fake = Translator().apply(
        games.generator(state).variables, jnp.zeros((16, 0)), source, train=True
    )
    np.testing.assert_allclose(
        loss(10.0) - loss(0.0), 10 * jnp.abs(fake - batch["image"]).mean(), rtol=1e-4
    )
    step = jax.jit(jaxgan.make_train_step(game(10.0)))
    for _ in range(200):
        state, _ = step(state, jax.tree.map(lambda x: x[None], batch), key)
    np.testing.assert_allclose(games.generator(state).params["scale"], -1, atol=0.1)
    np.testing.assert_allclose(games.generator(state).params["shift"], 0.5, atol=0.1)


class Encoder(games.nn.Module):
    """An image's latent."""

    @games.nn.compact
    def __call__(self, x):
        return games.nn.Dense(4)(jnp.reshape(x, (len(x), -1)))


class Translator(games.nn.Module):
    """An affine map of the source image."""

    @games.nn.compact
    def __call__(self, z, condition=None, *, train):
        zeros = games.nn.initializers.zeros
        scale, shift = (
            self.param(n, zeros, (), jnp.float32) for n in ("scale", "shift")
        )
        return scale * condition + shift


class PairDiscriminator(games.nn.Module):
    """An MLP that sees the image beside its source."""

    @games.nn.compact
    def __call__(self, x, condition=None, *, train):
        both = jnp.concatenate([x, condition], axis=-1)
        return nets.mlp.Discriminator(width=16)(both, train=train)
