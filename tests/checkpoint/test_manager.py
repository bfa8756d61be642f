"""Checkpoints: what comes back is, to the bit, what was saved."""

import gc
import hashlib
import json
import math
import pickle
import pickletools
import threading
import time

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import pytest

from jaxgan import parallel
from jaxgan.checkpoint import (
    CheckpointError,
    Checkpoints,
    CheckpointWarning,
    digest,
    is_finite,
)
from tests import games
from tests.checkpoint.runs import assert_is, at, flip_a_bit, restore

NOTES = {
    "floats": [0.1, 1e-300, -0.0, 2**53 + 1.0, math.inf],
    "deep": {"10": [True, None, "ü\ud800"], "2": {}},
    "big": 2**80,
}


def test_state_and_notes_come_back_exactly(like, tmp_path):
    with Checkpoints(tmp_path / "c") as checkpoints:
        assert checkpoints.latest is None
        checkpoints.save(at(3, like), NOTES)
        checkpoints.wait()
        assert checkpoints.latest == 3
        restored = checkpoints.restore(like)
    games.assert_equal(restored.state, at(3, like))
    assert json.dumps(restored.notes) == json.dumps(NOTES)  # -0.0 == 0.0, but for this


def test_the_newest_are_kept_and_no_step_is_written_twice(like, tmp_path):
    with Checkpoints(tmp_path / "c", keep=2) as checkpoints:
        for step in (1, 2, 3):
            checkpoints.save(at(step, like))
        checkpoints.save(at(3, like), {"again": True})
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == ["2", "3"]
    with Checkpoints(tmp_path / "c", keep=2) as checkpoints:
        assert checkpoints.restore(like).notes == {}


def before_the_end(monkeypatch, wait):
    """Lets the writer wait just before it renames what it has written."""
    end = ocp.JsonCheckpointHandler.finalize
    patched = lambda self, directory: (wait(), end(self, directory))
    monkeypatch.setattr(ocp.JsonCheckpointHandler, "finalize", patched)


def test_one_that_is_being_written_is_not_the_latest(like, tmp_path, monkeypatch):
    go_on = threading.Event()

    with Checkpoints(tmp_path / "c") as checkpoints:
        checkpoints.save(at(1, like))
        checkpoints.wait()
        before_the_end(monkeypatch, lambda: go_on.wait(60))
        checkpoints.save(at(2, like))
        assert checkpoints.latest == 1
        go_on.set()
        checkpoints.wait()
        assert checkpoints.latest == 2


def test_a_state_that_is_not_finite_is_not_saved(like, tmp_path):
    bad = at(1, like).replace(rounds=jnp.float32(jnp.nan))
    assert is_finite(like)
    assert not is_finite(bad)
    with Checkpoints(tmp_path / "c") as checkpoints:
        with pytest.raises(FloatingPointError, match=r"step 1 .* first in \.rounds"):
            checkpoints.save(bad)
        assert checkpoints.latest is None


def test_numbers_as_keys_come_back_as_json_has_them(like, tmp_path):
    """In another order, by which the record must not be taken for a damaged one."""
    with Checkpoints(tmp_path / "c") as checkpoints:
        checkpoints.save(at(1, like), {"x": {2: "two", 10: "ten"}, "y": (1,)})
        restored = checkpoints.restore(like)
    assert restored.notes == {"x": {"2": "two", "10": "ten"}, "y": [1]}


@pytest.mark.parametrize("value", [np.float32(1), {1, 2}], ids=["numpy", "set"])
def test_notes_that_are_no_json_are_refused(like, tmp_path, value):
    with Checkpoints(tmp_path / "c") as checkpoints:
        with pytest.raises(TypeError, match=r"notes must be JSON values, got \{'x'"):
            checkpoints.save(at(1, like), {"x": value})
        assert checkpoints.latest is None


def test_digest_is_the_sha256_of_the_leaves(like):
    content = b"".join(np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(like))
    assert digest(like) == hashlib.sha256(content).hexdigest()


def test_the_state_may_be_donated_after_save(like, tmp_path):
    """The next step overwrites the state's memory while it is written."""
    negate = jax.jit(lambda x: -x, donate_argnums=0)
    numbers = lambda: negate(jnp.arange(2.0**22))
    state = at(1, like).replace(averages=numbers())
    with Checkpoints(tmp_path / "c") as checkpoints:
        checkpoints.save(state)
        jax.block_until_ready(negate(state.averages))
        assert state.averages.is_deleted()
        restored = checkpoints.restore(like.replace(averages=numbers())).state
    np.testing.assert_array_equal(restored.averages, numbers())


@pytest.mark.parametrize(("there", "here"), [(8, 1), (1, 8), (2, 4)])
def test_a_state_comes_back_on_other_devices(like, tmp_path, there, here):
    put = lambda state, n: parallel.put_shared(state, devices=jax.devices()[-n:])
    with Checkpoints(tmp_path / "c") as checkpoints:
        checkpoints.save(put(at(1, like), there))
        wanted = put(like, here)
        state = checkpoints.restore(wanted).state
    games.assert_equal(state, at(1, like))
    for leaf, place in zip(
        jax.tree.leaves(state), jax.tree.leaves(wanted), strict=True
    ):
        assert leaf.sharding == place.sharding
    # The devices share no memory: each adds to what it holds, in place.
    add = jax.jit(lambda x: jax.tree.map(lambda y: y + 1, x), donate_argnums=0)
    for leaf in jax.tree.leaves(add(add(state.rounds))):
        shards = [int(shard.data) for shard in leaf.addressable_shards]
        assert shards == [3] * here


def test_a_weak_type_is_no_difference(run, like):
    weak = like.replace(rounds=jax.jit(lambda: 0)())
    assert weak.rounds.weak_type
    assert_is(restore(run, weak), 2, like)


def test_nothing_is_unpickled(run, like, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("unpickled")

    for name in ("load", "loads", "Unpickler", "_Unpickler", "_loads", "_load"):
        monkeypatch.setattr(pickle, name, refuse)
    assert_is(restore(run, like), 2, like)


def test_no_file_is_a_pickle(saved):
    for path in (saved / "checkpoints" / "2").rglob("*"):
        if path.is_file() and path.stat().st_size:
            with pytest.raises(ValueError):  # noqa: PT011 (of many kinds)
                list(pickletools.genops(path.read_bytes()))


def test_the_terminal_stays_quiet(like, tmp_path, capfd, caplog, monkeypatch):
    before_the_end(monkeypatch, lambda: time.sleep(1.1))  # Orbax warns after one second
    with Checkpoints(tmp_path / "run" / "c") as checkpoints:
        for step in (1, 2):
            checkpoints.save(at(step, like))
        checkpoints.wait()
        flip_a_bit(tmp_path / "run" / "c" / "2" / "state" / "manifest.ocdbt")
        with pytest.warns(CheckpointWarning):
            checkpoints.restore(like)
    gc.collect()  # which is when reads left behind complain
    assert (capfd.readouterr(), caplog.records) == (("", ""), [])


def test_a_directory_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match=r"file.*Not a directory"):
        Checkpoints(tmp_path / "file" / "c")
