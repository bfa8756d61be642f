"""The study of tips: its own games against the library's, its interval, its tables."""

import dataclasses
import json

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import stats

import jaxgan
from experiments.studies import problems, study, tips, tricks
from experiments.studies.plots import tricks as plots
from jaxgan import nets, sampling
from jaxgan.gan import latents
from jaxgan.update import with_params

pytestmark = pytest.mark.slow
B = 8


def _game(discriminator):
    return jaxgan.GAN(
        generator=nets.mlp.Generator((2,), width=4, bounded=False),
        discriminator=discriminator,
        g_optimizer=optax.sgd(0.1),
        d_optimizer=optax.sgd(0.1),
        latent_dim=2,
    )


def _batch(mean=0.0):
    return {"image": mean + jax.random.normal(jax.random.key(1), (B, 2))}


def _fakes(gan, state, key):
    """Those of a discriminator's first update."""
    z = latents(gan, jaxgan.Turn.first("d", key, {}, B))
    return np.asarray(sampling.generate(gan, state.players["generator"].variables, z))


def _assert_same_discriminator(a, b):
    same = lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6)
    both = (state.players["discriminator"].params for state in (a, b))
    jax.tree.map(same, *both)


def test_without_batch_norm_a_mixed_batch_is_the_library_step(key):
    gan = _game(nets.mlp.Discriminator(width=4))
    state, game = jaxgan.init(gan, key, _batch()), tips.mixed(gan)
    found, metrics = jaxgan.make_d_step(game)(state, _batch(), key)
    expected, library = jaxgan.make_d_step(gan)(state, _batch(), key)
    _assert_same_discriminator(found, expected)
    np.testing.assert_allclose(metrics["d_loss"], library["d_loss"], rtol=1e-6)


def test_replay_fills_its_memory_with_what_the_library_plays(key):
    gan = _game(nets.mlp.Discriminator(width=4))
    game = tips.replaying(gan, 2)
    state = jaxgan.init(game, key, _batch())
    found, _ = jaxgan.make_d_step(game)(state, _batch(), key)
    library = jaxgan.make_d_step(gan)(jaxgan.init(gan, key, _batch()), _batch(), key)
    _assert_same_discriminator(found, library[0])
    pool = found.memory["fakes"]
    assert (len(pool.images), int(pool.size)) == (tips.MEMORY, B)
    np.testing.assert_allclose(pool.images[:B], _fakes(gan, state, key), rtol=1e-6)


def test_replay_plays_half_old_fakes_and_keeps_half_of_the_new(key):
    gan = _game(nets.mlp.Discriminator(width=4))
    game = tips.replaying(gan, 2)
    state = jaxgan.init(game, key, _batch())
    old = jnp.full((16, 2), 50.0)
    pool = state.memory["fakes"].replace(images=old, size=jnp.int32(16))
    state = state.replace(memory={"fakes": pool})
    found, _ = jaxgan.make_d_step(game)(state, _batch(), key)

    new = _fakes(gan, state, key)
    shown = np.where(np.arange(B)[:, None] % 2 == 0, 50.0, new)

    def loss(params):
        judge = lambda x: gan.discriminator.apply({"params": params}, x, train=True)
        real, fake = judge(_batch()["image"]), judge(jnp.asarray(shown))
        return (jax.nn.softplus(-real) + jax.nn.softplus(fake)).mean()

    before = state.players["discriminator"].params
    after = jax.tree.map(lambda p, g: p - 0.1 * g, before, jax.grad(loss)(before))
    expected = with_params(state, {"discriminator": after})
    _assert_same_discriminator(found, expected)
    images = np.asarray(found.memory["fakes"].images)
    stored = images[(images != 50).any(axis=1)]
    by_row = lambda rows: rows[np.lexsort(rows.T)]
    np.testing.assert_allclose(by_row(stored), by_row(new[::2]), rtol=1e-6)


def test_a_mixed_batch_has_one_mean_and_variance(key):
    gan = _game(tips.Normalised(3))
    game, batch = tips.mixed(gan), _batch(mean=5)
    state = jaxgan.init(game, key, batch)
    found, _ = jaxgan.make_d_step(game)(state, batch, key)
    both = np.concatenate([batch["image"], _fakes(gan, state, key)])
    kernel = np.asarray(state.players["discriminator"].params["Dense_0"]["kernel"])
    hidden = both @ kernel
    ours = found.players["discriminator"].collections["batch_stats"]["BatchNorm_0"]
    np.testing.assert_allclose(ours["mean"], 0.1 * hidden.mean(axis=0), rtol=1e-4)
    expected = 0.9 + 0.1 * hidden.var(axis=0)
    np.testing.assert_allclose(ours["var"], expected, rtol=1e-4)


def test_samples_are_the_sampler_s_but_for_dropout(key):
    gan = _game(nets.mlp.Discriminator(width=4))
    state = jaxgan.init(gan, key, _batch())
    expected = jaxgan.sample(gan, state, key, tips.SAMPLES)
    np.testing.assert_allclose(tips.samples(gan, state, key), expected, rtol=1e-5)
    dropped = dataclasses.replace(gan, generator=tips.Dropped(2, 8, bounded=False))
    state = jaxgan.init(dropped, key, _batch())
    still = jaxgan.sample(dropped, state, key, tips.SAMPLES)
    assert not np.allclose(tips.samples(dropped, state, key), still)


