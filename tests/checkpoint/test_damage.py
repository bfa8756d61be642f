"""Damage to a checkpoint is found, and the one before is used."""

import os
import shutil
import warnings
from pathlib import Path

import pytest

import jaxgan
from jaxgan.checkpoint import Checkpoints, CheckpointWarning
from tests.checkpoint.runs import assert_is, at, files_of, flip_a_bit, restore

DAMAGE = {
    "deleted": Path.unlink,
    "halved": lambda path: os.truncate(path, path.stat().st_size // 2),
    "emptied": lambda path: os.truncate(path, 0),
    "flipped": flip_a_bit,
    "flipped elsewhere": lambda path: flip_a_bit(path, seed=1),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damage_to_any_file_is_found(saved, like, tmp_path, damage):
    """The newest to the bit, without a word, or the one before, with a warning."""
    newest = saved / "checkpoints" / "2"
    names = [p.relative_to(saved) for p in newest.rglob("*") if p.is_file()]
    assert len(names) > 10
    passed_over = set()
    for name in names:
        run = Path(shutil.copytree(saved, tmp_path / "run"))
        damage(run / name)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            restored = restore(run, like)
        assert_is(restored, 1 if caught else 2, like)
        if caught:
            passed_over.add(str(name.relative_to("checkpoints/2")))
            [message] = [str(warning.message) for warning in caught]
            assert caught[0].category is CheckpointWarning
            assert "Using the checkpoint of step 1" in message
            assert f"Step 2 was moved to {run / 'damaged' / '2'}." in message
            assert (run / "damaged" / "2").is_dir()
            assert sorted(os.listdir(run / "checkpoints")) == ["1"]
        shutil.rmtree(run)
    assert any(name.startswith("state/d/") for name in passed_over)
    assert {"record/metadata", "state/manifest.ocdbt"} <= passed_over


@pytest.mark.parametrize("missing", ["state", "record", "state/ocdbt.process_0", "."])
def test_a_half_copied_checkpoint_is_passed_over(run, like, missing):
    folder = run / "checkpoints" / "2"
    shutil.rmtree(folder / missing)
    folder.mkdir(exist_ok=True)
    with pytest.warns(CheckpointWarning, match="Step 2: its .* cannot be read"):
        assert_is(restore(run, like), 1, like)


def test_arrays_of_another_checkpoint_are_not_taken(run, like):
    """Each file is whole, but they do not belong together."""
    one, two = run / "checkpoints" / "1", run / "checkpoints" / "2"
    shutil.rmtree(two / "state")
    shutil.copytree(one / "state", two / "state")
    with pytest.warns(CheckpointWarning, match=r"\.step has changed"):
        assert_is(restore(run, like), 1, like)


def test_without_a_good_one_nothing_is_touched(run, like):
    flip_a_bit(run / "checkpoints" / "1" / "record" / "metadata")
    (run / "checkpoints" / "2" / "state" / "_METADATA").unlink()
    before = files_of(run)
    with pytest.raises(jaxgan.InputError) as error:
        restore(run, like)
    message = str(error.value)
    assert "Step 1: its record " in message
    assert "Step 2: its arrays cannot be read (" in message
    assert "Nothing was deleted" in message
    assert files_of(run) == before


def test_no_checkpoint_at_all_is_said(like, tmp_path):
    with (
        Checkpoints(tmp_path / "c") as checkpoints,
        pytest.raises(jaxgan.InputError, match=r"There is no checkpoint in .*/c\."),
    ):
        checkpoints.restore(like)


def test_damaged_steps_can_be_saved_again(run, like):
    with Checkpoints(run / "checkpoints") as checkpoints:
        checkpoints.save(at(3, like), {"step": 3})
    for step in (2, 3):
        flip_a_bit(run / "checkpoints" / str(step) / "state" / "manifest.ocdbt")
    (run / "damaged" / "2").mkdir(parents=True)  # of an earlier time
    with Checkpoints(run / "checkpoints") as checkpoints:
        with pytest.warns(CheckpointWarning) as caught:
            assert_is(checkpoints.restore(like), 1, like)
        message = str(caught[0].message)
        assert f"Step 2 was moved to {run / 'damaged' / '2-2'}." in message
        assert f"Step 3 was moved to {run / 'damaged' / '3'}." in message
        for step in (2, 3):
            checkpoints.save(at(step, like), {"step": step})
    assert_is(restore(run, like), 3, like)
