"""100 runs with mutated checkpoints: one that was saved comes back, or a message."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from jaxgan.checks import InputError
from tests import games
from tests.checkpoint.runs import at, restore
from tests.fuzz.mutate import bounded, mutated

COUNT = 100


def damage(run: Path, random: np.random.Generator) -> None:
    """Changes one to three files of the newest checkpoint, or of both."""
    files = sorted(path for path in run.rglob("*") if path.is_file())
    if random.integers(2):
        files = [path for path in files if "/checkpoints/2/" in str(path)]
    for path in random.choice(np.array(files, dtype=object), random.integers(1, 4)):
        if not path.is_file():  # chosen twice
            continue
        kind = random.integers(8)
        if kind == 0:
            path.unlink()
        elif kind == 1:
            path.unlink()
            path.mkdir()
        elif kind == 2:
            path.write_text("[" * 100_000)
        else:
            other = files[random.integers(len(files))]
            extra = other.read_bytes() if other.is_file() else b""
            path.write_bytes(mutated(path.read_bytes(), random, extra))
    if random.integers(10) == 0:
        (run / "checkpoints" / str(random.choice(["9", "x", "-1", "\u0663"]))).mkdir()


def restored(run, like):
    try:
        return restore(run, like), ""
    except InputError as error:
        return None, str(error)


@pytest.mark.filterwarnings("ignore::jaxgan.checkpoint.CheckpointWarning")
def test_mutated_checkpoints_are_not_taken_for_good_ones(saved, like, tmp_path):
    random, ends = np.random.default_rng(0), Counter()
    for number in range(COUNT):
        run = Path(shutil.copytree(saved, tmp_path / str(number)))
        damage(run, random)
        with bounded(f"run {number}"):
            found, message = restored(run, like)
        if found is None:
            assert "checkpoint" in message
        else:
            step = int(found.state.step)
            assert found.notes == {"step": step}
            games.assert_equal(found.state, at(step, like))
        ends[found and int(found.state.step)] += 1
        shutil.rmtree(run)
    assert set(ends) <= {1, 2, None}
    # The one before, or none: both happen. Which files are damaged is chance, since
    # their names are.
    assert ends[1]
    assert ends[None]
