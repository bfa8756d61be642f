"""The study of mode coverage in its quick form, resuming, and its claims."""

import dataclasses
import json

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
    assert {row[-1] for row in ours["rows"]} == {"100%"}
    assert len(published["rows"]) == len(modes.PUBLISHED)
    assert "from memory" in published["header"][0]
    assert [claim["value"] for claim in record["claims"]] == [1.0] * 4
    assert len(list(config.out.rglob("parts/*/*.json"))) == 8  # baselines: one block


@pytest.mark.slow
def test_the_quick_form_trains_every_recipe(tmp_path):
    record = study.conduct(modes.Config(quick=True, out=tmp_path), modes.run)
    assert len(record["tables"][0]["rows"]) == 3
    assert all(0 <= claim["value"] <= 1 for claim in record["claims"])


def test_the_recipes_differ_in_nothing_but_what_their_names_say():
    best, connected, plain = modes.recipes(modes.Config(), points.grid()).values()
    assert best.latent_dim == 2 + modes.Config().codes
    gaussian = {"latent_dim": 2, "prior": plain.prior}
    assert dataclasses.replace(best, waves=False, **gaussian) == connected
    same = dataclasses.replace(connected, loss=plain.loss, penalties=())
    assert same == plain


def test_a_study_resumes_from_its_blocks(trained, monkeypatch):
    config, record = trained
    monkeypatch.setattr(points, "clouds", None)  # whoever trains again, fails
    assert study.conduct(config, modes.run)["tables"] == record["tables"]


@pytest.mark.parametrize(
    ("complete", "quality", "holds"),
    [(100, 0.96, [True, True]), (94, 0.96, [False, False]), (96, 0.9, [True, False])],
)
def test_the_claims_ask_95_of_100_seeds_for_all_modes_and_sharp(
    complete, quality, holds
):
    scores = {"complete": np.arange(100) < complete, "quality": np.full(100, quality)}
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
