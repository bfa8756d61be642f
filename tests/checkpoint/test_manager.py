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
import optax
import orbax.checkpoint as ocp
import pytest

from jaxgan import InputError, parallel
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


def test_the_last_one_saved_is_kept_though_its_step_is_earlier(like, tmp_path):
    """A best state, after damaged checkpoints have sent its run back."""
    for step in (20, 10):
        with Checkpoints(tmp_path / "c", keep=1) as checkpoints:
            checkpoints.save(at(step, like))
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["10"]


@pytest.mark.parametrize("keep", [0, -1])
def test_at_least_one_must_be_kept(tmp_path, keep):
    with pytest.raises(InputError, match=f"keep={keep}"):
        Checkpoints(tmp_path / "c", keep=keep)


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


@pytest.mark.parametrize("shapes_only", [False, True], ids=["state", "shapes"])
def test_random_keys_come_back_as_keys(tmp_path, shapes_only):
    """One among an optimizer's numbers, and several in a memory, of another kind."""
    noisy = optax.add_noise(0.01, 0.55, jax.random.key(3))
    gan = games.points(d_optimizer=optax.chain(noisy, optax.adam(1e-3)))
    key = jax.random.key(1)
    state, _ = games.start_of_points(gan, key)
    state = state.replace(
        memory={"keys": jax.random.split(jax.random.key(5, impl="rbg"), 4)}
    )
    like = jax.eval_shape(lambda: state) if shapes_only else state
    with Checkpoints(tmp_path / "c") as checkpoints:
        checkpoints.save(state)
        restored = checkpoints.restore(like).state
    assert digest(restored) == digest(state)
    draw = lambda key: np.asarray(jax.random.normal(key, (3,)))
    for one, other in zip(*map(jax.tree.leaves, (restored, state)), strict=True):
        assert one.dtype == other.dtype
    kept, expected = (s.memory["keys"] for s in (restored, state))
    np.testing.assert_array_equal(draw(kept[3]), draw(expected[3]))


def test_only_networks_must_be_finite_where_a_loss_so_far_begins_at_infinity(tmp_path):
    plateau = optax.contrib.reduce_on_plateau(accumulation_size=50)
    gan = games.points(d_optimizer=optax.chain(optax.sgd(0.1), plateau))
    state, _ = games.start_of_points(gan, jax.random.key(0))
    state = state.replace(memory={"best": jnp.float32(jnp.inf)})
    assert is_finite(state)
    with Checkpoints(tmp_path / "c") as checkpoints:
        checkpoints.save(state)
        games.assert_equal(checkpoints.restore(state).state, state)
    assert not is_finite(state.replace(memory={"best": jnp.float32(jnp.nan)}))
    infinite = lambda tree: jax.tree.map(lambda leaf: leaf + jnp.inf, tree)
    judge = games.discriminator(state)
    bad = judge.replace(params=infinite(judge.params))
    assert not is_finite(state.replace(players={**state.players, "discriminator": bad}))
    assert not is_finite(state.replace(averages=infinite(state.averages)))


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
