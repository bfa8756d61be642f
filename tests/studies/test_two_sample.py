"""The study of two-sample tests: its ladder, its counts, its claims, its quick form."""

import json

import numpy as np
import pytest
from scipy import stats

from experiments.studies import pairs, study, two_sample
from experiments.studies.plots import two_sample as plots

pytestmark = pytest.mark.slow
DIMENSIONS = [2, 10]


def _moments(points, d):
    return points(np.random.default_rng(0), 40_000, d)


@pytest.mark.parametrize("d", DIMENSIONS)
def test_shift_has_length_one_half(d):
    mean = _moments(pairs.shifted, d).mean(axis=0)
    np.testing.assert_allclose(np.linalg.norm(mean), 0.5, atol=0.03)


@pytest.mark.parametrize("d", DIMENSIONS)
@pytest.mark.parametrize(
    ("points", "variance"),
    [(pairs.gaussian, 1), (pairs.wide, 1.69), (pairs.correlated, 1)],
    ids=["gaussian", "wide", "correlated"],
)
def test_coordinates_are_gaussian_of_the_variance_named(points, variance, d):
    x = _moments(points, d)
    for column in x.T[:3]:
        p_value = stats.kstest(column, stats.norm(scale=variance**0.5).cdf).pvalue
        assert p_value > 0.001


def test_heavy_tails_are_students_of_variance_one():
    x = _moments(pairs.heavy, 2)
    twin = stats.t(3, scale=3**-0.5)
    np.testing.assert_allclose(twin.var(), 1)
    assert stats.kstest(x[:, 0], twin.cdf).pvalue > 0.001


def test_only_the_first_two_coordinates_are_correlated():
    found = np.corrcoef(_moments(pairs.correlated, 4).T)
    expected = np.eye(4)
    expected[0, 1] = expected[1, 0] = 0.8
    np.testing.assert_allclose(found, expected, atol=0.025)


@pytest.mark.parametrize("of", [4, 5])
def test_modes_are_equally_likely_and_the_last_can_be_missing(of):
    x = pairs.modes(np.random.default_rng(0), 20_000, 3, of=of)
    angle = np.arctan2(x[:, 1], x[:, 0])
    sector = np.rint(angle / (2 * np.pi / 5)).astype(int) % 5
    share = np.bincount(sector, minlength=5) / len(x)
    # A point of a mode may fall into its neighbour's sector: 4 sin(36 deg) away.
    expected = np.array([1 / of] * of + [0] * (5 - of))
    np.testing.assert_allclose(share, expected, atol=0.015)


def test_images_are_drawn_from_where_the_comparison_says():
    train, test = np.arange(50.0)[:, None], 100 + np.arange(40.0)[:, None]
    made = np.full((2, 60, 1), -1.0)
    split, writers, samples = (
        comparison.draw(np.random.default_rng(0), 30)
        for comparison in pairs.real(train, test, made)
    )
    assert len(set(np.concatenate(split).ravel())) == 60
    assert (writers[0] < 100).all()
    assert (writers[1] >= 100).all()
    assert (samples[0] >= 100).all()
    assert (samples[1] == -1).all()
    assert all(len(set(part.ravel())) == 30 for part in (*writers, samples[0]))


def test_rejections_are_all_where_the_sets_lie_apart_and_few_where_they_agree():
    config = two_sample.Config(sizes=(40,), repetitions=20)
    apart = pairs.Comparison(
        "apart", "d = 2", lambda r, n: (r.normal(size=(n, 2)), r.normal(9, 1, (n, 2)))
    )
    null = pairs.simulated((2,))[0]
    assert null.null
    rejected = {"C2ST": [20], "1-NN": [20], "MMD": [20]}
    assert two_sample.rejections(config, apart) == rejected
    for name, (count,) in two_sample.rejections(config, null).items():
        assert count <= stats.binom.ppf(0.999, 20, 0.05), name


@pytest.mark.parametrize(
    ("hits", "power", "holds"),
    [(100, 160, [True, True]), (123, 159, [True, False]), (124, 200, [False, True])],
)
def test_claims_are_those_of_the_binomial(hits, power, holds):
    """Of 2,000 tests, P(Binomial(2000, 1/20) >= 124) is the first below 1 %."""
    config = two_sample.Config(sizes=(20, 320))
    nulls = [plots.Curve("null", f"d = {d}", {"C2ST": [0, 0]}) for d in range(5)]
    nulls[0].counts["C2ST"][0] = hits
    calibrated = two_sample._calibrated(config, "points", "C2ST", nulls)
    np.testing.assert_allclose(calibrated.value, hits / 2_000)
    curve = plots.Curve("other", "d = 2", {"C2ST": [0, power], "MMD": [200, 3]})
    powerful = two_sample._powerful(config, "points", [curve])
    assert [calibrated.holds, powerful.holds] == holds


def test_quick_study_leaves_its_record_and_its_picture(tmp_path):
    config = two_sample.Config(quick=True, out=tmp_path, data_dir=tmp_path / "data")
    record = study.conduct(config, two_sample.run)
    written = json.loads((tmp_path / "result.json").read_text())
    assert written == json.loads(json.dumps(record))
    assert (tmp_path / "two_sample.png").stat().st_size < 300_000
    (table,) = record["tables"]
    assert [row[0] for row in table["rows"][:6]] == list(pairs.LADDER)
    assert len(table["rows"]) == 9
    assert len(record["claims"]) == 8
    assert all(0 <= claim["value"] <= 1 for claim in record["claims"])
    gan = record["details"]["samples of a GAN for held-out digits, pixels"]["rejected"]
    assert gan["MMD"] == [12]  # after 40 steps anyone can tell
