"""Whole runs on the 8x8 digits: files, digests, judgements, and numerical ends."""

import dataclasses
import json
from pathlib import Path

import flax.linen as nn
import jax
import numpy as np
import optax
import pytest

import jaxgan
import jaxgan.data
from experiments import conditional, mlp
from jaxgan import nets
from jaxgan.checkpoint import Checkpoints, digest
from jaxgan.cli import run
from jaxgan.hooks import read_metrics
from jaxgan.loop import NonFiniteError
from tests.cli.interrupt import without_times

BEST = "two_sample"


def _restored(config, folder: Path):
    """The newest checkpoint there, read by itself."""
    data = jaxgan.data.load("digits", data_dir=config.data_dir)
    gan = mlp.make_gan(config, data)
    state = jaxgan.init(gan, jax.random.key(0), data.train.batch(np.arange(1)))
    with Checkpoints(folder) as checkpoints:
        return checkpoints.restore(state)


def test_run_leaves_what_the_design_says(finished):
    workdir, result = finished
    record = json.loads((workdir / "config.json").read_text())
    assert record["config"]["hidden"] == 8
    assert record["made_by"] == {
        "module": "experiments.mlp",
        "config_class": "Config",
        "make_game": "make_gan",
    }
    assert record["data"]["columns"]["image"] == ["uint8", [8, 8, 1]]
    assert set(record["versions"]) >= {"jax", "jaxgan", "flax"}
    rows = read_metrics(workdir)
    assert [row["step"] for row in rows] == [10, 20, 30, 40, 50]
    assert rows[-1]["images"] == 50 * 16
    assert set(rows[0]) >= {"images_per_second", "d_loss", "g_loss", "d_grad_norm"}
    pictures = sorted(p.name for p in (workdir / "samples").iterdir())
    assert pictures == ["00000000.png", "00000025.png", "00000050.png"]
    last = (workdir / "samples" / "00000050.png").read_bytes()
    assert (workdir / "samples.png").read_bytes() == last
    assert list((workdir / "tensorboard").glob("events.*"))
    assert json.loads((workdir / "result.json").read_text()) == result
    assert len(result["digest"]) == 64


def test_the_report_is_one_file_that_needs_no_network(finished):
    workdir, result = finished
    page = (workdir / "report.html").read_text()
    assert result["digest"] in page
    assert "<svg" in page
    assert page.count("data:image/png;base64,") == 4  # three over time, and the last
    assert 'src="http' not in page
    assert "<script" not in page


@pytest.mark.digest
def test_the_last_checkpoints_are_kept_and_the_digest_is_of_the_last(finished, config):
    workdir, result = finished
    restored, _ = _restored(config, workdir / "checkpoints")
    assert int(restored.step) == 50
    assert digest(restored) == result["digest"]
    kept = {p.name for p in (workdir / "checkpoints").iterdir()}
    assert {"20", "40", "50"} <= kept


@pytest.mark.digest
def test_the_same_seed_gives_the_same_digest_and_another_does_not(
    finished, config, tmp_path
):
    _, result = finished
    again = run(dataclasses.replace(config, workdir=tmp_path / "a"), mlp.make_gan)
    assert again["digest"] == result["digest"]
    other = dataclasses.replace(config, seed=1, workdir=tmp_path / "b")
    assert run(other, mlp.make_gan)["digest"] != result["digest"]


@pytest.mark.digest
def test_a_streamed_set_gives_the_same_digest(finished, config, tmp_path):
    streamed = dataclasses.replace(config, device_cache_mib=0, workdir=tmp_path / "s")
    result = run(streamed, mlp.make_gan)
    assert result["digest"] == finished[1]["digest"]


@pytest.mark.digest
def test_judging_on_the_way_keeps_the_best_and_changes_nothing_else(
    config, finished, tmp_path
):
    """Every 15 steps, and lines of metrics every 10: a judgement has its own line."""
    config = dataclasses.replace(config, evaluate_every=15, workdir=tmp_path / "run")
    result = run(config, mlp.make_gan)
    assert result is not None
    rows = read_metrics(config.workdir)
    judged = [row for row in rows if BEST in row]
    assert [row["step"] for row in judged] == [15, 30, 45, 50]
    assert [row["step"] for row in judged if "d_loss" not in row] == [15, 45]
    trained = [row for row in rows if "d_loss" in row]
    common = without_times(read_metrics(finished[0]))
    drop = lambda rows: [
        {k: v for k, v in row.items() if k in common[0]} for row in rows
    ]
    assert drop(without_times(trained)) == drop(common)
    lowest = min(judged, key=lambda row: row[BEST])
    assert result["best"] == {name: lowest[name] for name in ("step", BEST)}
    assert judged[-1][BEST] == result["evaluation"][BEST]["value"]
    best = _restored(config, config.workdir / "best")
    assert int(best.state.step) == best.notes["step"] == result["best"]["step"]
    assert result["digest"] == finished[1]["digest"]


