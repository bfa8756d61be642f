"""The updates: who moves, on what draws, by which gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan import images, losses
from tests import games


@pytest.fixture(params=[games.mlp, games.dcgan], ids=["mlp", "dcgan"])
def gan(request):
    return request.param()


def test_d_step_leaves_the_generator_to_the_bit(gan, key):
    state = games.init(gan)
    new, _ = games.step(jaxgan.make_d_step, gan)(state, games.batch(), key)
    games.assert_equal(
        (games.generator(new), games.average(new)),
        (games.generator(state), games.average(state)),
    )
    assert games.differ(
        games.discriminator(new).params, games.discriminator(state).params
    )
    assert int(games.discriminator(new).step) == 1


def test_g_step_leaves_the_discriminator_to_the_bit(gan, key):
    state = games.init(gan)
    new, _ = games.step(jaxgan.make_g_step, gan)(state, games.batch(), key)
    games.assert_equal(games.discriminator(new), games.discriminator(state))
    assert games.differ(games.generator(new).params, games.generator(state).params)
    assert (int(new.step), int(new.images)) == (1, 16)


def test_latents_differ_at_every_update(key):
    """The mean fake logit is the mean latent here; nothing else moves."""
    gan = games.points()
    state, batch = games.start_of_points(gan, key)
    d_step, g_step = (
        games.step(jaxgan.make_d_step, gan),
        games.step(jaxgan.make_g_step, gan),
    )
    seen = []
    for _ in range(5):
        state, d_metrics = d_step(state, batch, key)
        state, g_metrics = g_step(state, batch, key)
        seen += [float(d_metrics["d_fake_logit"]), float(g_metrics["g_fake_logit"])]
    assert len(set(seen)) == 10


def test_latents_follow_the_key_alone(key):
    gan = games.points()
    state, batch = games.start_of_points(gan, key)
    d_step = jaxgan.make_d_step(gan)
    fake = lambda key: float(d_step(state, batch, key)[1]["d_fake_logit"])
    assert fake(key) == fake(key) != fake(jax.random.key(1))


def test_latents_are_standard_normal(key):
    gan = games.points(loss=losses.wasserstein)
    state, batch = games.start_of_points(gan, key, size=4096)
    _, metrics = jaxgan.make_d_step(gan)(state, batch, key)
    # The mean of 4096 standard normals is within 4 of its standard deviations, 1/64.
    np.testing.assert_allclose(metrics["d_fake_logit"], 0, atol=4 / 64)


def test_d_step_is_the_papers_update(key):
    """Against the update written out by hand: eq. (1)'s gradient and plain descent."""
    gan = games.points(
        loss=losses.minimax,
        d_optimizer=optax.sgd(0.1),
        prior=lambda key, z: jnp.ones(z),
    )
    real = jax.random.normal(key, (32, 2))
    state = jaxgan.init(gan, key, {"image": real})
    new, metrics = jaxgan.make_d_step(gan)(state, {"image": real}, key)
    x, slope = np.asarray(real, np.float64)[:, 0], 1.0
    sigmoid = lambda v: 1 / (1 + np.exp(-v))
    loss = -np.log(sigmoid(slope * x)).mean() - np.log(1 - sigmoid(slope))
    gradient = -((1 - sigmoid(slope * x)) * x).mean() + sigmoid(slope)
    np.testing.assert_allclose(metrics["d_loss"], loss, rtol=1e-5)
    np.testing.assert_allclose(metrics["d_grad_norm"], abs(gradient), rtol=1e-5)
    np.testing.assert_allclose(
        games.discriminator(new).params["slope"], slope - 0.1 * gradient, rtol=1e-5
    )


@pytest.mark.parametrize(
    ("loss", "value", "slope"),
    [
        pytest.param(losses.non_saturating, np.log1p(np.exp(-1)), -0.26894, id="ns"),
        pytest.param(losses.minimax, -np.log1p(np.exp(1)), -0.73106, id="minimax"),
        pytest.param(losses.wasserstein, -1.0, -1.0, id="wasserstein"),
    ],
)
def test_g_step_is_the_papers_update(key, loss, value, slope):
    """A fake at 1 under D(x) = x, by hand: dL/dscale at logit 1."""
    gan = games.points(
        loss=loss, g_optimizer=optax.sgd(0.1), prior=lambda key, z: jnp.ones(z)
    )
    state, batch = games.start_of_points(gan, key)
    new, metrics = jaxgan.make_g_step(gan)(state, batch, key)
    np.testing.assert_allclose(metrics["g_loss"], value, rtol=1e-5)
    np.testing.assert_allclose(
        games.generator(new).params["scale"], 1 - 0.1 * slope, rtol=1e-5
    )


