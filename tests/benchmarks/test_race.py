"""The race, the table, the JSON and the targets; no time is asserted."""

import dataclasses
import json
import math
import subprocess
import sys
import time

import numpy as np
import pytest

from experiments import r3gan, sngan
from experiments.benchmarks import (
    child,
    command,
    flops,
    input,
    scaling,
    scaling_plots,
    summary,
    targets,
    throughput,
    works,
)
from experiments.benchmarks.race import Contestant, Entry, Record
from jaxgan import InputError

RATES = {
    "jaxgan": [200.0, 220.0, 210.0],
    "flax": [100.0, 100.0, 140.0],
    "torch": [50.0, 60.0, 70.0],
    "torch_compile": [100.0, 55.0, 105.0],
    "ceiling_jax": [10.0, 20.0, 15.0],
}


def records():
    made = {name: Record(2.0, list(rates), 2**28) for name, rates in RATES.items()}
    made["torch_channels_last"] = Record(failure="no compiler")
    return made


class Done:
    """A contestant whose second start took four seconds."""

    record = Record(4.0)

    def __init__(self, entry):
        assert entry.name in throughput.KEEP_COMPILED

    def close(self):
        pass


@pytest.fixture
def staged(monkeypatch):
    """Races that are decided before, as if PyTorch were installed."""
    monkeypatch.setattr(command, "has_torch", lambda: True)
    monkeypatch.setattr(command, "head", lambda config: {"rounds": config.rounds})
    race = lambda entries, **how: {k: v for k, v in records().items() if k in entries}
    monkeypatch.setattr(throughput, "race", race)
    monkeypatch.setattr(throughput, "Contestant", Done)


def test_segment_counts_all_units_but_the_first():
    done = []

    def run(count):
        done.append(count)
        time.sleep(0.001 * count)

    units, seconds = child.segment(run, 0.02)
    assert sum(done) == units + 1
    assert seconds >= 0.001 * units > 0


def test_contestant_that_cannot_start_says_why():
    contestant = Contestant(Entry("unknown", {}))
    contestant.work(0.01)
    contestant.close()
    assert contestant.record.failure == "KeyError: 'unknown'"
    assert contestant.record.rates == []


def test_contestant_that_hangs_is_ended():
    contestant = Contestant(Entry("ceiling_jax", {"size": 2}), longest=0.01)
    contestant.work(0.01)
    contestant.close()
    assert contestant.record.failure == "no answer within 0.01 seconds"


def test_contestant_that_dies_while_it_waits_says_how(monkeypatch):
    start = subprocess.Popen

    def starts_and_dies(command, **how):
        code = """print('{"at": 0}', flush=True); raise SystemExit('out of memory')"""
        return start([sys.executable, "-c", code], **how)

    monkeypatch.setattr(subprocess, "Popen", starts_and_dies)
    contestant = Contestant(Entry("jaxgan", {}))
    contestant.work(0.01)
    contestant.close()
    assert contestant.record.failure == "out of memory"


def test_contestant_answers_over_pipes():
    contestant = Contestant(Entry("ceiling_jax", {"size": 2}))
    contestant.work(0.01)
    contestant.close()
    assert contestant.record.failure is None
    assert contestant.record.first_seconds > 0
    assert len(contestant.record.rates) == 1
    assert contestant.record.peak_bytes > 2**20


def test_ratio_is_taken_within_rounds():
    made = records()
    found = summary.ratio(made["jaxgan"], made["flax"])
    assert found == {"median": 2.0, "low": 1.5, "high": 2.2, "rounds": 3}
    assert summary.best(made, "torch") == "torch_compile"


def test_throughput_writes_a_table_and_json(staged, tmp_path, capsys):
    config = throughput.Config(work=("mlp",), rounds=3, out=tmp_path)
    throughput.run(config)
    found = json.loads((tmp_path / "throughput.json").read_text())
    mlp = found["works"]["mlp"]
    assert set(mlp["contestants"]) == {*RATES, "torch_channels_last"} - {"ceiling_jax"}
    ours = mlp["contestants"]["jaxgan"]
    work = works.WORKS["mlp"]
    assert ours["steps_per_second"]["median"] == 210
    assert ours["images_per_second"] == 210 * 100
    np.testing.assert_allclose(ours["gflops"], 210 * flops.of_unit(work) / 1e9)
    np.testing.assert_allclose(mlp["ceiling_gflops"], 15 * 2 * 2048**3 / 1e9)
    assert ours["second_start_seconds"] == 4
    assert ours["peak_mib"] == 256
    holds = [target["holds"] for target in mlp["targets"]]
    # 2.0 of PyTorch's best: reached, not what was aimed at; the ceiling is far.
    assert holds == [True, False, True, False, True]
    said = capsys.readouterr().out
    assert "torch_channels_last failed: no compiler" in said
    assert "FAILS: mlp: the same, aim >= 2.25 (found 2)" in said


