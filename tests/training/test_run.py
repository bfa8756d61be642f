"""Whole runs on the 8x8 digits: files, digests, resuming, and what is refused."""

import dataclasses
import json
import shutil
import sys

import jax
import numpy as np
import optax
import pytest
from PIL import Image

import jaxgan
from experiments import conditional, dcgan, mlp
from jaxgan import nets
from jaxgan.checkpoint import Checkpoints
from jaxgan.data import DataSet, ImageSet
from jaxgan.training import NonFiniteError, evaluation, loop, run
from jaxgan.training.workdir import MetricsLog, read_metrics


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def config(data_dir):
    """Small, with events that do not fall together."""
    return mlp.Config(
        steps=50,
        batch_size=16,
        d_steps=2,
        hidden=8,
        latent_dim=4,
        log_every=10,
        sample_every=25,
        checkpoint_every=20,
        data_dir=data_dir,
    )


@pytest.fixture(scope="module")
def finished(config, tmp_path_factory):
    """One uninterrupted run: (its workdir, its result)."""
    workdir = tmp_path_factory.mktemp("runs") / "whole"
    result = run(dataclasses.replace(config, workdir=workdir), mlp.make_gan)
    return workdir, result


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


def test_the_last_checkpoints_are_kept_and_the_digest_is_of_the_last(finished, config):
    workdir, result = finished
    data = jaxgan.data.load("digits", data_dir=config.data_dir)
    gan = mlp.make_gan(config, data)
    state = jaxgan.init(gan, jax.random.key(0), data.train.batch(np.arange(1)))
    with Checkpoints(workdir / "checkpoints") as checkpoints:
        restored = checkpoints.restore(state)
    assert int(restored.step) == 50
    assert jaxgan.checkpoint.digest(restored) == result["digest"]
    kept = {p.name for p in (workdir / "checkpoints").iterdir()}
    assert {"20", "40", "50"} <= kept


def test_the_same_seed_gives_the_same_digest_and_another_does_not(
    finished, config, tmp_path
):
    _, result = finished
    again = run(dataclasses.replace(config, workdir=tmp_path / "a"), mlp.make_gan)
    assert again["digest"] == result["digest"]
    other = dataclasses.replace(config, seed=1, workdir=tmp_path / "b")
    assert run(other, mlp.make_gan)["digest"] != result["digest"]


def test_a_streamed_set_gives_the_same_digest(finished, config, tmp_path):
    streamed = dataclasses.replace(config, device_cache_mib=0, workdir=tmp_path / "s")
    result = run(streamed, mlp.make_gan)
    assert result["digest"] == finished[1]["digest"]


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


def test_another_config_is_refused_and_what_differs_is_named(finished, config):
    before = {p: p.stat().st_mtime_ns for p in finished[0].rglob("*")}
    other = dataclasses.replace(config, workdir=finished[0], seed=3, hidden=16)
    with pytest.raises(jaxgan.InputError) as error:
        run(other, mlp.make_gan)
    assert "hidden: 8 there, 16 here; seed: 0 there, 3 here" in str(error.value)
    assert before == {p: p.stat().st_mtime_ns for p in finished[0].rglob("*")}


def test_another_experiment_is_refused(finished, data_dir):
    config = conditional.Config(batch_size=16, data_dir=data_dir, workdir=finished[0])
    with pytest.raises(jaxgan.InputError, match="experiment: 'mlp' there"):
        run(config, conditional.make_gan)


