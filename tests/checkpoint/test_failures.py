"""Disks that are full, and processes that die."""

import gc
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import time
import warnings
from contextlib import contextmanager

import pytest

from jaxgan.checkpoint import CheckpointError, Checkpoints
from tests.checkpoint.runs import assert_is, at, restore


@contextmanager
def files_up_to(size: int):
    """No file can grow larger, which looks like a disk that is full."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limit[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)


UNWRITTEN = r"step 2 could not be .*/checkpoints: File too large.* of step 1, is kept"


def test_a_failed_save_is_reported_by_the_next(like, tmp_path, capfd, caplog):
    with Checkpoints(tmp_path / "checkpoints", keep=1) as checkpoints:
        checkpoints.save(at(1, like), {"step": 1})
        checkpoints.wait()
        with files_up_to(4096):
            checkpoints.save(at(2, like))
            with pytest.raises(CheckpointError, match=UNWRITTEN):
                checkpoints.save(at(3, like))
        assert checkpoints.latest == 1
        assert_is(checkpoints.restore(like), 1, like)
        checkpoints.save(at(2, like), {"step": 2})
    assert sorted(os.listdir(tmp_path / "checkpoints")) == ["2"]
    assert_is(restore(tmp_path, like), 2, like)
    gc.collect()  # which is when tasks left behind complain
    assert (capfd.readouterr(), caplog.records) == (("", ""), [])


def test_a_failed_save_is_reported_on_leaving(like, tmp_path):
    with Checkpoints(tmp_path / "checkpoints") as checkpoints:
        checkpoints.save(at(1, like), {"step": 1})
    with (
        pytest.raises(CheckpointError, match=UNWRITTEN),
        files_up_to(4096),
        Checkpoints(tmp_path / "checkpoints") as checkpoints,
    ):
        checkpoints.save(at(2, like))
    assert_is(restore(tmp_path, like), 1, like)


def test_a_failed_save_hides_no_other_exception(like, tmp_path):
    def use():
        with files_up_to(4096), Checkpoints(tmp_path / "checkpoints") as checkpoints:
            checkpoints.save(at(1, like))
            raise KeyError("the reason")

    with pytest.raises(KeyError) as error:
        use()
    [note] = error.value.__notes__
    assert "step 1 could not be written" in note
    assert "There is no earlier one" in note


# What each worker begins with, in the folder that it is told.
START = """
import sys
from pathlib import Path
import jax
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_disable_most_optimizations", True)
folder = Path(sys.argv[1])
"""
IMPORTS = """
from jaxgan.checkpoint import CheckpointError, Checkpoints
from tests.checkpoint.runs import assert_is, at, restore, zeros
"""

# On a disk of 1 MiB with less and less room on it.
FULL_DISK = (
    START
    + IMPORTS
    + """
like = zeros()
def fill(room):
    ballast = folder / "ballast"
    ballast.unlink(missing_ok=True)
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)): pass
        except OSError: pass
        file.truncate(max(0, file.tell() - room))
with Checkpoints(folder / "checkpoints", keep=1) as checkpoints:
    checkpoints.save(at(1, like), {"step": 1})
failures = 0
for room in [0, *(4096 * 2**n for n in range(8))]:
    fill(room)
    try:
        with Checkpoints(folder / "checkpoints", keep=1) as checkpoints:
            checkpoints.save(at(2, like), {"step": 2})
    except CheckpointError as error:
        failures += 1
        assert "step 2 could not be written" in str(error), error
        assert "No space left on device" in str(error), error
        assert "of step 1, is kept" in str(error), error
        assert "Make room" in str(error), error
        assert_is(restore(folder, like), 1, like)
    else:
        break
assert_is(restore(folder, like), 2, like)
print("failures:", failures)
"""
)


def python(*words, before=()) -> subprocess.Popen:
    return subprocess.Popen(
        [*before, sys.executable, "-c", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_full_disk_leaves_the_last_good_one(tmp_path):
    mount = ["sh", "-c", 'mount -t tmpfs -o size=1m none "$0" && exec "$@"', tmp_path]
    unshare = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*unshare, *mount, "true"], capture_output=True).returncode:
        unshare = ["unshare", "--mount"]  # as root
    if subprocess.run([*unshare, *mount, "true"], capture_output=True).returncode:
        pytest.skip("a small disk can be mounted in no namespace here")
    worker = python(FULL_DISK, tmp_path, before=[*unshare, *mount])
    out, err = worker.communicate(timeout=120)
    assert worker.returncode == 0, err
    assert int(out.split()[-1]) >= 3
    assert "Traceback" not in err


KILLED = (
    START
    + IMPORTS
    + """
like = zeros()
with Checkpoints(folder / "checkpoints") as checkpoints:
    checkpoints.save(at(1, like), {"step": 1})
    checkpoints.wait()
    print("ready", flush=True)
    for step in range(2, 10_000):
        checkpoints.save(at(step, like), {"step": step})
"""
)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_kill_during_a_save_leaves_the_one_before(like, tmp_path, seed):
    worker = python(KILLED, tmp_path)
    assert worker.stdout.readline() == "ready\n", worker.communicate()
    time.sleep(random.Random(seed).uniform(0, 0.5))
    worker.send_signal(signal.SIGKILL)
    worker.communicate()
    with Checkpoints(tmp_path / "checkpoints") as checkpoints:
        latest = checkpoints.latest
        assert latest >= 1
        with warnings.catch_warnings():
            # The worker has other devices than the suite.
            warnings.filterwarnings("ignore", "The checkpoint.*was saved with other")
            assert_is(checkpoints.restore(like), latest, like)
        checkpoints.save(at(latest + 1, like), {"step": latest + 1})
    assert_is(restore(tmp_path, like), latest + 1, like)


TWO = (
    START
    + """
rank = int(sys.argv[2])
jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_cpu_collectives_implementation", "gloo")
jax.distributed.initialize(sys.argv[3], num_processes=2, process_id=rank)
"""
    + IMPORTS
    + """
import warnings
from jaxgan import parallel, processes
from jaxgan.checkpoint import reading
like = parallel.put_shared(zeros())
with Checkpoints(folder / "checkpoints") as checkpoints:
    for step in (1, 2, 3):
        checkpoints.save(parallel.put_shared(at(step, like)), {"step": step})
    checkpoints.wait()
    if rank == 1:
        (folder / "checkpoints" / "3" / "state" / "manifest.ocdbt").write_bytes(b"")
        # What this process alone cannot read.
        read = reading._read_arrays
        def refuse(path, *args):
            if path.parent.name == "2":
                raise OSError(5, "Input/output error")
            return read(path, *args)
        reading._read_arrays = refuse
    processes.any_process(False)  # a barrier
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        restored = checkpoints.restore(like)
    assert restored.state.rounds.sharding == like.rounds.sharding
    assert_is(restored, 1, like)
    assert len(caught) == (rank == 0), [str(w.message) for w in caught]
    checkpoints.save(parallel.put_shared(at(2, like)), {"step": 2})
print(sorted(p.name for p in (folder / "checkpoints").iterdir()))
"""
)


def test_two_processes_agree_on_what_is_damaged(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    workers = [python(TWO, tmp_path, rank, address) for rank in range(2)]
    outputs = [worker.communicate(timeout=120) for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], outputs
    assert [out.splitlines()[-1] for out, _ in outputs] == ["['1', '2']"] * 2
    assert sorted(os.listdir(tmp_path / "damaged")) == ["2", "3"]
