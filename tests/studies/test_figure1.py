"""The study of Figure 1: exact densities and divergences, and its quick form."""

import json

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from scipy import integrate, stats

from experiments.studies import figure1, study
from jaxgan import divergences
from jaxgan.theory import densities, optimal, quadrature

EDGES = jnp.asarray(figure1.EDGES, jnp.float32)


def pushed(function):
    return np.asarray(figure1.masses(jnp.asarray(function(figure1.LATENTS)), EDGES))


def test_mass_of_an_affine_generator_is_gaussian():
    exact = np.diff(stats.norm(0.3, 0.7).cdf(figure1.EDGES))
    ours = pushed(lambda z: 0.3 - 0.7 * z)
    # One latent in two thousand lies beyond the last node but one, on either side, and
    # that mass is spread evenly as far as the last.
    last = 0.3 + 0.7 * np.abs(figure1.LATENTS[1]) * np.array([-1, 1])
    inside = (figure1.EDGES[:-1] > last[0]) & (figure1.EDGES[1:] < last[1])
    assert inside.sum() > 200
    np.testing.assert_allclose(ours[inside], exact[inside], atol=3e-5)
    assert abs(ours - exact)[~inside].sum() < 1.2e-3


def test_mass_of_a_fold_is_counted_from_both_sides():
    # P(|z| < x) = 2 Phi(x) - 1.
    inner = np.clip(figure1.EDGES, 0, None)
    exact = np.diff(2 * stats.norm.cdf(inner) - 1)
    np.testing.assert_allclose(pushed(np.abs), exact, atol=5e-5)


def test_mass_of_a_collapsed_generator_is_in_one_bin():
    ours = pushed(lambda z: 0 * z + 0.011)
    assert ours.max() == 1
    assert np.count_nonzero(ours) == 1


def test_divergence_in_bins_is_that_of_the_densities():
    q = np.diff(stats.norm(0.3, 0.7).cdf(figure1.EDGES))
    ours = figure1.jensen_shannon(figure1.data_masses(), q)
    nodes = quadrature.box([-6.0], [6.0], cells=400)
    other = densities.gaussian([0.3], std=0.7)
    exact = optimal.divergence(
        divergences.jensen_shannon, figure1.DATA, other, nodes=nodes
    )
    np.testing.assert_allclose(ours, exact, rtol=2e-3)


@pytest.mark.parametrize(("shift", "jsd"), [(0, 0.0), (150, np.log(2))])
def test_divergence_in_bins_has_its_limits(shift, jsd):
    p = np.zeros(302)
    p[50:100] = 1 / 50
    np.testing.assert_allclose(
        figure1.jensen_shannon(p, np.roll(p, shift)), jsd, atol=1e-6
    )


def test_mass_of_the_data_matches_scipy():
    density = lambda x: float(jnp.exp(figure1.DATA.log_density(jnp.array([x]))))
    ours = figure1.data_masses()
    np.testing.assert_allclose(ours.sum(), 1, rtol=1e-6)  # its weights are float32
    for i in (60, 150, 200):
        exact = integrate.quad(density, *figure1.EDGES[i : i + 2])[0]
        np.testing.assert_allclose(ours[i], exact, rtol=1e-4)


def test_the_whole_study_but_its_training(tmp_path, monkeypatch):
    """With a generator that makes the data from the start, and a D that knows."""
    frames, bins = 6, figure1.MIDDLES.size
    still = lambda values: np.tile(values, (frames, 1)).tolist()
    found = {
        "updates": [10 * (t + 1) for t in range(frames)],
        "chosen": [0, 5],
        **{name: [[0.0] * frames] * 2 for name in ("jsd", "undecided")},
        **{name: [[0.0, 0.03]] * 2 for name in ("error", "error before")},
        "shown": 1,
        "best": [[0.5] * bins] * 2,
        "curves": {
            "model": still(figure1.data_masses()),
            "judged": still(np.full(bins, 0.5)),
            "mapped": still(figure1.ARROWS),
        },
    }
    monkeypatch.setattr(figure1, "play", lambda config: found)
    record = study.conduct(figure1.Config(out=tmp_path), figure1.run)
    assert [claim["holds"] for claim in record["claims"]] == [False, True, True]
    assert [row[0] for row in record["tables"][0]["rows"]] == ["10", "60"]
    with Image.open(tmp_path / "figure1.gif") as animation:
        assert animation.n_frames == frames  # type: ignore[attr-defined]
    assert (tmp_path / "figure1.png").stat().st_size < 300_000


@pytest.mark.slow
def test_quick_study_leaves_its_files(tmp_path):
    record = study.conduct(figure1.Config(quick=True, out=tmp_path), figure1.run)
    assert json.loads((tmp_path / "result.json").read_text()) == record
    before, after = (
        [float(row[i].split()[0]) for row in record["tables"][0]["rows"]]
        for i in (1, 2)
    )
    assert min(after) > 0
    assert max(before + after) < 0.5
    with Image.open(tmp_path / "figure1.gif") as animation:
        assert animation.n_frames == 8  # type: ignore[attr-defined]
    assert (tmp_path / "figure1.png").stat().st_size < 300_000
