"""--evaluate-every: the best state is kept, whatever happens to the run."""

import dataclasses
import json

import jax
import numpy as np
import pytest

import jaxgan
import jaxgan.data
from experiments import mlp
from jaxgan.checkpoint import Checkpoints, digest
from jaxgan.training import best, run
from jaxgan.training.best import METRIC, Best
from jaxgan.training.workdir import MetricsLog, read_metrics

# By step: the lowest comes twice, and only the first of the two is kept.
PLANNED = {10: 0.9, 20: 0.7, 30: 0.8, 40: 0.7, 50: 0.75}


@pytest.fixture
def planned(monkeypatch):
    """Judgements on the way as planned; and the digests of the states judged."""
    judged = {}

    def evaluate(gan, state, data, key):
        judged[int(state.step)] = digest(state)
        return {"two_sample": {"accuracy": PLANNED[int(state.step)]}}

    monkeypatch.setattr(best, "evaluate", evaluate)
    return judged


def _restored(config):
    data = jaxgan.data.load("digits", data_dir=config.data_dir)
    gan = mlp.make_gan(config, data)
    state = jaxgan.init(gan, jax.random.key(0), data.train.batch(np.arange(1)))
    with Checkpoints(config.workdir / "best") as checkpoints:
        return checkpoints.restore(state)


def test_the_best_is_the_lowest_in_the_log_and_the_first_of_equals(
    config, planned, tmp_path, monkeypatch
):
    config = dataclasses.replace(config, evaluate_every=10, workdir=tmp_path / "run")
    judge, kept = Best.judge, []

    def judged(self, gan, state, data, key):
        entry = judge(self, gan, state, data, key)
        names = [path.name for path in (config.workdir / "best").iterdir()]
        kept.append([name for name in names if name.isdecimal()])
        return entry

    monkeypatch.setattr(Best, "judge", judged)
    result = run(config, mlp.make_gan)
    assert result is not None
    # On disk before the run goes on: else, after a kill, a later checkpoint could be
    # there and the best one not.
    assert kept == [["10"], ["20"], ["20"], ["20"], ["20"]]
    rows = {row["step"]: row[METRIC] for row in read_metrics(config.workdir)}
    assert rows == PLANNED
    assert result["best"] == {"step": 20, METRIC: 0.7}
    assert json.loads((config.workdir / "result.json").read_text()) == result
    restored = _restored(config)
    assert digest(restored.state) == planned[20]
    assert restored.notes == result["best"]


@pytest.mark.digest
def test_the_real_judgement_is_kept_and_named(config, finished, tmp_path):
    """And judging on the way changes nothing in the run itself."""
    config = dataclasses.replace(config, evaluate_every=20, workdir=tmp_path / "run")
    result = run(config, mlp.make_gan)
    assert result is not None
    rows = [row for row in read_metrics(config.workdir) if METRIC in row]
    assert [row["step"] for row in rows] == [20, 40, 50]
    lowest = min(rows, key=lambda row: row[METRIC])
    assert result["best"] == {name: lowest[name] for name in ("step", METRIC)}
    assert rows[-1][METRIC] == result["evaluation"]["two_sample"]["accuracy"]
    assert int(_restored(config).state.step) == result["best"]["step"]
    assert result["digest"] == finished[1]["digest"]


@pytest.mark.parametrize(
    "stopped_at",
    [30, *(pytest.param(step, marks=pytest.mark.slow) for step in (10, 20, 40))],
)
@pytest.mark.digest
def test_the_best_survives_a_kill(config, planned, tmp_path, stopped_at):
    """Struck down right after a judgement, whose line is written."""
    config = dataclasses.replace(config, evaluate_every=10, workdir=tmp_path / "run")
    write = MetricsLog.write

    def strike(self, row):
        write(self, row)
        if row["step"] == stopped_at:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MetricsLog, "write", strike)
        with pytest.raises(KeyboardInterrupt):
            run(config, mlp.make_gan)
    result = run(config, mlp.make_gan)
    assert result is not None
    assert result["best"] == {"step": 20, METRIC: 0.7}
    rows = {row["step"]: row[METRIC] for row in read_metrics(config.workdir)}
    assert rows == PLANNED
    assert digest(_restored(config).state) == planned[20]
