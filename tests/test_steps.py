"""The updates: who moves, on what draws, by which gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxgan
from jaxgan import images, losses, nets, penalties
from tests import games


@pytest.fixture(params=[games.mlp, games.dcgan], ids=["mlp", "dcgan"])
def gan(request):
    return request.param()


def test_d_step_leaves_the_generator_to_the_bit(gan, key):
    state = games.init(gan)
    new, _ = games.step(jaxgan.make_d_step, gan)(state, games.batch(), key)
    games.assert_equal((new.generator, new.ema), (state.generator, state.ema))
    assert games.differ(new.discriminator.params, state.discriminator.params)
    assert int(new.discriminator.step) == 1


def test_g_step_leaves_the_discriminator_to_the_bit(gan, key):
    state = games.init(gan)
    new, _ = games.step(jaxgan.make_g_step, gan)(state, games.batch(), key)
    games.assert_equal(new.discriminator, state.discriminator)
    assert games.differ(new.generator.params, state.generator.params)
    assert (int(new.step), int(new.images)) == (1, 16)


def _points(gan, key, size=64):
    batch = {"image": jnp.zeros((size, 2))}
    return jaxgan.init(gan, key, batch), batch


def test_latents_differ_at_every_update(key):
    """The mean fake logit is the mean latent here; nothing else moves."""
    gan = games.points()
    state, batch = _points(gan, key)
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
    state, batch = _points(gan, key)
    d_step = jaxgan.make_d_step(gan)
    fake = lambda key: float(d_step(state, batch, key)[1]["d_fake_logit"])
    assert fake(key) == fake(key) != fake(jax.random.key(1))


def test_latents_are_standard_normal(key):
    gan = games.points(loss=losses.wasserstein)
    state, batch = _points(gan, key, size=4096)
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
        new.discriminator.params["slope"], slope - 0.1 * gradient, rtol=1e-5
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
    state, batch = _points(gan, key)
    new, metrics = jaxgan.make_g_step(gan)(state, batch, key)
    np.testing.assert_allclose(metrics["g_loss"], value, rtol=1e-5)
    np.testing.assert_allclose(
        new.generator.params["scale"], 1 - 0.1 * slope, rtol=1e-5
    )


def test_two_time_scales(key):
    gan = games.mlp(g_optimizer=optax.sgd(1e-3), d_optimizer=optax.sgd(0.0))
    state = games.init(gan)
    new, _ = games.step(jaxgan.make_train_step, gan)(state, games.stacked(1), key)
    games.assert_equal(new.discriminator.params, state.discriminator.params)
    assert games.differ(new.generator.params, state.generator.params)


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
    assert int(scanned.discriminator.step) == k
    np.testing.assert_allclose(metrics["d_loss"], np.mean(d_losses), rtol=1e-5)
    games.assert_close(scanned, state, rtol=1e-4, atol=1e-5)


def test_train_step_refuses_a_batch_without_its_k(key):
    gan = games.mlp()
    state = games.init(gan)
    step = jaxgan.make_train_step(gan, d_steps=2)
    with pytest.raises(
        ValueError, match=r"\[d_steps=2 b \.\.\.\].*\(3, 16, 16, 16, 1\)"
    ):
        step(state, games.stacked(3), key)
    with pytest.raises(ValueError, match="at least 1, got 0"):
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
    fake, _ = forward(gan.generator, state.generator.variables, z)
    d_variables = state.discriminator.variables
    for x in (images.as_float(batch["image"]), fake):
        logits, new = forward(gan.discriminator, d_variables, x)
        d_variables = {**d_variables, **new}
    new_state, metrics = games.step(jaxgan.make_d_step, gan)(state, batch, key)
    np.testing.assert_allclose(metrics["d_fake_logit"], logits.mean(), rtol=1e-4)
    games.assert_close(
        new_state.discriminator.collections,
        {"batch_stats": d_variables["batch_stats"]},
        rtol=1e-4,
        atol=1e-6,
    )


def test_uint8_and_float_batches_are_one_game(key):
    gan, batch = games.mlp(), games.batch()
    state = jaxgan.init(gan, key, batch)
    step = games.step(jaxgan.make_d_step, gan)
    floats = {**batch, "image": images.as_float(batch["image"])}
    a, b = step(state, batch, key)[0], step(state, floats, key)[0]
    games.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_instance_noise_has_the_schedules_spread(key):
    """With all data at zero, the logits are the noise itself."""
    schedule = optax.linear_schedule(0.5, 0.0, transition_steps=8192)
    gan = games.points(
        instance_noise=schedule,
        loss=jaxgan.AdversarialLoss(lambda r, f: r**2, lambda r, f: f**2),
        prior=lambda key, z: jnp.zeros(z),
    )
    state, batch = _points(gan, key, size=4096)
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
        variables = state.discriminator.variables
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
        state.generator.variables, jnp.zeros((16, 0)), source, train=True
    )
    np.testing.assert_allclose(
        loss(10.0) - loss(0.0), 10 * jnp.abs(fake - batch["image"]).mean(), rtol=1e-4
    )
    step = jax.jit(jaxgan.make_train_step(game(10.0)))
    for _ in range(200):
        state, _ = step(state, jax.tree.map(lambda x: x[None], batch), key)
    np.testing.assert_allclose(state.generator.params["scale"], -1, atol=0.1)
    np.testing.assert_allclose(state.generator.params["shift"], 0.5, atol=0.1)


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
