"""Lazy penalties over seeds: who failed, equal updates, and the quick form."""

import dataclasses

import jax
import numpy as np
import pytest

from experiments.studies import lazy, points, study
from experiments.studies.lazy import Config


def test_failed_is_nearer_to_a_point_than_to_the_data():
    ring = points.ring()
    data = np.asarray(ring.density.sample(jax.random.key(5), points.SAMPLES))
    one_point = np.zeros_like(data) + data.mean(axis=0)
    broken = np.full_like(data, np.nan)
    scores = lazy.judge(np.stack([data, one_point, broken]), ring)
    good, middle, bad = scores["distance"]
    assert good < 0.2
    assert middle == pytest.approx(1, abs=0.01)
    assert bad > 1
    assert lazy.failures(scores) == pytest.approx(2 / 3)


def test_the_line_is_between_its_ends():
    line = lazy.line()
    found = np.asarray(line.density.sample(jax.random.key(0), 4_000))
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=0.08)
    assert np.abs(found[:, 0] - found[:, 1]).max() < 10 * line.std
    # Uniform on [-2, 2]: a standard deviation of 4 / sqrt 12.
    np.testing.assert_allclose(found.std(axis=0), 4 / np.sqrt(12), rtol=0.05)


@pytest.mark.parametrize("period", [1, 4])
def test_a_lazy_game_pays_as_much(period):
    config = Config(width=4)
    recipe = points.Recipe(penalties=((config.penalty, lambda *_: 0.0),), width=4)
    game = lazy.make_game(config, period, recipe)
    assert ("d_reg" in game.objectives) == (period > 1)
    optimizer = game.players["discriminator"].optimizer
    state = optimizer.init({"w": np.zeros(())})
    move = optimizer.update(
        {"w": np.ones(())}, state, {"w": np.zeros(())}, images=np.float32(0)
    )[0]["w"]
    rate = config.learning_rate * (period / (period + 1) if period > 1 else 1)
    np.testing.assert_allclose(move, -rate, rtol=1e-4)


@pytest.mark.slow
def test_the_quick_form_trains_two_periods(tmp_path):
    config = dataclasses.replace(Config(quick=True), out=tmp_path)
    record = study.conduct(config, lazy.run)
    assert [row[1] for row in record["tables"][0]["rows"]] == ["1", "8"]
    assert (tmp_path / "lazy.png").exists()
