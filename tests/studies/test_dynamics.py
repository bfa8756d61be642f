"""The study of dynamics: its closed forms by NumPy, and its quick form."""

import numpy as np
import pytest

from experiments.studies import dynamics, study

# Of complex eigenvalues everywhere: rate s <= 1/2, gamma < 2 s.
CONFIG = dynamics.Config(rate=0.3, gamma=0.8, weight=0.7)


def matrix(slope, update):
    """The linear map of each update on x' = [[0, s], [-s, -gamma]] x, by hand."""
    gamma = CONFIG.gamma if update.startswith("R1") else 0.0
    field = np.array([[0.0, slope], [-slope, -gamma]])
    one, rate = np.eye(2), CONFIG.rate
    if update == "optimistic":
        return np.block([[one + 2 * rate * field, -rate * field], [one, 0 * one]])
    if update == "extragradient":
        return one + rate * field @ (one + rate * field)
    if update == "consensus":
        return one + rate * (field - CONFIG.weight * field.T @ field)
    if "alternating" in update:
        d_first = one + rate * np.diag([0.0, 1.0]) @ field
        return (one + rate * np.diag([1.0, 0.0]) @ field) @ d_first
    return one + rate * field


@pytest.mark.parametrize("update", dynamics.RULES)
@pytest.mark.parametrize("name", dynamics.SETTINGS)
def test_radius_is_that_of_the_linear_map(name, update):
    setting = dynamics.SETTINGS[name]
    radius = abs(np.linalg.eigvals(matrix(setting.slope, update))).max()
    ours = dynamics.radius(CONFIG, setting.slope, update)
    np.testing.assert_allclose(ours, radius, rtol=1e-12)


def test_spectrum_is_that_of_the_linear_map():
    """Of one update; the study's quick form asks for the radius of all."""
    rule = dynamics.method(CONFIG, dynamics.SETTINGS["bilinear"], "R1, alternating")
    ours = np.sort_complex(dynamics.spectrum(rule))
    exact = np.sort_complex(np.linalg.eigvals(matrix(1.0, "R1, alternating")))
    np.testing.assert_allclose(ours, exact, rtol=1e-12)


def test_contraction_of_a_spiral_is_its_factor():
    t = np.arange(400)
    spiral = 0.97**t * np.stack([np.cos(t / 3), np.sin(t / 3)])
    np.testing.assert_allclose(dynamics.contraction(spiral.T[None]), [0.97], rtol=1e-12)


@pytest.mark.parametrize(
    ("factor", "fate"), [(0.99, "converges"), (1.0, "circles"), (1.01, "diverges")]
)
def test_fate_follows_the_factor(factor, fate):
    assert dynamics.fate(factor, margin=1e-3) == fate


def test_quick_study_shows_what_theory_says(tmp_path):
    record = study.conduct(dynamics.Config(quick=True, out=tmp_path), dynamics.run)
    assert [claim["holds"] for claim in record["claims"]] == [True] * 4
    assert len(record["tables"][0]["rows"]) == 14
    assert (tmp_path / "dynamics.png").stat().st_size < 300_000


def test_a_wrong_trajectory_is_noticed():
    config = dynamics.Config()
    dirac = dynamics.SETTINGS["Dirac-GAN"]
    start = np.array([[1.0, 0.5]])
    exact = lambda update: dynamics.paths(
        dynamics.method(config, dirac, update), start, 30
    )
    right = {update: exact(update) for update in dynamics.RULES}
    assert dynamics.apart(config, right) < 1e-15
    for update in dynamics.RULES:
        other = "alternating" if update == "simultaneous" else "simultaneous"
        assert dynamics.apart(config, {update: exact(other)}) > 0.01