def test_uniform_latents_fill_the_cube(key):
    z = jax.vmap(lambda k: tips.uniform_prior(k, 3))(jax.random.split(key, 5_000))
    for column in np.asarray(z).T:
        assert stats.kstest(column, stats.uniform(-1, 2).cdf).pvalue > 0.001


def test_dropout_is_off_where_nothing_is_trained_and_halves_the_units_else(key):
    module = tips.Dropped(64, 512, bounded=False)
    z = jax.random.normal(key, (2, 4))
    variables = module.init(key, z, train=False)
    run = lambda train, seed: module.apply(
        variables,
        z,
        train=train,
        rngs={"dropout": jax.random.key(seed)},
        capture_intermediates=lambda m, _: isinstance(m, nn.Dropout),
    )
    np.testing.assert_array_equal(run(False, 0)[0], run(False, 1)[0])
    made, kept = run(True, 0)
    assert not np.allclose(made, run(True, 1)[0])
    # A rectifier leaves about half of the units, dropout half of these.
    (first,) = kept["intermediates"]["Dropout_0"]["__call__"]
    np.testing.assert_allclose((np.asarray(first) > 0).mean(), 0.25, atol=0.06)


@pytest.mark.parametrize("n", [6, 16, 24, 25])
def test_interval_of_the_median_is_that_of_scipy(n):
    values = np.random.default_rng(n).normal(size=n)
    twin = stats.quantile_test(values, p=0.5).confidence_interval(0.95)
    np.testing.assert_allclose(tips.median_interval(values), [twin.low, twin.high])


def test_interval_of_the_median_needs_six_values():
    with pytest.raises(ValueError, match="At least 6"):
        tips.median_interval(np.arange(5.0))


def test_every_trick_compares_recipes_that_exist():
    config = tricks.Config()
    ring = problems.ring(10, 4)
    of_ring = tricks.recipes(config, ring)
    images = problems.Problem("x", 64, 10, 4, 2, True, ring.sample, ring.judge)
    of_images = tricks.recipes(config, images)
    named = {name for pair in tricks.TRICKS.values() for name in pair}
    assert named == set(of_images)
    assert set(of_images) - set(of_ring) == {"pixels 0 to 255", "pixels 0 to 1"}


def test_fading_noise_starts_as_said_and_ends_at_zero():
    config = tricks.Config(noise=0.5, batch_size=10)
    game = tricks.recipes(config, problems.ring(100, 4))["input noise"].game
    assert isinstance(game, jaxgan.GAN)
    assert game.instance_noise is not None
    found = [game.instance_noise(images) for images in (0, 500, 1_000, 2_000)]
    np.testing.assert_allclose(found, [0.5, 0.25, 0, 0], atol=1e-6)


def test_gains_are_paired_and_positive_where_better():
    base = {"digits: 1-NN accuracy": [0.9, 0.8, 0.7] * 3, "ring-8: modes": [4.0] * 9}
    other = {
        "digits: 1-NN accuracy": [0.8, 0.7, 0.6] * 3,
        "ring-8: modes": [3.0] * 4 + [4.0] * 5,
    }
    gains = tricks.compare({"tip": ("other", "base")}, {"base": base, "other": other})
    accuracy = gains["digits: 1-NN accuracy"]["tip"]
    np.testing.assert_allclose(
        [accuracy.median, accuracy.low, accuracy.high], [0.1, 0.1, 0.1]
    )
    assert accuracy.verdict == plots.HELPS
    assert gains["ring-8: modes"]["tip"].verdict == plots.NONE
    assert plots.Gain(-2, -3, -1).verdict == plots.HURTS


def test_the_judge_of_digits_knows_digits_from_black_and_survives_nan(tmp_path):
    problem = problems.digits(tmp_path, 10, 4)
    real = np.asarray(problem.sample(jax.random.key(0), 400))
    broken = np.full_like(real, np.nan)
    found = problem.judge(np.stack([real, np.full_like(real, -1), broken]))
    assert found["digits: coverage"][0] > 0.5
    assert found["digits: 1-NN accuracy"][0] < 0.8
    assert found["digits: kernel distance"][0] < 0.1
    for values in found.values():
        assert values[1] == values[2]
    assert found["digits: coverage"][1] < 0.05
    assert found["digits: kernel distance"][1] > 0.5


def test_quick_study_leaves_its_record_and_its_picture(tmp_path):
    config = tricks.Config(quick=True, out=tmp_path)
    record = study.conduct(config, tricks.run)
    assert json.loads((tmp_path / "result.json").read_text()) == record
    assert (tmp_path / "tricks.png").read_bytes().startswith(b"\x89PNG")
    differences, levels = record["tables"]
    assert [row[0] for row in differences["rows"]] == ["replay of old fakes"]
    assert [row[0] for row in levels["rows"]] == ["base", "replay"]
    scores = record["details"]["scores"]["replay"]["ring-8: modes"]
    assert len(scores) == 6
    assert all(0 <= modes <= 8 for modes in scores)
