"""The study of Parzen windows: its quick form, its samplers and its claims."""

import json

import numpy as np
import pytest

from experiments.studies import parzen, pixels, samplers, study
from jaxgan.checks import InputError


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parzen")
    config = parzen.Config(quick=True, out=folder, data_dir=folder / "data")
    return config, study.conduct(config, parzen.run)


@pytest.fixture(scope="module")
def data(quick):
    config, _ = quick
    return pixels.split(config)


def test_the_quick_form_leaves_its_record_and_its_picture(quick):
    config, record = quick
    assert json.loads((config.out / "result.json").read_text()) == record
    assert (config.out / "parzen.png").read_bytes().startswith(b"\x89PNG")
    ours, published = record["tables"]
    assert [row[0] for row in ours["rows"]][-2:] == list(parzen.GAMES)
    assert [row[1] for row in published["rows"]][:4] == ["121", "138", "214", "225"]
    assert len(record["details"][parzen.GAMES[0]]) == parzen.QUICK["seeds"]


@pytest.mark.parametrize("changes", [{"seed": -1}, {"seed": 2**31}, {"samples": 0}])
def test_a_number_out_of_range_is_refused(changes, tmp_path):
    config = parzen.Config(quick=True, out=tmp_path / "out", **changes)
    with pytest.raises(InputError, match=r"--seed|--samples"):
        study.conduct(config, parzen.run)
    assert not (tmp_path / "out").exists()


def test_a_study_resumes_from_its_parts(quick, monkeypatch):
    config, record = quick
    monkeypatch.setattr(parzen, "judge", None)  # whoever judges again, fails
    assert study.conduct(config, parzen.run)["tables"] == record["tables"]


def test_the_judge_places_real_images_above_independent_pixels(quick):
    found = quick[1]["details"]["samplers"]
    real, noise = found[samplers.REAL], found["a Gaussian for each pixel"]
    assert real["nats"] > noise["nats"] + 10 * real["error"]


def test_no_image_is_in_two_parts(data):
    train, validation, test = (
        {row.tobytes() for row in rows}
        for rows in (data.rows, data.validation, data.test)
    )
    assert not validation & test
    assert not train & validation
    assert len(data.train) == len(data.labels)
    assert len(data.validation) == pixels.VALIDATION["digits"]


def test_one_gaussian_has_the_moments_of_the_data(data):
    rows = 0.5 + (data.rows - 0.5) / 10  # so that nothing is clipped
    drawn = samplers.gaussian(rows, 20_000, seed=0)
    np.testing.assert_allclose(drawn.mean(axis=0), rows.mean(axis=0), atol=2e-3)
    covariance = np.cov(rows, rowvar=False)
    np.testing.assert_allclose(np.cov(drawn, rowvar=False), covariance, atol=1e-4)


def test_centres_are_the_means_of_what_is_nearest_to_them():
    clouds = np.random.default_rng(0).normal(size=(2, 50, 3))
    clouds[1] += 20
    found = samplers.centres(clouds.reshape(-1, 3), 2, 20, seed=0)
    found = found[found[:, 0].argsort()]
    np.testing.assert_allclose(found, clouds.mean(axis=1), atol=1e-6)


def test_rows_and_images_are_each_others_inverse(data):
    np.testing.assert_array_equal(pixels.as_images(data.rows, data.shape), data.train)
    clipped = pixels.as_images(np.array([[-0.2, 0.5, 1.0, 1.7]]), (2, 2, 1))
    np.testing.assert_array_equal(clipped.ravel(), [0, 128, 255, 255])


@pytest.mark.parametrize(("nats", "holds"), [([230, 226, 100], True), ([225], False)])
def test_the_claim_is_about_the_median_and_above_225(nats, holds):
    others = {samplers.CENTRES: {"nats": 300.0}, samplers.REAL: {"nats": 243.0}}
    seeds = [{"nats": float(n)} for n in nats]
    claims = parzen._claims(others, {parzen.GAMES[0]: seeds})
    assert [claim.holds for claim in claims] == [holds, True]
    assert claims[1].value == 57


def test_components_keep_what_they_span(data):
    space = pixels.components(data.rows, 64)
    points = space.coordinates(data.rows)
    np.testing.assert_allclose(space.rows(points), data.rows, atol=1e-5)
    assert (np.diff(points.std(axis=0)) <= 1e-5).all()
    # Distances are those of pixels in [-1, 1].
    apart = 2 * np.linalg.norm(data.rows[0] - data.rows[1])
    np.testing.assert_allclose(np.linalg.norm(points[0] - points[1]), apart, rtol=1e-4)