def test_a_finished_run_is_not_run_again(finished, config, capsys):
    workdir, result = finished
    kept = [*(workdir / "checkpoints").rglob("*"), workdir / "metrics.jsonl"]
    before = {path: path.stat().st_mtime_ns for path in kept}
    config = dataclasses.replace(config, workdir=workdir)
    assert run(config, mlp.make_gan) == result
    # Nor where it has gone further than is asked for.
    assert run(dataclasses.replace(config, steps=30), mlp.make_gan) == result
    assert {path: path.stat().st_mtime_ns for path in kept} == before
    assert capsys.readouterr().out.count("finished, after 50 steps") == 2


def test_the_digest_is_printed_last(finished, config, capsys):
    run(dataclasses.replace(config, workdir=finished[0]), mlp.make_gan)
    out = capsys.readouterr().out.splitlines()
    assert out[-1].split() == ["digest:", finished[1]["digest"]]
    assert "samples.png" in out[-3]


def test_a_dry_run_writes_nothing(config, tmp_path, capsys):
    config = dataclasses.replace(config, workdir=tmp_path / "run", dry_run=True)
    assert run(config, mlp.make_gan) is None
    assert not (tmp_path / "run").exists()
    words = [line.split() for line in capsys.readouterr().out.splitlines()]
    # Dense layers 4 -> 8 -> 8 -> 64 and 64 -> 8 -> 8 -> 1, by hand.
    generator, discriminator = 4 * 8 + 8 + 8 * 8 + 8 + 8 * 64 + 64, 601
    assert discriminator == 64 * 8 + 8 + 8 * 8 + 8 + 8 + 1
    assert ["generator:", f"{generator:,}", "parameters"] in words
    assert ["discriminator:", f"{discriminator:,}", "parameters"] in words
    cost = next(line for line in words if "FLOPs," in line)
    flops, mib = (float(cost[cost.index(unit) - 1]) for unit in ("FLOPs,", "MiB"))
    # At least the products of each weight in G's update: forwards and twice backwards.
    assert flops > 2 * 3 * 16 * generator
    assert 0 < mib < 10


def test_a_metric_that_is_not_finite_stops_the_run(config, tmp_path):
    """A learning rate that explodes after the checkpoint of step 20."""
    config = dataclasses.replace(config, d_steps=1, workdir=tmp_path / "run")

    def make_gan(config, data):
        rate = lambda count: jax.numpy.where(count < 27, 1e-3, 1e30)
        return dataclasses.replace(
            mlp.make_gan(config, data), d_optimizer=optax.sgd(rate)
        )

    with pytest.raises(NonFiniteError, match=r"\w+ became (nan|-?inf) at step 28") as e:
        run(config, make_gan)
    assert "of step 20, is kept" in " ".join(e.value.__notes__)
    assert not (tmp_path / "run" / "result.json").exists()
    with Checkpoints(tmp_path / "run" / "checkpoints") as checkpoints:
        assert checkpoints.latest == 20


def test_an_update_that_no_metric_has_seen_is_not_saved(config, tmp_path):
    """The very last update overflows; its metrics were still finite."""
    config = dataclasses.replace(config, d_steps=1, steps=30, workdir=tmp_path / "run")

    def make_gan(config, data):
        rate = lambda count: jax.numpy.where(count < 29, 1e-3, np.inf)
        return dataclasses.replace(
            mlp.make_gan(config, data), g_optimizer=optax.sgd(rate)
        )

    with pytest.raises(NonFiniteError, match=r"step 30 .*generator") as error:
        run(config, make_gan)
    assert "of step 20, is kept" in " ".join(error.value.__notes__)


def test_conditional_run_reports_the_share_asked_for(data_dir, tmp_path):
    config = conditional.Config(
        steps=2, batch_size=16, hidden=8, data_dir=data_dir, workdir=tmp_path / "run"
    )
    result = run(config, conditional.make_gan)
    assert 0 <= result["evaluation"]["class_asked_for"]["value"] <= 1
    smallest = result["evaluation"]["smallest_class"]
    shares = smallest["details"]["shares"]
    np.testing.assert_allclose(sum(shares.values()), 1)
    assert smallest["value"] == min(shares.values())


class Constant(nn.Module):
    """A generator that makes one image, whatever the latent."""

    @nn.compact
    def __call__(self, z, condition=None, *, train):
        return nets.mlp.Generator((8, 8, 1), width=4)(0 * z, train=train)


def test_a_collapsed_run_is_warned_of(config, tmp_path, capsys):
    config = dataclasses.replace(config, workdir=tmp_path / "run")

    def make_gan(config, data):
        return dataclasses.replace(mlp.make_gan(config, data), generator=Constant())

    result = run(config, make_gan)
    assert set(result["warnings"]) >= {"Collapse", "Duplicates"}
    assert not any(found["recovered"] for found in result["warnings"].values())
    assert all(row["distance_ratio"] < 0.05 for row in read_metrics(config.workdir))
    assert "Duplicates: 100%" in (config.workdir / "report.html").read_text()
    shown = capsys.readouterr()
    assert "Collapse" in shown.out
    assert "Collapse" in shown.err
