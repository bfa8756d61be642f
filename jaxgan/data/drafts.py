"""Folders that appear complete: written under another name, and renamed at the end.

A process that is killed while it writes leaves its draft behind. Each writer holds a
lock beside its draft, which the system releases when the process ends, however it ends:
a draft whose lock is free is stale. Where the file system has no locks, a draft that
has not changed for a day is stale.
"""

import contextlib
import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

_A_DAY = 24 * 3600.0
_LOCK = ".lock"


@contextlib.contextmanager
def draft(folder: Path) -> Iterator[Path]:
    """Yields a new folder beside ``folder``, which is removed unless it was renamed.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    path = folder.with_name(f".{folder.name}-{uuid.uuid4().hex}")
    lock = path.with_name(path.name + _LOCK)
    with lock.open("a") as held:
        try:
            with contextlib.suppress(OSError):  # no locks here: the draft's age decides
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.mkdir()
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)
            lock.unlink(missing_ok=True)


def clear_stale(root: Path) -> None:
    """Removes the drafts in ``root`` whose writers have ended."""
    for path in root.glob(".*-*"):
        # What cannot be removed, or is already gone, is left to another process.
        with contextlib.suppress(OSError):
            if path.name.endswith(_LOCK):
                if not path.with_name(path.name.removesuffix(_LOCK)).exists():
                    _remove_lock(path)
            elif path.is_file():
                if _is_old(path):
                    path.unlink()
            elif _is_stale(path):
                shutil.rmtree(path)
                path.with_name(path.name + _LOCK).unlink(missing_ok=True)


def _remove_lock(path: Path) -> None:
    with path.open("a") as lock:
        if _is_free(lock, path):
            path.unlink()


def _is_stale(path: Path) -> bool:
    lock = path.with_name(path.name + _LOCK)
    if not lock.exists():
        return _is_old(path)
    with lock.open("a") as opened:
        return _is_free(opened, path)


def _is_free(lock: IO, path: Path) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # no locks here
        return _is_old(path)
    return True


def _is_old(path: Path) -> bool:
    files = [path, *path.iterdir()] if path.is_dir() else [path]
    newest = max(file.stat().st_mtime for file in files)
    return time.time() - newest > _A_DAY


def sync(folder: Path) -> None:
    """Waits until all files of a folder are on the disk, not only in memory."""
    for path in (*folder.iterdir(), folder):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
