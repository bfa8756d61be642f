"""The study of Algorithm 1's k in its quick form, and its distance."""

import dataclasses

import numpy as np
import pytest

from experiments.studies import bimodal, k_steps, study
from jaxgan.theory import densities, transport


@pytest.mark.slow
def test_the_quick_form_leaves_a_row_for_every_width_and_rate(tmp_path):
    config = k_steps.Config(quick=True, out=tmp_path)
    record = study.conduct(config, k_steps.run)
    (table,) = record["tables"]
    assert table["header"][2:] == ["EMD, k = 2"]
    assert [row[1] for row in table["rows"]] == [*k_steps.RATIOS]
    assert len(record["claims"]) == 3
    assert (tmp_path / "k_steps.png").stat().st_size > 0


def test_the_whole_study_but_its_training(tmp_path, monkeypatch):
    """With distances that grow with k, and do not depend on the rest."""
    grown = lambda config, width, k: {name: [0.1 * k, 0.3] for name in k_steps.RATIOS}
    monkeypatch.setattr(k_steps, "distances", grown)
    config = k_steps.Config(out=tmp_path, seeds=2)
    record = study.conduct(config, k_steps.run)
    (table,) = record["tables"]
    assert table["header"][2:] == [f"EMD, k = {k}" for k in (1, 2, 5, 10)]
    assert [row[0] for row in table["rows"]] == [*"222", *["16"] * 3, *["64"] * 3]
    assert {row[2] for row in table["rows"]} == {"0.2 [0.105, 0.295]"}
    np.testing.assert_allclose([c["value"] for c in record["claims"]], [3.25] * 3)
    assert len(list(tmp_path.rglob("parts/*/*.json"))) == 12


def test_the_distance_of_a_shifted_gaussian_is_that_of_the_quantiles():
    """From quadrature over both densities, a way of its own."""
    q = densities.gaussian([0.5], std=1.0)
    cloud = np.asarray(q.sample(study.seeds(study.StudyConfig(), 1)[0], 200_000))
    expected = transport.wasserstein_of_densities(bimodal.target(), q)
    found = bimodal.earth_mover(cloud[:, 0])
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_a_generator_that_diverged_is_infinitely_far():
    assert bimodal.earth_mover(np.array([0.0, np.nan])) == np.inf


@pytest.mark.parametrize(("slow", "holds"), [(0.1, True), (0.9, False)])
def test_the_claims_read_the_cells_they_name(slow, holds):
    config = dataclasses.replace(k_steps.Config(), ks=(1, 10))
    cells = [(w, k, r) for w in config.widths for k in (1, 10) for r in k_steps.RATIOS]
    found = {cell: np.ones(3) for cell in cells}
    found[16, 10, "slow"] = np.full(3, slow)
    found[2, 10, "equal"] = found[64, 10, "fast"] = np.full(3, 1.5)
    claims = k_steps._claims(config, found)
    np.testing.assert_allclose([c.value for c in claims], [slow, 1.5, 1.5])
    assert [claim.holds for claim in claims] == [holds, True, True]
