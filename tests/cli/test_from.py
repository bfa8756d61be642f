"""--from: a new run that begins with the state of another."""

import dataclasses
import shutil

import jax
import numpy as np
import pytest

import jaxgan
from experiments import mlp
from jaxgan.cli import load_run, run
from jaxgan.data import load
from jaxgan.hooks import read_metrics
from jaxgan.methods.lecam import lecam
from tests.cli.interrupt import interrupted, without_times


@pytest.fixture(scope="module")
def source(finished):
    """The run of 50 steps, which has checkpoints of 20, 40 and 50."""
    return finished[0]


@pytest.fixture
def begun(config, source, tmp_path):
    """30 steps more, by a tenth of the learning rate."""
    return dataclasses.replace(
        config,
        steps=70,
        learning_rate=1e-4,
        from_run=f"{source}:40",
        workdir=tmp_path / "run",
    )


def test_a_new_run_counts_on_from_the_step(begun, source):
    before = {path: path.stat().st_mtime_ns for path in source.rglob("*")}
    result = run(begun, mlp.make_gan)
    assert (result["steps"], result["images"]) == (70, 70 * 16)
    steps = [row["step"] for row in read_metrics(begun.workdir)]
    assert steps == [50, 60, 70]
    assert before == {path: path.stat().st_mtime_ns for path in source.rglob("*")}


@pytest.mark.digest
def test_the_same_settings_play_what_the_run_would_have_played(begun, finished):
    begun = dataclasses.replace(begun, steps=50, learning_rate=None)
    assert run(begun, mlp.make_gan)["digest"] == finished[1]["digest"]


@pytest.mark.digest
@pytest.mark.parametrize("at", [50, 70], ids=["no checkpoint yet", "from its own"])
def test_the_same_command_continues_to_the_same_digest(begun, tmp_path, at):
    whole = dataclasses.replace(begun, workdir=tmp_path / "whole")
    expected = run(whole, mlp.make_gan)
    interrupted(run, begun, mlp.make_gan, at=at)
    assert run(begun, mlp.make_gan)["digest"] == expected["digest"]
    assert without_times(read_metrics(begun.workdir)) == without_times(
        read_metrics(whole.workdir)
    )


@pytest.mark.digest
def test_once_it_has_checkpoints_it_does_not_need_the_other_run(
    begun, source, tmp_path
):
    shutil.copytree(source, tmp_path / "source")
    given = dataclasses.replace(begun, from_run=str(tmp_path / "source"))
    whole = dataclasses.replace(given, workdir=tmp_path / "whole")
    expected = run(whole, mlp.make_gan)
    interrupted(run, given, mlp.make_gan, at=70)
    shutil.rmtree(tmp_path / "source")
    assert run(given, mlp.make_gan)["digest"] == expected["digest"]


def test_without_a_step_it_begins_with_the_newest(begun, source):
    begun = dataclasses.replace(begun, from_run=str(source), steps=55)
    run(begun, mlp.make_gan)
    assert [row["step"] for row in read_metrics(begun.workdir)] == [55]


def test_images_past_the_end_of_schedules_are_told(begun):
    begun = dataclasses.replace(begun, steps=42, batch_size=8)
    with pytest.warns(UserWarning, match="640 images .* 336 images"):
        run(begun, mlp.make_gan)


def _regularised(config, data):
    return lecam(mlp.make_gan(config, data), weight=0.1)


def test_a_memory_may_be_added_but_not_left_out(begun, source, tmp_path):
    begun = dataclasses.replace(begun, steps=45)
    assert run(begun, _regularised)["steps"] == 45
    game = mlp.make_gan(begun, load(begun.dataset, data_dir=begun.data_dir))
    state = load_run(begun.workdir, game=lecam(game, weight=0.1)).state
    assert all(map(np.any, jax.tree.leaves(state.memory["lecam"])))
    back = dataclasses.replace(
        begun, steps=60, from_run=str(begun.workdir), workdir=tmp_path / "back"
    )
    with pytest.raises(jaxgan.InputError, match="memory"):
        run(back, mlp.make_gan)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"from_run": "{source}:30"}, "step 30.* 20, 40, 50"),
        ({"from_run": "{source}/nowhere"}, r"no config\.json"),
        ({"hidden": 16}, "another network"),
        ({"steps": 30}, "step 40 .*30"),
        ({"steps": 40}, "step 40 .*40"),
    ],
    ids=["no such step", "no run", "another network", "fewer steps", "no steps"],
)
def test_what_cannot_be_begun_with_is_refused(begun, source, changes, words):
    fill = lambda v: v.format(source=source) if isinstance(v, str) else v
    changes = {name: fill(value) for name, value in changes.items()}
    with pytest.raises(jaxgan.InputError, match=words):
        run(dataclasses.replace(begun, **changes), mlp.make_gan)
    # Another --from may then be given with the same workdir.
    assert not begun.workdir.exists()
