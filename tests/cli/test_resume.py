"""The same command again: a run continues, with more steps or another cadence too."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from PIL import Image

import jaxgan
from experiments import mlp
from jaxgan.cli import run
from jaxgan.hooks import read_metrics
from tests.cli.interrupt import interrupted, without_times


@pytest.fixture(scope="module")
def longer(config, tmp_path_factory):
    """The uninterrupted run, but of 80 steps: (its workdir, its result)."""
    workdir = tmp_path_factory.mktemp("runs") / "longer"
    config = dataclasses.replace(config, steps=80, workdir=workdir)
    return workdir, run(config, mlp.make_gan)


@pytest.fixture
def stopped(config, tmp_path):
    """The config of a run that ended in line 40, its last checkpoint being of 20."""
    config = dataclasses.replace(config, workdir=tmp_path / "run")
    interrupted(run, config, mlp.make_gan, at=40)
    assert not (config.workdir / "result.json").exists()
    assert read_metrics(config.workdir)[-1]["step"] == 40
    return config


@pytest.mark.digest
def test_a_stopped_run_resumes_to_the_same_digest(finished, stopped, capsys):
    result = run(stopped, mlp.make_gan)
    assert "step 20." in capsys.readouterr().out
    assert result["digest"] == finished[1]["digest"]
    assert without_times(read_metrics(stopped.workdir)) == without_times(
        read_metrics(finished[0])
    )


@pytest.mark.digest
def test_a_finished_run_goes_on_to_more_steps(finished, longer, config, tmp_path):
    shutil.copytree(finished[0], tmp_path / "run")
    config = dataclasses.replace(config, steps=80, workdir=tmp_path / "run")
    result = run(config, mlp.make_gan)
    assert (result["steps"], result["images"]) == (80, 80 * 16)
    assert result["digest"] == longer[1]["digest"]
    rows, whole = map(read_metrics, (config.workdir, longer[0]))
    assert [row["step"] for row in rows] == [10, 20, 30, 40, 50, 60, 70, 80]
    # The run of 50 steps was judged at its end, in line 50.
    common = [{k: row[k] for k in row if k in rows[0]} for row in rows]
    expected = [{k: row[k] for k in row if k in rows[0]} for row in whole]
    assert without_times(common) == without_times(expected)
    record = json.loads((config.workdir / "config.json").read_text())
    assert record["config"]["steps"] == 80


@pytest.mark.digest
def test_a_stopped_run_goes_on_to_more_steps(longer, stopped):
    result = run(dataclasses.replace(stopped, steps=80), mlp.make_gan)
    assert result["digest"] == longer[1]["digest"]


@pytest.mark.digest
def test_cadences_and_the_cache_may_change(finished, stopped):
    changes = {
        "log_every": 7,
        "sample_every": 9,
        "checkpoint_every": 11,
        "evaluate_every": 13,
        "device_cache_mib": 0,
    }
    config = dataclasses.replace(stopped, **changes)
    result = run(config, mlp.make_gan)
    assert result["digest"] == finished[1]["digest"]
    steps = [row["step"] for row in read_metrics(config.workdir)]
    assert steps == [10, 20, 21, 26, 28, 35, 39, 42, 49, 50]
    record = json.loads((config.workdir / "config.json").read_text())
    assert record["config"].items() >= changes.items()


def test_microbatches_may_change(finished, stopped):
    """Their sums are taken in another order: the game is the same up to rounding."""
    result = run(dataclasses.replace(stopped, microbatches=2), mlp.make_gan)
    assert result["steps"] == 50
    ours, whole = map(read_metrics, (stopped.workdir, finished[0]))
    assert [row["step"] for row in ours] == [row["step"] for row in whole]
    for row, expected in zip(ours, whole, strict=True):
        for name in ("d_loss", "g_loss", "d_grad_norm", "distance_ratio"):
            np.testing.assert_allclose(row[name], expected[name], rtol=1e-3)


@pytest.mark.digest
def test_fewer_steps_than_are_done_are_refused(finished, stopped):
    with pytest.raises(jaxgan.InputError, match=r"step 20 .*10"):
        run(dataclasses.replace(stopped, steps=10), mlp.make_gan)
    assert run(stopped, mlp.make_gan)["digest"] == finished[1]["digest"]


@pytest.mark.parametrize(
    "changes",
    [{"learning_rate": 0.5}, {"batch_size": 8}, {"hidden": 16}, {"d_steps": 1}],
    ids=lambda changes: next(iter(changes)),
)
def test_what_makes_the_run_another_is_refused(finished, config, changes):
    (name,) = changes
    other = dataclasses.replace(config, workdir=finished[0], steps=80, **changes)
    with pytest.raises(jaxgan.InputError, match=f"{name}: .* there, .* here"):
        run(other, mlp.make_gan)


@pytest.mark.digest
@pytest.mark.parametrize("take", [shutil.move, shutil.copytree])
def test_images_that_were_moved_or_copied_continue_the_run(data_dir, tmp_path, take):
    folder = tmp_path / "images"
    folder.mkdir()
    random = np.random.default_rng(0)
    for i in range(20):
        pixels = random.integers(0, 256, (8, 8), np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")

    def played(workdir, steps, images=folder):
        config = mlp.Config(
            steps=steps,
            batch_size=8,
            hidden=8,
            log_every=1,
            dataset=f"folder:{images}",
            data_dir=data_dir,
            workdir=tmp_path / workdir,
        )
        return run(config, mlp.make_gan)

    whole = played("whole", 4)
    played("parts", 2)
    take(folder, tmp_path / "elsewhere")
    shutil.rmtree(folder, ignore_errors=True)
    parts = played("parts", 4, tmp_path / "elsewhere")
    assert parts["digest"] == whole["digest"]


@pytest.mark.digest
def test_a_run_older_than_a_setting_goes_on_with_its_default(
    finished, longer, config, tmp_path
):
    shutil.copytree(finished[0], tmp_path / "run")
    path = tmp_path / "run" / "config.json"
    record = json.loads(path.read_text())
    del record["config"]["beta1"]
    path.write_text(json.dumps(record))
    config = dataclasses.replace(config, workdir=tmp_path / "run", steps=80)
    with pytest.raises(jaxgan.InputError, match="beta1"):
        run(dataclasses.replace(config, beta1=0.9), mlp.make_gan)
    assert run(config, mlp.make_gan)["digest"] == longer[1]["digest"]
