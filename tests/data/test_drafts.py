"""Drafts of writers that were killed are removed; those of others are not."""

import errno
import fcntl
import os
import subprocess
import sys
import time

import pytest

from jaxgan.data import drafts, load

WRITER = """
import sys, time
from pathlib import Path
from jaxgan.data import drafts
with drafts.draft(Path(sys.argv[1])) as draft:
    (draft / "half.npy").write_bytes(bytes(100))
    print("written", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def writer(tmp_path):
    command = [sys.executable, "-c", WRITER, str(tmp_path / "cache" / "set")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "written\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_killed_writers_draft_is_removed(tmp_path, writer):
    root = tmp_path / "cache"
    drafts.clear_stale(root)
    assert len(list(root.iterdir())) == 2  # it lives: the draft and its lock
    writer.kill()
    writer.wait()
    drafts.clear_stale(root)
    assert list(root.iterdir()) == []


def test_loading_removes_them(tmp_path, writer):
    writer.kill()
    writer.wait()
    load("digits", data_dir=tmp_path)
    assert [path.name[:7] for path in (tmp_path / "cache").iterdir()] == ["digits-"]


def test_a_draft_of_an_earlier_version_is_removed_after_a_day(tmp_path):
    draft = tmp_path / ".folder-x-0123456789abcdef"
    draft.mkdir()
    (draft / "train_images.npy").write_bytes(bytes(9))
    drafts.clear_stale(tmp_path)
    assert draft.exists()  # it may be written right now
    old = time.time() - 25 * 3600
    for path in (draft / "train_images.npy", draft):
        os.utime(path, (old, old))
    drafts.clear_stale(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_without_locks_its_age_decides(tmp_path, monkeypatch, number):
    def refuse(*args):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with drafts.draft(tmp_path / "set") as draft:
        drafts.clear_stale(tmp_path)
        assert draft.exists()
        old = time.time() - 25 * 3600
        os.utime(draft, (old, old))
        os.utime(f"{draft}.lock", (old, old))
        drafts.clear_stale(tmp_path)
        assert not draft.exists()


def test_what_is_published_stays(tmp_path):
    with drafts.draft(tmp_path / "set") as draft:
        (draft / "x").write_text("x")
        draft.rename(tmp_path / "set")
    drafts.clear_stale(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
    assert (tmp_path / "set" / "x").read_text() == "x"
