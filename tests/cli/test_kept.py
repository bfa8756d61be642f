"""Checkpoints that are gone: refused, and nothing wiped; and runs that had none yet."""

import dataclasses
import json
import shutil

import pytest

import jaxgan
from experiments import mlp
from jaxgan.cli import kept, run
from jaxgan.hooks import TensorBoard
from tests.cli.interrupt import interrupted

FILES = ("metrics.jsonl", "config.json", "samples.png", "samples", "tensorboard")


def _content(folder):
    files = [
        path for name in FILES for path in (folder / name, *folder.glob(f"{name}/*"))
    ]
    return {path: path.read_bytes() for path in files if path.is_file()}


def _empty(folder):
    shutil.rmtree(folder)
    folder.mkdir()


@pytest.mark.parametrize("take", [shutil.rmtree, _empty], ids=["folder", "content"])
@pytest.mark.parametrize("steps", [50, 80], ids=["no result", "more steps"])
def test_lost_checkpoints_are_refused_and_nothing_is_wiped(
    finished, config, tmp_path, take, steps
):
    folder = shutil.copytree(finished[0], tmp_path / "run")
    take(folder / "checkpoints")
    if steps == 50:
        (folder / "result.json").unlink()
    before = _content(folder)
    config = dataclasses.replace(config, steps=steps, workdir=folder)
    for _ in range(2):  # a refusal leaves nothing that changes the next
        with pytest.raises(jaxgan.InputError, match=r"checkpoints.*--workdir.*--from"):
            run(config, mlp.make_gan)
        assert _content(folder) == before


def test_interrupted_run_that_lost_its_checkpoints_is_refused(config, tmp_path):
    config = dataclasses.replace(config, workdir=tmp_path / "run")
    interrupted(run, config, mlp.make_gan, at=40)
    _empty(tmp_path / "run" / "checkpoints")
    before = _content(tmp_path / "run")
    # Neither is this the first checkpoint to come, by the new cadence.
    config = dataclasses.replace(config, checkpoint_every=1_000)
    with pytest.raises(jaxgan.InputError, match="checkpoints"):
        run(config, mlp.make_gan)
    assert _content(tmp_path / "run") == before


@pytest.mark.digest
def test_run_that_ended_before_its_first_checkpoint_begins_anew(
    finished, config, tmp_path
):
    config = dataclasses.replace(config, workdir=tmp_path / "run")
    interrupted(run, config, mlp.make_gan, at=10)
    assert not kept.has_any(tmp_path / "run")
    assert run(config, mlp.make_gan)["digest"] == finished[1]["digest"]


@pytest.mark.digest
def test_run_whose_log_was_removed_too_begins_anew(finished, config, tmp_path):
    folder = shutil.copytree(finished[0], tmp_path / "run")
    shutil.rmtree(folder / "checkpoints")
    for name in ("result.json", "metrics.jsonl"):
        (folder / name).unlink()
    config = dataclasses.replace(config, workdir=folder)
    interrupted(run, config, mlp.make_gan, at=10)
    # What told of the first run's checkpoints is not taken for the second's.
    assert run(config, mlp.make_gan)["digest"] == finished[1]["digest"]


def test_the_mark_is_gone_before_there_is_a_log(config, tmp_path, monkeypatch):
    """So that a new run, killed while it starts, is not taken for the old one."""

    def killed(*_):
        raise KeyboardInterrupt

    folder = tmp_path / "run"
    config = dataclasses.replace(config, workdir=folder)
    interrupted(run, config, mlp.make_gan, at=40)
    assert (folder / ".checkpointed").exists()
    shutil.rmtree(folder / "checkpoints")
    (folder / "metrics.jsonl").unlink()
    monkeypatch.setattr(TensorBoard, "begin", killed)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run(config, mlp.make_gan)
    assert (folder / "metrics.jsonl").read_text() == ""


def test_empty_log_beside_the_mark_tells_of_checkpoints(tmp_path):
    (tmp_path / "metrics.jsonl").touch()
    (tmp_path / "checkpoints").mkdir()
    record = {"config": {"checkpoint_every": 20}}
    kept.check(tmp_path, record, steps=100)
    (tmp_path / ".checkpointed").touch()
    with pytest.raises(jaxgan.InputError, match=r"\.checkpointed"):
        kept.check(tmp_path, record, steps=100)


def test_finished_run_needs_no_checkpoints(finished, config, tmp_path):
    folder = shutil.copytree(finished[0], tmp_path / "run")
    shutil.rmtree(folder / "checkpoints")
    config = dataclasses.replace(config, workdir=folder)
    assert run(config, mlp.make_gan) == finished[1]


@pytest.mark.parametrize(
    ("last", "lost"), [(30, False), (50, False), (60, True)], ids=str
)
def test_log_of_an_older_version_tells_of_checkpoints(tmp_path, last, lost):
    """Lines of steps 10, 20, ...: of two that were due every 20, one was on disk."""
    rows = [json.dumps({"step": step}) + "\n" for step in range(10, last + 1, 10)]
    (tmp_path / "metrics.jsonl").write_text("".join(rows))
    (tmp_path / "checkpoints").mkdir()
    record = {"config": {"checkpoint_every": 20}}
    if not lost:
        kept.check(tmp_path, record, steps=100)
        return
    with pytest.raises(jaxgan.InputError, match=r"metrics\.jsonl"):
        kept.check(tmp_path, record, steps=100)