def test_two_time_scales(key):
    gan = games.mlp(g_optimizer=optax.sgd(1e-3), d_optimizer=optax.sgd(0.0))
    state = games.init(gan)
    new, _ = games.step(jaxgan.make_train_step, gan)(state, games.stacked(1), key)
    games.assert_equal(
        games.discriminator(new).params, games.discriminator(state).params
    )
    assert games.differ(games.generator(new).params, games.generator(state).params)


@pytest.mark.parametrize("k", [1, 3])
def test_train_step_is_k_d_steps_then_one_g_step(gan, key, k):
    batches = games.stacked(k)
    state = games.init(gan)
    scanned, metrics = games.step(jaxgan.make_train_step, gan, d_steps=k)(
        state, batches, key
    )
    d_step, g_step = (
        games.step(jaxgan.make_d_step, gan),
        games.step(jaxgan.make_g_step, gan),
    )
    d_losses = []
    for i in range(k):
        batch = jax.tree.map(lambda x: x[i], batches)  # noqa: B023
        state, d_metrics = d_step(state, batch, key)
        d_losses.append(d_metrics["d_loss"])
    state, _ = g_step(state, batch, key)
    assert int(scanned.updates["d"]) == k
    np.testing.assert_allclose(metrics["d_loss"], np.mean(d_losses), rtol=1e-5)
    games.assert_close(
        scanned.replace(rounds=0), state.replace(rounds=0), rtol=1e-4, atol=1e-5
    )


def test_train_step_refuses_a_batch_without_its_k(key):
    gan = games.mlp()
    state = games.init(gan)
    step = jaxgan.make_train_step(gan, d_steps=2)
    with pytest.raises(ValueError, match=r"\[2 b \.\.\.\].*\(3, 16, 16, 16, 1\)"):
        step(state, games.stacked(3), key)
    with pytest.raises(ValueError, match=r"d_steps.*at least 1"):
        jaxgan.make_train_step(gan, d_steps=0)


def test_real_and_fake_are_normalised_in_separate_batches(key):
    """D's running means are those of the real batch, then of the fake one."""
    gan = games.dcgan(d_optimizer=optax.sgd(0.0))
    batch = games.batch()
    state = jaxgan.init(gan, key, batch)
    # The same fakes whatever the latents, so that they can be made here.
    gan = games.dcgan(
        d_optimizer=optax.sgd(0.0), prior=lambda key, z: jnp.arange(z) / z
    )
    z = jnp.tile(jnp.arange(4.0) / 4, (16, 1))
    forward = lambda module, variables, x: module.apply(
        variables, x, train=True, mutable=["batch_stats"]
    )
    fake, _ = forward(gan.generator, games.generator(state).variables, z)
    d_variables = games.discriminator(state).variables
    for x in (images.as_float(batch["image"]), fake):
        logits, new = forward(gan.discriminator, d_variables, x)
        d_variables = {**d_variables, **new}
    new_state, metrics = games.step(jaxgan.make_d_step, gan)(state, batch, key)
    np.testing.assert_allclose(metrics["d_fake_logit"], logits.mean(), rtol=1e-4)
    games.assert_close(
        games.discriminator(new_state).collections,
        {"batch_stats": d_variables["batch_stats"]},
        rtol=1e-4,
        atol=1e-6,
    )


@pytest.mark.parametrize("make", [games.mlp, games.dcgan], ids=["mlp", "dcgan"])
def test_bfloat16_compute_keeps_float32_parameters_and_metrics(key, make):
    game = make()
    gan = make(
        generator=game.generator.clone(dtype=jnp.bfloat16),
        discriminator=game.discriminator.clone(dtype=jnp.bfloat16),
    )
    state = games.init(gan)
    state, metrics = games.step(jaxgan.make_train_step, gan)(
        state, games.stacked(1), key
    )
    for leaf in jax.tree.leaves((state, metrics)):
        assert leaf.dtype in (jnp.float32, jnp.int32)
        assert np.isfinite(leaf).all()
    _, wide_metrics = games.step(jaxgan.make_train_step, game)(
        games.init(game), games.stacked(1), key
    )
    np.testing.assert_allclose(metrics["d_loss"], wide_metrics["d_loss"], rtol=2e-2)


def test_step_with_a_relativistic_loss_reports_the_real_logits(key):
    gan = games.mlp(loss=losses.relativistic)
    state = games.init(gan)
    _, metrics = games.step(jaxgan.make_g_step, gan)(state, games.batch(), key)
    assert set(metrics) == {"g_loss", "g_fake_logit", "g_real_logit", "g_grad_norm"}


def test_donated_state_gives_no_warning_and_one_program(key):
    """Warnings are errors in this suite; the average must not share its buffers."""
    gan = games.dcgan()
    state = jaxgan.init(gan, key, games.batch())  # not the cached one
    traces = 0

    def counted(state, batch, key):
        nonlocal traces
        traces += 1
        return jaxgan.make_train_step(gan)(state, batch, key)

    step = jax.jit(counted, donate_argnums=0)
    for _ in range(3):
        state, _ = step(state, games.stacked(1), key)
    assert traces == 1
