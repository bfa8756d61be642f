"""`jaxgan.load_run`: a run read back from its folder, wherever that lies."""

import dataclasses
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image

import jaxgan
from experiments import conditional, mlp
from jaxgan import hooks
from jaxgan.checkpoint import digest
from jaxgan.cli import run, workdir
from jaxgan.cli.config import PLACED, identity, resolve
from jaxgan.cli.load import restore_from


def test_finished_run_comes_back_whole(finished, config, tmp_path):
    workdir, result = finished
    moved = shutil.copytree(workdir, tmp_path / "elsewhere")
    loaded = jaxgan.load_run(moved)
    assert digest(loaded.state) == result["digest"]
    assert (loaded.step, loaded.result, loaded.config.hidden) == (50, result, 8)
    assert loaded.metrics == hooks.read_metrics(workdir)
    images = loaded.sample(5)
    assert images.shape == (5, 8, 8, 1)
    key = jax.random.key(0)
    expected = jaxgan.sample(loaded.game, loaded.state, key, 5)
    np.testing.assert_array_equal(images, expected)


def test_run_named_by_a_relative_path(finished, monkeypatch):
    workdir, result = finished
    monkeypatch.chdir(workdir.parent)
    loaded = jaxgan.load_run(workdir.name)
    assert digest(loaded.state) == result["digest"]
    state = restore_from(f"{workdir.name}:20", like=loaded.state)
    assert state.rounds == 20


def test_earlier_step_and_what_is_not_there(finished):
    assert jaxgan.load_run(finished[0], step=20).step == 20
    with pytest.raises(jaxgan.InputError, match="20, 40, 50"):
        jaxgan.load_run(finished[0], step=30)
    with pytest.raises(jaxgan.InputError, match="none"):
        jaxgan.load_run(finished[0], best=True)


def test_best_checkpoint(config, tmp_path):
    config = dataclasses.replace(config, evaluate_every=20, workdir=tmp_path / "run")
    result = run(config, mlp.make_gan)
    assert result is not None
    loaded = jaxgan.load_run(tmp_path / "run", best=True)
    assert loaded.step == result["best"]["step"]


def test_conditional_run_samples_each_class_in_turn(data_dir, tmp_path):
    config = conditional.Config(
        steps=2, batch_size=16, hidden=8, data_dir=data_dir, workdir=tmp_path / "run"
    )
    run(config, conditional.make_gan)
    loaded = jaxgan.load_run(tmp_path / "run")
    labels = np.arange(12, dtype=np.int32) % 10
    np.testing.assert_array_equal(
        loaded.sample(12), loaded.sample(12, condition=labels)
    )


def _wait_for(file):
    """Until a checkpoint, which another thread writes, is whole."""
    for _ in range(600):
        if file.exists():
            return
        time.sleep(0.1)


def test_run_that_is_still_going_is_read_and_left_alone(config, tmp_path):
    """Read after its first checkpoint, while the run holds its lock."""
    seen = []

    class Read(hooks.Hook):
        every = 30

        def act(self, run):
            _wait_for(tmp_path / "run" / "checkpoints" / "20" / "record")
            before = set(tmp_path.rglob("*"))
            seen.append(jaxgan.load_run(tmp_path / "run").step)
            assert before <= set(tmp_path.rglob("*"))

    config = dataclasses.replace(config, workdir=tmp_path / "run")
    given = sys.modules[run.__module__]
    with pytest.MonkeyPatch.context() as patch:
        usual = given._hooks
        patch.setattr(given, "_hooks", lambda *how: (Read(), *usual(*how)))
        run(config, mlp.make_gan)
    assert seen[0] == 20


def test_damaged_checkpoint_is_passed_over_and_stays(finished, tmp_path):
    moved = shutil.copytree(finished[0], tmp_path / "run")
    newest = moved / "checkpoints" / "50"
    (file,) = (newest / "record").glob("metadata")
    file.write_bytes(file.read_bytes()[:-9])
    assert jaxgan.load_run(moved).step == 40
    assert newest.exists()
    with pytest.raises(jaxgan.InputError, match="50"):
        jaxgan.load_run(moved, step=50)


def _changed(finished, folder, **made_by):
    moved = shutil.copytree(finished[0], folder)
    record = json.loads((moved / "config.json").read_text())
    record["made_by"] |= made_by
    (moved / "config.json").write_text(json.dumps(record))
    return moved


@pytest.mark.parametrize(
    ("made_by", "keyword"),
    [
        ({"module": "not_here.at_all"}, "cannot be imported"),
        ({"module": "/tmp/evil.py"}, "not name a module"),
        ({"module": "os", "config_class": "system"}, "game="),
        ({"make_game": "Config"}, "game="),
        ({"config_class": "make_gan"}, "game="),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_module_that_makes_no_game_is_refused_and_another_way_named(
    finished, tmp_path, made_by, keyword
):
    moved = _changed(finished, tmp_path / "run", **made_by)
    with pytest.raises(jaxgan.InputError, match=keyword) as error:
        jaxgan.load_run(moved)
    assert "game=" in str(error.value)
    game = jaxgan.load_run(finished[0]).game
    loaded = jaxgan.load_run(moved, game=game)
    assert digest(loaded.state) == finished[1]["digest"]
    assert loaded.config.hidden == 8


def test_module_in_the_folder_is_not_imported(finished, tmp_path):
    moved = _changed(finished, tmp_path / "run", module="mine")
    (moved / "mine.py").write_text("raise SystemExit('imported')")
    code = f"import jaxgan; jaxgan.load_run({str(moved)!r})"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert "InputError" in done.stderr
    assert "imported'" not in done.stderr


def test_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(jaxgan.InputError, match=r"config\.json"):
        jaxgan.load_run(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(jaxgan.InputError, match="config"):
        jaxgan.load_run(tmp_path)


def test_another_game_is_refused(finished):
    other = mlp.make_gan(mlp.Config(hidden=9), jaxgan.load_run(finished[0]).data)
    with pytest.raises(jaxgan.InputError, match="another network"):
        jaxgan.load_run(finished[0], game=other)


def test_a_relative_data_set_is_found_from_anywhere(data_dir, tmp_path, monkeypatch):
    (tmp_path / "images").mkdir()
    for i in range(20):
        Image.new("L", (8, 8), 10 * i).save(tmp_path / "images" / f"{i}.png")
    monkeypatch.chdir(tmp_path)
    config = mlp.Config(
        steps=1,
        batch_size=8,
        hidden=8,
        dataset="folder:images",
        data_dir=data_dir,
        workdir=tmp_path / "run",
    )
    run(config, mlp.make_gan, evaluators=())
    monkeypatch.chdir(tmp_path / "run")
    assert len(jaxgan.load_run(tmp_path / "run").data.train) == 17


@pytest.mark.parametrize("kind", PLACED)
def test_data_sets_by_path_are_the_same_run_wherever_they_are(kind, tmp_path):
    settings = resolve(mlp.Config(dataset=f"{kind}:some/where", batch_size=8))
    assert settings.dataset == f"{kind}:{Path.cwd() / 'some' / 'where'}"
    assert settings.workdir is not None
    assert settings.workdir.name == "mlp-where-0"
    config = identity(settings)
    record = {"config": config, "experiment": "mlp", "data_fingerprint": "same"}
    moved = {**record, "config": {**config, "dataset": f"{kind}:other"}}
    assert workdir._comparable(record) == workdir._comparable(moved)
