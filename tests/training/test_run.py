"""Whole runs on the 8x8 digits: files, digests, resuming, and what is refused."""

import dataclasses
import json
import sys

import jax
import numpy as np
import optax
import pytest

import jaxgan
from experiments import conditional, mlp
from jaxgan.checkpoint import Checkpoints
from jaxgan.data import DataSet, ImageSet
from jaxgan.training import NonFiniteError, evaluation, loop, run
from jaxgan.training.workdir import MetricsLog, read_metrics


def test_run_leaves_what_the_design_says(finished):
    workdir, result = finished
    record = json.loads((workdir / "config.json").read_text())
    assert record["config"]["hidden"] == 8
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
    data = jaxgan.data.load("digits", data_dir=config.data_dir)
    gan = mlp.make_gan(config, data)
    state = jaxgan.init(gan, jax.random.key(0), data.train.batch(np.arange(1)))
    with Checkpoints(workdir / "checkpoints") as checkpoints:
        restored, _ = checkpoints.restore(state)
    assert int(restored.step) == 50
    assert jaxgan.checkpoint.digest(restored) == result["digest"]
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
def test_a_stopped_run_resumes_to_the_same_digest(
    finished, config, tmp_path, monkeypatch, capsys
):
    """Stopped after step 40's metrics were written, with step 20 as last checkpoint."""
    config = dataclasses.replace(config, workdir=tmp_path / "run")
    write = MetricsLog.write

    def stop(self, row):
        write(self, row)
        if row["step"] == 40:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(MetricsLog, "write", stop)
        with pytest.raises(KeyboardInterrupt):
            run(config, mlp.make_gan)
    assert not (tmp_path / "run" / "result.json").exists()
    assert read_metrics(tmp_path / "run")[-1]["step"] == 40
    result = run(config, mlp.make_gan)
    assert "Continuing from the checkpoint of step 20." in capsys.readouterr().out
    assert result["digest"] == finished[1]["digest"]
    steps = [row["step"] for row in read_metrics(tmp_path / "run")]
    assert steps == [10, 20, 30, 40, 50]
    times = {"images_per_second": 0, "seconds": 0}
    for row, whole in zip(
        read_metrics(tmp_path / "run"), read_metrics(finished[0]), strict=True
    ):
        assert {**row, **times} == {**whole, **times}


def test_a_finished_run_is_not_run_again(finished, config, capsys, monkeypatch):
    workdir, result = finished
    monkeypatch.setattr(sys.modules["jaxgan.training.main"], "train", None)
    again = run(dataclasses.replace(config, workdir=workdir), mlp.make_gan)
    assert again == result
    assert "finished; nothing was done again" in capsys.readouterr().out


def test_the_digest_is_printed_last(finished, config, capsys):
    run(dataclasses.replace(config, workdir=finished[0]), mlp.make_gan)
    out = capsys.readouterr().out.splitlines()
    assert out[-1].split() == ["digest:", finished[1]["digest"]]
    assert "samples.png" in out[-3]


def test_a_dry_run_writes_nothing(config, tmp_path, capsys):
    config = dataclasses.replace(config, workdir=tmp_path / "run", dry_run=True)
    assert run(config, mlp.make_gan) is None
    assert not (tmp_path / "run").exists()
    out = capsys.readouterr().out
    # Dense layers 4 -> 8 -> 8 -> 64 and 64 -> 8 -> 8 -> 1, by hand.
    assert f"generator:      {4 * 8 + 8 + 8 * 8 + 8 + 8 * 64 + 64:,} parameters" in out
    assert f"discriminator:  {64 * 8 + 8 + 8 * 8 + 8 + 8 + 1:,} parameters" in out
    assert "FLOPs" in out


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
    assert "checkpoint, of step 20, is kept" in str(e.value)
    assert not (tmp_path / "run" / "result.json").exists()
    with Checkpoints(tmp_path / "run" / "checkpoints") as checkpoints:
        assert checkpoints.latest == 20


def test_conditional_run_reports_the_share_asked_for(data_dir, tmp_path):
    config = conditional.Config(
        steps=2, batch_size=16, hidden=8, data_dir=data_dir, workdir=tmp_path / "run"
    )
    result = run(config, conditional.make_gan)
    share = result["evaluation"]["condition"]["share_of_class_asked_for"]
    assert 0 <= share <= 1
    shares = result["evaluation"]["classes"]["shares"]
    np.testing.assert_allclose(sum(shares.values()), 1)


def test_an_update_that_no_metric_has_seen_is_not_saved(config, tmp_path):
    """The very last update overflows; its metrics were still finite."""
    config = dataclasses.replace(config, d_steps=1, steps=30, workdir=tmp_path / "run")

    def make_gan(config, data):
        rate = lambda count: jax.numpy.where(count < 29, 1e-3, np.inf)
        return dataclasses.replace(
            mlp.make_gan(config, data), g_optimizer=optax.sgd(rate)
        )

    with pytest.raises(NonFiniteError, match=r"After step 30 .*generator.*step 20"):
        run(config, make_gan)


def test_the_evaluation_does_not_depend_on_the_order_of_a_set():
    """A perfect sampler of a set sorted by class."""
    random = np.random.default_rng(0)

    def images(n):
        labels = np.repeat(np.arange(2, dtype=np.int32), n // 2)
        pixels = (
            random.integers(0, 100, (n, 2, 2, 1)) + 150 * labels[:, None, None, None]
        )
        return ImageSet(pixels.astype(np.uint8), labels, ("a", "b"))

    data = DataSet("sorted", images(24_000), images(2_400))
    fake = images(4_000).images[random.permutation(4_000)]
    judged = evaluation._two_sample(fake, data)
    np.testing.assert_allclose(judged["accuracy"], 0.5, atol=0.05)
    np.testing.assert_allclose(judged["reference_train_against_test"], 0.5, atol=0.05)
    predicted, accuracy = evaluation._classify(fake[:1_000], data)
    np.testing.assert_allclose(predicted.mean(), 0.5, atol=0.08)
    assert accuracy > 0.99


@pytest.mark.parametrize(
    ("pace", "stops"),
    [
        (10, [10, 20, 25, 30, 40, 50]),
        (4, [4, 8, 10, 14, 18, 20, 24, 25, 29, 30, 34, 38, 40, 44, 48, 50]),
    ],
)
def test_chunks_end_where_something_is_due(config, pace, stops):
    step, found = 0, []
    while step < config.steps:
        step += min(loop.until_event(config, step), pace)
        found.append(step)
    assert found == stops
