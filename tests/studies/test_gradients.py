"""The study of gradients: its theory against SciPy, and its quick form."""

import numpy as np
import pytest
from scipy import integrate, stats

from experiments.studies import gradients, lines, lines_theory, study
from experiments.studies.plots import gradients as plots


@pytest.fixture(scope="module")
def told():
    return gradients.derivatives()


def test_gradients_by_the_logit_are_on_their_closed_forms(told):
    for found in told.values():
        for how in gradients.HOW:
            np.testing.assert_allclose(found[how], found["closed"], atol=1e-6)


@pytest.mark.parametrize("theta", [0.125, 1.0])
def test_lines_are_as_far_apart_as_theory_says(theta):
    found = lines_theory.distances(theta)
    np.testing.assert_allclose(found["jsd"], np.log(2), rtol=1e-9)
    np.testing.assert_allclose(found["w"], theta, rtol=1e-12)
    assert found["kl"] == np.inf


@pytest.mark.parametrize(("theta", "sigma"), [(0.25, 0.25), (1.0, 0.5)])
def test_noisy_divergence_and_gradient_match_scipy(theta, sigma):
    p, q = stats.norm(0, sigma).pdf, stats.norm(theta, sigma).pdf

    def jsd(x):
        middle = (p(x) + q(x)) / 2
        return (p(x) * np.log(p(x) / middle) + q(x) * np.log(q(x) / middle)) / 2

    ends = -6 * sigma, theta + 6 * sigma
    exact = integrate.quad(jsd, *ends, epsabs=1e-12)[0]
    np.testing.assert_allclose(lines_theory.noisy_jsd(theta, sigma), exact, rtol=1e-6)
    # E_q of the derivative of log(1 - D*), whose logit falls by theta/sigma^2 a unit.
    told = lambda x: q(x) * p(x) / (p(x) + q(x)) * theta / sigma**2
    exact = integrate.quad(told, *ends, epsabs=1e-12)[0]
    ours = lines_theory.noisy_gradient(theta, sigma)
    np.testing.assert_allclose(ours, exact, rtol=1e-4)


def test_value_of_the_critic_is_the_best_over_slopes():
    theta, slopes = 0.8, np.linspace(0.5, 1.5, 100_001)
    best = (slopes * theta - 10 * (slopes - 1) ** 2).max()
    value = lines_theory.critic_value(theta)
    slope = 1 + theta / 20
    # The value leaves the penalty out.
    np.testing.assert_allclose(value - 10 * (slope - 1) ** 2, best, rtol=1e-9)


def test_the_whole_study_but_its_training(told, tmp_path, monkeypatch):
    """With discriminators that are as theory says, and lines that are stuck."""

    def waiting(name, members, thetas, sigmas, *, hundreds):
        exact = {
            "jsd": lines_theory.noisy_jsd,
            "minimax": lines_theory.noisy_gradient,
            "w": lambda theta, sigma: lines_theory.critic_value(theta),
            "non-saturating": lambda theta, sigma: 1.0,
            "Wasserstein": lambda theta, sigma: 1.0,
        }
        grid = {
            k: [[f(t, s) for t in thetas] for s in sigmas] for k, f in exact.items()
        }
        shape = (len(sigmas), len(thetas), len(members), hundreds)
        fill = lambda values: np.broadcast_to(np.array(values)[..., None, None], shape)
        return {k: fill(values).tolist() for k, values in grid.items()}

    def moving(name, members, sigma, *, g_rate, steps, d_steps):
        return np.ones((3, len(members), 20)).tolist()

    monkeypatch.setattr(plots, "_FINE", np.linspace(0, 1.1, 3))
    monkeypatch.setattr(gradients, "derivatives", lambda: told)
    monkeypatch.setattr(lines, "waiting", waiting)
    monkeypatch.setattr(lines, "moving", moving)
    config = gradients.Config(out=tmp_path, members=2)
    record = study.conduct(config, gradients.run)
    held = [claim["holds"] for claim in record["claims"]]
    assert held == [True] * 8 + [False, True]  # no noise faded, no line moved
    assert [len(table["rows"]) for table in record["tables"]] == [4, 16, 6]
    assert (tmp_path / "gradients.png").stat().st_size < 300_000


@pytest.mark.slow
def test_quick_study_finds_what_needs_little_training(tmp_path):
    record = study.conduct(gradients.Config(quick=True, out=tmp_path), gradients.run)
    held = {claim["text"].split(",")[0]: claim["holds"] for claim in record["claims"]}
    assert held["gradients by the logit off their closed forms"]
    assert held["JSD by a trained D under noise off quadrature"]
    assert len(record["tables"][1]["rows"]) == 16
    assert (tmp_path / "gradients.png").stat().st_size < 300_000