def test_a_folder_that_holds_something_else_is_refused(config, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(jaxgan.InputError, match=r"thesis\.tex, but no config\.json"):
        run(dataclasses.replace(config, workdir=tmp_path), mlp.make_gan)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_workdir_that_cannot_be_made_is_refused(config, tmp_path):
    (tmp_path / "file").write_text("")
    config = dataclasses.replace(config, workdir=tmp_path / "file" / "run")
    with pytest.raises(jaxgan.InputError, match=r"cannot be written.*--workdir"):
        run(config, mlp.make_gan)


def test_a_workdir_in_use_is_refused(finished, config, tmp_path):
    shutil.copytree(finished[0], tmp_path / "run")
    record = json.loads((finished[0] / "config.json").read_text())
    fingerprint = record["data_fingerprint"]
    config = dataclasses.replace(config, workdir=tmp_path / "run")
    with (
        jaxgan.training.workdir.claim(
            config.with_defaults(), tmp_path / "run", fingerprint
        ),
        pytest.raises(jaxgan.InputError, match="Another process"),
    ):
        run(config, mlp.make_gan)


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


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "--steps must be at least 1, got 0"),
        ({"batch_size": -3}, "--batch-size must be at least 1, got -3"),
        ({"log_every": 0}, "--log-every must be at least 1"),
        ({"seed": -1}, "--seed must be at least 0"),
        ({"seed": 2**32}, r"--seed .* below 2\*\*32"),
        ({"hidden": 0}, "--hidden must be at least 1, got 0"),
        ({"learning_rate": -1.0}, "--learning-rate must be at least 0"),
        ({"checkpoint_every": 15}, "multiple of --log-every"),
        ({"batch_size": 8000}, "larger than the data set: digits has 1415"),
        ({"batch_size": 12}, "12 cannot be shared equally by 8 devices.*8 or 16"),
        ({"dataset": "mnits"}, "Did you mean mnist"),
        ({"resolution": 0}, "--resolution must be at least 1"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_bad_values_are_refused(config, tmp_path, changes, message):
    config = dataclasses.replace(config, workdir=tmp_path / "run", **changes)
    with pytest.raises(jaxgan.InputError, match=message):
        run(config, mlp.make_gan)
    assert not (tmp_path / "run").exists()


def test_a_resolution_the_network_cannot_make_is_refused(config, tmp_path):
    config = dcgan.Config(
        dataset="digits",
        resolution=30,
        data_dir=config.data_dir,
        workdir=tmp_path / "r",
    )
    with pytest.raises(jaxgan.InputError, match=r"not 30.*--resolution"):
        run(config, dcgan.make_gan)


def test_a_conditional_game_without_labels_is_refused(data_dir, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for shade in range(20):
        Image.new("L", (8, 8), shade).save(folder / f"{shade}.png")
    config = conditional.Config(
        batch_size=8,
        dataset=f"folder:{folder}",
        data_dir=data_dir,
        workdir=tmp_path / "run",
    )
    with pytest.raises(jaxgan.InputError, match=r"needs labels.*has none"):
        run(config, conditional.make_gan)


def test_other_images_in_the_same_folder_are_refused(data_dir, tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for shade in range(20):
        Image.new("L", (8, 8), shade).save(folder / f"{shade}.png")
    config = mlp.Config(
        steps=2,
        batch_size=8,
        hidden=8,
        log_every=1,
        dataset=f"folder:{folder}",
        data_dir=data_dir,
        workdir=tmp_path / "run",
    )
    run(config, mlp.make_gan)
    Image.new("L", (8, 8), 255).save(folder / "another.png")
    with pytest.raises(jaxgan.InputError, match="data_fingerprint"):
        run(config, mlp.make_gan)


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


def test_batch_norm_and_a_penalty_from_the_command_line_are_refused(config, tmp_path):
    config = dcgan.Config(
        dataset="digits",
        resolution=16,
        batch_norm=True,
        r1=0.1,
        data_dir=config.data_dir,
        workdir=tmp_path / "run",
    )
    with pytest.raises(jaxgan.InputError, match="batch-normalised"):
        run(config, dcgan.make_gan)


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


def test_a_penalty_on_a_batch_normalised_discriminator_is_refused(config, tmp_path):
    def make_gan(config, data):
        return dataclasses.replace(
            mlp.make_gan(config, data),
            discriminator=nets.dcgan.Discriminator(width=4),
            penalties=((1.0, jaxgan.penalties.r1),),
        )

    config = dataclasses.replace(config, resolution=16, workdir=tmp_path / "run")
    with pytest.raises(jaxgan.InputError, match="batch-normalised"):
        run(config, make_gan)


def test_chunk_lengths_meet_every_event_and_the_end(config):
    lengths = loop.chunk_lengths(config, 0, 10)
    assert np.cumsum(lengths).tolist() == [10, 20, 25, 30, 40, 50]
    assert np.cumsum(loop.chunk_lengths(config, 20, 4)).tolist() == [
        4, 5, 9, 10, 14, 18, 20, 24, 28, 30
    ]  # fmt: skip