def test_throughput_without_torch_says_so(staged, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(command, "has_torch", lambda: False)
    config = throughput.Config(work=("ring",), quick=True, out=tmp_path)
    assert throughput.entrants(config, works.WORKS["ring"]) == ["jaxgan", "flax"]
    throughput.run(config)
    assert command.NO_TORCH in capsys.readouterr().out


@pytest.mark.parametrize(
    ("run", "config", "message"),
    [
        (throughput.run, throughput.Config(work=("mpl",)), "--work has no 'mpl'"),
        (throughput.run, throughput.Config(rounds=0), "--rounds must be at least 1"),
        (input.run, input.Config(batch_size=0), "--batch-size must be from 1"),
        (scaling.run, scaling.Config(axes=("depth",)), "--axes has no 'depth'"),
    ],
)
def test_bad_settings_are_refused(run, config, message):
    with pytest.raises(InputError, match=message):
        run(config)


def test_every_target_is_of_a_work():
    for named in (targets.SPEED, targets.CEILING, targets.SECOND_START):
        assert set(named) <= set(works.WORKS)


def test_works_travel_as_json():
    for work in works.WORKS.values():
        fields = json.loads(json.dumps(dataclasses.asdict(work)))
        assert works.from_json(fields) == work


def test_residual_works_are_their_experiments_small_presets():
    work, config = works.WORKS["sngan"], sngan.PRESETS["small"]
    assert (work.width, work.width // 2) == (config.g_width, config.d_width)
    assert (work.d_steps, work.learning_rate) == (config.d_steps, config.learning_rate)
    assert (work.beta1, work.beta2) == (config.beta1, config.beta2)
    assert (work.batch_size, work.latent_dim) == (config.batch_size, config.latent_dim)
    work, config = works.WORKS["r3gan"], r3gan.PRESETS["small"]
    assert work.widths == r3gan.stage_widths(config.widths)
    assert (work.group_size, 1) == (config.group_size, config.blocks)
    assert work.r1 == work.r2 == config.final_gamma / 2
    assert work.learning_rate == config.final_learning_rate
    assert (work.beta1, work.beta2) == (0.0, config.final_beta2)
    assert (work.batch_size, work.latent_dim) == (config.batch_size, config.latent_dim)


def test_generator_has_reals_of_its_own_only_where_its_loss_needs_them():
    count = {name: work.batches for name, work in works.WORKS.items()}
    assert (count["mlp"], count["wgan_gp"], count["sngan"]) == (1, 5, 2)
    assert count["r3gan"] == 2
    assert works.WORKS["r3gan"].images == 32


def test_flops_by_hand():
    mlp = works.WORKS["mlp"]
    g = 2 * (64 * 256 + 256 * 256 + 256 * 784)
    d = 2 * (784 * 256 + 256 * 256 + 256)
    first = 2 * 784 * 256, 2 * 64 * 256
    example = 4 * g + 8 * d - 2 * first[0] - first[1]
    assert flops.of_unit(mlp) == 100 * example
    generator, judge = flops.layers(works.WORKS["dcgan"])
    assert judge[0] == 2 * 4 * 4 * 3 * 64 * 16 * 16
    assert judge[1] == 2 * 4 * 4 * 64 * 128 * 8 * 8
    assert generator[:2] == [2 * 100 * 4096, 2 * 4 * 4 * 256 * 128 * 4 * 4]


def test_input_share_is_the_paths_time_over_the_steps():
    made = {name: Record(1.0, [100.0, 200.0], 1) for name in input.PATHS}
    made["jaxgan"] = Record(1.0, [1.0, 4.0], 1)
    made["torch_loader"] = Record(failure="no workers")
    found = input.summarise(works.WORKS["mlp"], made)
    np.testing.assert_allclose(found["share"]["median"], 0.015)
    table = input.rows(found["paths"])
    assert all(len(row) == len(input.HEADER) for row in table)
    assert table[-1][:2] == ["torch_loader", "failed"]


@pytest.mark.parametrize(
    ("gains", "expected"),
    [
        ([(1, 1.0), (2, 1.5), (4, 2.0)], None),
        ([(1, 1.0), (2, 0.5), (4, 0.4)], 2.0),
        ([(1, 1.0), (2, 0.9), (4, 1.5), (16, 0.5)], 8.0),
        ([(1, 1.0)], None),
    ],
    ids=["always pays", "never pays", "falls below", "nothing measured"],
)
def test_crossover(gains, expected):
    found = scaling.crossover(gains)
    assert found is None if expected is None else math.isclose(found, expected)


@pytest.mark.parametrize("axis", ["devices", "population"])
def test_scaling_writes_pictures_and_json(axis, tmp_path, monkeypatch):
    def race(entries, **how):
        rates = [[20.0 / 2**i, 30.0 / 2**i] for i in range(len(entries))]
        made = {n: Record(1.0, r, 1) for n, r in zip(entries, rates, strict=True)}
        return made | {next(reversed(made)): Record(failure="out of memory")}

    monkeypatch.setattr(scaling, "race", race)
    scaling.run(scaling.Config(axes=(axis,), out=tmp_path))
    found = json.loads((tmp_path / "scaling.json").read_text())["axes"][axis]
    for curve in found.values():
        np.testing.assert_allclose(
            curve["points"][1]["ms_per_step"]["median"], 83.3, 1e-2
        )
        assert curve["points"][-1]["failure"] == "out of memory"
    assert (tmp_path / f"scaling_{axis}.png").read_bytes().startswith(b"\x89PNG")


def test_figure_of_curves_that_failed():
    points = [{"value": 1, "failure": "ended"}]
    curve = {"points": points, "speedups": [], "crossover": None}
    scaling_plots.figure("population", {"ring": curve})
