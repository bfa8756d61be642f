"""The study of f-divergences: its exact minimisers, and its quick form."""

import jax
import numpy as np
import pytest
from scipy import integrate, stats

from experiments.studies import bimodal, bimodal_generators, f_gan, study
from jaxgan import divergences
from jaxgan.theory import densities, fit


def test_the_minimiser_of_kl_has_the_moments_of_the_data():
    (row,) = bimodal.minimisers(divergences.kl)
    mean, covariance = bimodal.target().moments()
    np.testing.assert_allclose(row[0], float(mean[0]), atol=5e-3)
    np.testing.assert_allclose(row[1] ** 2, float(covariance[0, 0]), rtol=5e-3)


def test_the_minimisers_of_reverse_kl_are_those_of_its_own_descent():
    found = bimodal.minimisers(divergences.reverse_kl)
    for mode in bimodal.MEANS:
        start = densities.gaussian([mode], std=bimodal.STD)
        mean, covariance = fit.minimum_reverse_kl(bimodal.target(), start).moments()
        expected = [float(mean[0]), float(np.sqrt(covariance[0, 0]))]
        distance = np.abs(found[:, :2] - expected).max(axis=1).min()
        np.testing.assert_allclose(distance, 0, atol=5e-3)
    assert bimodal.lesser_side(*found[0, :2]) < bimodal.COVERS  # the best one seeks


def test_the_divergence_is_scipys_integral():
    def p(x):
        modes = zip(bimodal.WEIGHTS, bimodal.MEANS, strict=True)
        return sum(w * stats.norm.pdf(x, m, bimodal.STD) for w, m in modes)

    q = stats.norm(-0.2, 1.3).pdf
    expected = integrate.quad(lambda x: (p(x) - q(x)) ** 2 / q(x), -8, 8, limit=200)[0]
    found = bimodal.exact(divergences.pearson, -0.2, 1.3)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_lesser_side_is_the_tail_beyond_zero():
    np.testing.assert_allclose(bimodal.lesser_side(-1.0, 0.5), stats.norm.sf(2.0))
    np.testing.assert_allclose(bimodal.lesser_side(0.0, 1.0), 0.5)


def finding(exact, affine, name="kl"):
    return f_gan.Finding(name, exact, np.array(affine), np.zeros(1), np.zeros(1))


def test_a_seed_that_diverged_neither_covers_nor_seeks_and_is_infinitely_far():
    found = finding(np.array([[-1.5, 0.5, 0.1]]), [[np.nan, np.nan], [-1.5, 0.5]])
    theory, seeds = found.kinds
    assert [*theory, *seeds] == ["seeks", "diverges", "seeks"]
    np.testing.assert_array_equal(found.distances, [np.inf, 0])
    assert found.agreement == 0.5


def test_the_claims_count_the_divergences_that_do_as_told():
    exact = np.array([[-1.5, 0.5, 0.1]])
    good, bad = finding(exact, [[-1.5, 0.5]]), finding(exact, [[0.0, 1.5]])
    values = [claim.value for claim in f_gan._claims([good, bad])]
    np.testing.assert_allclose(values, [1, 1, 0])


NARROW = {"neyman", "alpha(-1)"}  # infinite where q's tails outweigh p's


@pytest.mark.parametrize("f", divergences.ALL, ids=lambda f: f.name)
def test_generators_start_where_their_divergence_is_finite(f, key):
    narrow = f.name in NARROW
    assert bimodal_generators.is_finite_when_wide(f) is not narrow
    z = jax.numpy.array([[0.0], [1.0]])
    one = bimodal_generators.affine(f)
    variables = jax.vmap(lambda k: one.init(k, z))(jax.random.split(key, 999))
    means, stds = (np.asarray(variables["params"][n]) for n in ("mean", "std"))
    assert set(stds.tolist()) == {float(np.float32(0.4 if narrow else 1.2))}
    modes = np.array(bimodal.MEANS) if narrow else np.zeros(1)
    spread = means - modes[np.abs(means[:, None] - modes).argmin(axis=1)]
    np.testing.assert_allclose(spread.std(), 0.3 if narrow else 0.5, rtol=0.1)
    if narrow:
        assert 0.55 < (means < 0).mean() < 0.65


def test_the_flexible_generator_starts_over_both_modes(key):
    z = jax.random.normal(key, (4096, 1))
    for f in (divergences.kl, divergences.neyman):
        both = bimodal_generators.flexible(f, width=8)
        variables = both.init(key, z)
        x = np.asarray(both.apply(variables, z))
        assert x.shape == (4096, 1)
        assert min((x > 0.75).mean(), (x < -0.75).mean()) > 0.2
        # Light tails where those of p must outweigh them.
        assert (np.abs(x).max() < 4) == (f is divergences.neyman)


@pytest.mark.parametrize(
    ("affine", "agreement", "distance"),
    [([[-0.3, 1.5]], 1.0, 0.1), ([[-1.5, 0.5]], 0.0, 1.562)],
    ids=["covers", "seeks"],
)
def test_a_seed_is_compared_with_the_nearest_minimiser(affine, agreement, distance):
    exact = np.array([[-0.3, 1.5 + 0.1, 0.4]])
    found = finding(exact, affine)
    assert found.agreement == agreement
    expected = np.linalg.norm(exact[0, :2] - affine[0])
    np.testing.assert_allclose(found.distances, expected)
    np.testing.assert_allclose(expected, distance, atol=0.1)


def test_the_whole_study_but_its_training(tmp_path, monkeypatch):
    """With seeds that all end at the data's own moments; one diverged."""
    ends = {"mean": [-0.3, np.nan], "std": [1.55, np.nan]}
    monkeypatch.setattr(f_gan, "train_affine", lambda config, f: ends)
    both = {"lesser": [0.4, 0.4], "emd": [0.1, np.inf]}
    monkeypatch.setattr(f_gan, "train_flexible", lambda config, f: both)
    monkeypatch.setattr(f_gan.divergences, "ALL", (divergences.kl,))
    record = study.conduct(f_gan.Config(out=tmp_path), f_gan.run)
    (table,) = record["tables"]
    assert table["rows"][0][:3] == ["kl", "(-0.30, 1.55)", "covers"]
    assert table["rows"][0][5] == "50%, 0%, 50%"
    assert table["rows"][0][-2:] == ["100%", "0.1 [0.1, inf]"]
    assert [claim["value"] for claim in record["claims"]] == [0, 0, 1]


@pytest.mark.slow
def test_the_quick_form_leaves_a_row_and_a_picture(tmp_path):
    record = study.conduct(f_gan.Config(quick=True, out=tmp_path), f_gan.run)
    (table,) = record["tables"]
    assert [row[0] for row in table["rows"]] == ["jensen_shannon"]
    assert len(table["header"]) == len(table["rows"][0])
    assert "covers" in table["rows"][0][2]
    assert len(record["claims"]) == 3
    assert (tmp_path / "f_gan.png").stat().st_size > 0
