"""The study of baselines: its quick form, and the densities of its models."""

import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from experiments.studies import baselines, contestants, study
from experiments.studies import likelihood_models as models
from experiments.studies.judges import JUDGES


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    folder = tmp_path_factory.mktemp("baselines")
    config = baselines.Config(quick=True, out=folder, data_dir=folder / "data")
    return config, study.conduct(config, baselines.run)


@pytest.mark.slow  # seven models and their judges to compile
def test_the_quick_form_leaves_its_record_and_its_picture(quick):
    config, record = quick
    assert json.loads((config.out / "result.json").read_text()) == record
    assert (config.out / "baselines.png").read_bytes().startswith(b"\x89PNG")
    judged, trained = record["tables"]
    assert judged["header"] == ["model", *JUDGES.values()]
    assert len(judged["rows"]) == len(trained["rows"]) + 1 == 7
    assert len({row[1] for row in trained["rows"] if "mixture" not in row[0]}) == 1


@pytest.mark.slow
def test_a_study_resumes_from_its_parts(quick, monkeypatch):
    config, record = quick
    monkeypatch.setattr(baselines, "judge", None)  # whoever judges again, fails
    assert study.conduct(config, baselines.run)["tables"] == record["tables"]


@pytest.mark.slow
def test_every_judge_finds_training_images_nearest(quick):
    _, record = quick
    details = record["details"]
    real = np.mean([seed["c2st"] for seed in details[contestants.REAL]])
    for name, seeds in details.items():
        if name != contestants.REAL:
            assert np.mean([seed["c2st"] for seed in seeds]) > real


@pytest.fixture(scope="module")
def mixture():
    rows = np.random.default_rng(0).normal(size=(400, 5)) * [3, 2, 0.5, 0.5, 0.5]
    rows[:200, 0] += 8
    return rows, models.fit_mixture(rows, components=2, dimensions=2, seed=0)


def test_one_component_is_the_gaussian_of_maximum_likelihood():
    rows = np.random.default_rng(1).normal(size=(300, 4)) * [3, 2, 0.5, 0.5]
    found = models.fit_mixture(rows, components=1, dimensions=2, seed=0)
    values, vectors = np.linalg.eigh(np.cov(rows, rowvar=False, bias=True))
    values[:2] = values[:2].mean()  # the white noise of the last two components
    mean, covariance = rows.mean(axis=0), (vectors * values) @ vectors.T
    exact = stats.multivariate_normal.logpdf(rows, mean, covariance)  # type: ignore
    np.testing.assert_allclose(found.log_density(rows), exact, rtol=1e-4)


def test_a_mixture_integrates_to_one_and_has_the_density_of_its_samples():
    random = np.random.default_rng(2)
    rows = random.normal(size=(300, 2)) * [2, 0.5] + [[0.0, 1.0]]
    found = models.fit_mixture(rows, components=2, dimensions=1, seed=0)
    density = lambda y, x: math.exp(found.log_density(np.array([[x, y]]))[0])
    total = integrate.dblquad(density, -9, 9, -3, 5, epsabs=1e-3)[0]
    np.testing.assert_allclose(total, 1, atol=5e-3)
    drawn = found.sample(20_000)
    np.testing.assert_allclose(drawn.mean(axis=0), rows.mean(axis=0), atol=0.06)
    covariance = np.cov(rows, rowvar=False, bias=True)
    np.testing.assert_allclose(np.cov(drawn, rowvar=False), covariance, atol=0.15)


def test_a_mixtures_samples_come_in_no_order(mixture):
    _, found = mixture
    near = found.sample(1_000)[:, 0] > 4
    np.testing.assert_allclose(near[:300].mean(), near.mean(), atol=0.12)
    assert 0.4 < near.mean() < 0.6


def test_a_mixture_counts_its_parameters(mixture):
    _, found = mixture
    # 2 Gaussians of a weight, 2 means and 3 covariances; two axes and a mean in 5-D.
    assert found.parameters == 2 * 6 + 2 * 5 + 5


CODER = models.Coder((2, 2, 1), 1, 4)


def flat(scale):
    """Parameters of a coder that maps every image and every code alike, but for b."""
    zeros = jax.tree.map(jnp.zeros_like, CODER.init(jax.random.key(0)))
    return {**zeros, "log_std": jnp.log(scale)}


def test_the_elbo_of_codes_that_say_nothing_is_the_density_of_the_decoder():
    images = np.array([[0, 51, 102, 255], [255, 0, 0, 0]], np.uint8)
    batch = {"image": jnp.asarray(images.reshape(2, 2, 2, 1))}
    # Zero weights decode to grey, 1/2, and encode to N(0, 1), where KL vanishes.
    loss = CODER.minus_elbo(flat(0.3), batch, jax.random.key(0))
    exact = -stats.norm.logpdf(images / 255, 0.5, 0.3).sum(axis=1)
    np.testing.assert_allclose(loss, exact, rtol=1e-5)


def test_the_elbo_charges_kl_for_codes():
    params = flat(1.0)
    bias = params["encoder"]["params"]["last"]["bias"].at[:].set([2.0, math.log(0.5)])
    params["encoder"]["params"]["last"]["bias"] = bias
    batch = {"image": jnp.zeros((1, 2, 2, 1), jnp.uint8)}
    free = CODER.minus_elbo(flat(1.0), batch, jax.random.key(0))
    charged = CODER.minus_elbo(params, batch, jax.random.key(0))
    kl = (4 + 0.25 - 1 - 2 * math.log(0.5)) / 2
    np.testing.assert_allclose(charged - free, [kl], rtol=1e-5)


def test_squared_error_is_a_sum_over_pixels():
    batch = {"image": jnp.full((1, 2, 2, 1), 255, jnp.uint8)}
    loss = CODER.squared_error(flat(1.0), batch, jax.random.key(0))
    np.testing.assert_allclose(loss, [4 * 0.25])


def _distance(params, batch, key):
    return ((params[None] - batch["x"]) ** 2).sum(axis=1)


def test_descent_finds_the_mean():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(50, 2)) + 1)
    found = models.descend(
        _distance, jnp.zeros(2), {"x": x}, jax.random.key(0), 600, 32, 0.05
    )
    np.testing.assert_allclose(found, x.mean(axis=0), atol=0.05)
