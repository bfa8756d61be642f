"""The ablation of StackedMNIST: its claims on runs made up, and the quick form."""

import json

import numpy as np
import pytest

from experiments.studies import stacked_ablation, stacked_mnist, stacked_tables, study
from experiments.studies.stacked_ablation import NAMES, Config


def runs(kl, *, diverged=None):
    curve = [
        {"step": 500, "modes": 5.0, "kl": 5.0},
        {"step": 9, "modes": 9.0, "kl": kl},
    ]
    return [{"curve": curve, "shown": [], "diverged": diverged}] * 3


# What `play` below tells, of one seed.
MODES = ["950 [950, 950]", "700 [700, 700]", "700 [700, 700]"]


def test_all_eight_combinations_are_named_once():
    assert len(set(NAMES)) == 8
    assert NAMES[0] == stacked_tables.FULL
    assert NAMES[-1] == "non-saturating"


def test_the_published_order_holds_where_it_does():
    ablation = {name: runs(3.0) for name in NAMES}
    ablation[stacked_tables.FULL] = runs(0.5)
    ablation["non-saturating, R1, R2"] = runs(1.0)
    claims = stacked_tables.claims_of_ablation(ablation)
    assert [claim.value for claim in claims] == [1.0, 2.0, 6.0]
    assert all(claim.holds for claim in claims)


def test_each_claim_fails_by_itself():
    ablation = {name: runs(3.0) for name in NAMES}
    ablation[stacked_tables.FULL] = runs(1.0)
    ablation["non-saturating, R1, R2"] = runs(0.5)
    claims = stacked_tables.claims_of_ablation(ablation)
    assert [claim.holds for claim in claims] == [False, False, True]
    ablation["relativistic, R1"] = runs(0.25)
    claims = stacked_tables.claims_of_ablation(ablation)
    assert claims[2].value == 0.25
    assert not claims[2].holds


def test_a_run_that_diverged_counts_as_no_modes():
    ablation = {name: runs(0.1, diverged=7) for name in NAMES}
    rows = stacked_tables.of_ablation(ablation).rows
    assert {row[3] for row in rows} == {3}
    assert {row[2]["median"] for row in rows} == {float(np.log(1000))}


def test_the_whole_study_but_its_training(tmp_path, monkeypatch):
    """The quick form's three combinations, as runs made up of their names."""
    shown = np.zeros((4, 8, 8, 3), np.uint8).tolist()

    def play(config, name, *_):
        kl = 0.5 if name == NAMES[0] else 3.0
        curve = [{"step": 2, "modes": 1000 - 100 * kl, "kl": kl}]
        return {"curve": curve, "shown": shown, "diverged": None}

    real = {"accuracy": 0.99, "modes": 1000.0, "kl": 0.01}
    monkeypatch.setattr(stacked_mnist, "prepare", lambda *_: (None, None, real))
    monkeypatch.setattr(stacked_mnist, "play", play)
    record = check_quick_form(tmp_path)
    assert [row[1] for row in record["tables"][0]["rows"]] == MODES


@pytest.mark.slow  # three kinds of step to compile
def test_quick_form_trains_three_combinations(tmp_path):
    check_quick_form(tmp_path)


def check_quick_form(tmp_path):
    record = study.conduct(
        Config(quick=True, out=tmp_path, data_dir=tmp_path), stacked_ablation.run
    )
    assert json.loads((tmp_path / "result.json").read_text()) == record
    assert (tmp_path / "stacked_ablation.png").stat().st_size > 10_000
    rows = record["tables"][0]["rows"]
    assert [row[0] for row in rows] == [NAMES[0], "non-saturating, R1, R2", NAMES[-1]]
    assert {len(curves[0]) for curves in record["details"]["curves"].values()} == {1}
    return record
