"""The study of mode coverage in its quick form, resuming, and its claims."""

import dataclasses
import json

import jax
import numpy as np
import pytest

from experiments.studies import modes, points, study


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """The whole study but its training: four seeds whose samples are the data."""

    def clouds(recipe, target, keys):
        return np.stack([target.density.sample(key, 500) for key in keys])

    monkeypatch.setattr(points, "clouds", clouds)
    config = modes.Config(out=tmp_path, seeds=4, block=2)
    return config, study.conduct(config, modes.run)


def test_the_study_leaves_its_record_and_its_picture(trained):
    config, record = trained
    assert json.loads((config.out / "result.json").read_text()) == record
    assert (config.out / "modes.png").read_bytes().startswith(b"\x89PNG")
    ours, published = record["tables"]
    assert [row[:2] for row in ours["rows"]] == [
        [target, recipe]
        for target in ("ring-8", "grid-25")
        for recipe in (modes.BEST, modes.CONNECTED, modes.PLAIN)
    ]
    assert {(row[-3], row[-1]) for row in ours["rows"]} == {("100%", "yes")}
    assert len(published["rows"]) == len(modes.PUBLISHED)
    assert "from memory" in published["header"][0]
    values = [claim["value"] for claim in record["claims"]]
    np.testing.assert_allclose(values, 1.0, atol=0.1)
    assert all(claim["holds"] for claim in record["claims"])
    assert len(list(config.out.rglob("parts/*/*.json"))) == 8  # baselines: one block


@pytest.mark.slow
def test_the_quick_form_trains_every_recipe(tmp_path):
    record = study.conduct(modes.Config(quick=True, out=tmp_path), modes.run)
    assert len(record["tables"][0]["rows"]) == 3
    assert all(0 <= claim["value"] <= 2 for claim in record["claims"])


def test_modes_that_are_too_narrow_do_not_count():
    ring = points.ring()
    cloud = np.asarray(ring.density.sample(jax.random.key(0), 2_000))
    centres = np.asarray(ring.density.means)
    nearest = np.linalg.norm(cloud[:, None] - centres, axis=2).argmin(axis=1)
    heaps = centres[nearest] + 0.3 * (cloud - centres[nearest])
    wide, narrow = (
        {
            **{k: np.array(v) for k, v in points.scores(x[None], ring).items()},
            "spacing": np.ones(1),
        }
        for x in (cloud, heaps)
    )
    assert narrow["quality"][0] > wide["quality"][0]
    assert modes.counts(wide)
    assert not modes.counts(narrow)


def test_the_recipes_differ_in_nothing_but_what_their_names_say():
    best, connected, plain = modes.recipes(modes.Config(), points.grid()).values()
    assert best.latent_dim == 2 + modes.Config().codes
    gaussian = {"latent_dim": 2, "prior": plain.prior}
    assert dataclasses.replace(best, waves=None, **gaussian) == connected
    same = dataclasses.replace(connected, loss=plain.loss, penalties=())
    assert same == plain


def test_heaps_of_points_in_the_modes_do_not_count():
    target = points.ring()
    truth = np.asarray(target.density.sample(jax.random.key(3), 1_000))
    np.testing.assert_allclose(modes.spacing(truth, target), 1, atol=0.1)
    random = np.random.default_rng(0)
    heaps = truth[random.integers(0, 100, 1_000)]
    assert modes.spacing(heaps, target) == 0
    scores = {
        "complete": np.ones(4, bool),
        "quality": np.ones(4),
        "width": np.ones(4),
        "spacing": np.array([modes.spacing(heaps, target)]),
    }
    assert not modes.counts(scores)
    assert modes.counts({**scores, "spacing": np.ones(1)})


def test_a_study_resumes_from_its_blocks(trained, monkeypatch):
    config, record = trained
    monkeypatch.setattr(points, "clouds", None)  # whoever trains again, fails
    assert study.conduct(config, modes.run)["tables"] == record["tables"]


@pytest.mark.parametrize(
    ("complete", "quality", "width", "spacing", "holds"),
    [
        (100, 0.96, 0.9, 0.6, [True, True, True, True]),
        (94, 0.96, 0.9, 0.6, [False, False, True, True]),
        (96, 0.9, 0.9, 0.6, [True, False, True, True]),
        (96, 0.96, 0.7, 0.6, [True, True, False, True]),
        (96, 0.96, 0.9, 0.4, [True, True, True, False]),
    ],
)
def test_the_claims_ask_95_of_100_seeds_for_all_modes_sharp_and_wide(
    complete, quality, width, spacing, holds
):
    scores = {
        "complete": np.arange(100) < complete,
        "quality": np.full(100, quality),
        "width": np.full(100, width),
        "spacing": np.array([spacing]),
    }
    assert modes.counts(scores) == all(holds)
    claims = modes._claims(points.ring(), {"ring-8": {modes.BEST: scores}})
    assert [claim.holds for claim in claims] == holds


def test_blocks_together_hold_every_seed_once(monkeypatch):
    seen = []

    def clouds(recipe, target, keys):
        seen.extend(map(str, keys))
        return np.zeros((len(keys), 10, 2))

    monkeypatch.setattr(points, "clouds", clouds)
    config = modes.Config(seeds=5, block=2)
    found = modes.measure(config, _Fresh(), modes.BEST, points.Recipe(), points.ring())
    assert len(found["modes"]) == 5
    assert seen == list(map(str, study.seeds(config, 5)))


class _Fresh:
    def get(self, name, make):
        return make()
