"""Hashes of files' contents, stored so that only changed files are read again.

The hashes of a folder are stored in one text file: on the first line the SHA-256 of the
rest, then a JSON object from each file's relative name to its size, its times of
change, its place on the disk (inode) and its hash. A text file that does not match its
first line is damaged, and counts as empty.
"""

import contextlib
import hashlib
import json
import os
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from jaxgan.checks import InputError


def unreadable(error: OSError) -> InputError:
    """Returns the error for a file or folder of images that cannot be read."""
    return InputError(
        f"{error.filename} cannot be read: {error.strerror}. Repair it or take it out "
        "of the folder of images."
    )


def content_hashes(
    root: Path, paths: Sequence[PurePosixPath], store: Path
) -> list[str]:
    """Returns the SHA-256 of each file's bytes, in hexadecimal digits.

    A file is read only if its size, a time of change or its place on the disk differs
    from the stored one. The stored hashes are replaced as a whole, so they stay valid
    even with two concurrent writers.

    Args:
        root: the folder of the files.
        paths: the files, relative to ``root``.
        store: a folder for the stored hashes; created if needed.

    Raises:
        InputError: a file cannot be read; the message names it.
        OSError: ``store`` cannot be written.
    """
    root = root.resolve()
    memory = store / f"{hashlib.sha256(os.fsencode(root)).hexdigest()[:16]}.txt"
    known = _recall(memory)
    stamps = [_stamp(root / path) for path in paths]
    stale = [
        path
        for path, stamp in zip(paths, stamps, strict=True)
        if known.get(str(path), [])[:-1] != stamp
    ]
    fresh = dict(zip(stale, _hash_all(root, stale), strict=True))
    hashes = [fresh.get(path) or known[str(path)][-1] for path in paths]
    entries = {
        str(path): [*stamp, digest]
        for path, stamp, digest in zip(paths, stamps, hashes, strict=True)
    }
    if entries != known:
        _remember(memory, entries)
    return hashes


def read_hash(file: Path) -> str:
    """Returns the SHA-256 of a file's bytes, read in blocks."""
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(error) from error


def _stamp(file: Path) -> list[int]:
    try:
        stat = file.stat()
    except OSError as error:  # a broken link
        raise unreadable(error) from error
    # Files of equal size and time, as from an archive, may be swapped.
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def _hash_all(root: Path, paths: Sequence[PurePosixPath]) -> list[str]:
    if not paths:
        return []
    from tqdm import tqdm  # here, since jaxgan imports without it too

    with ThreadPoolExecutor() as pool:
        hashes = pool.map(read_hash, [root / path for path in paths])
        # disable=None: the bar shows on a terminal only.
        bar = tqdm(hashes, desc=f"hashing {root.name}", total=len(paths), disable=None)
        return list(bar)


def _recall(memory: Path) -> dict[str, list]:
    with contextlib.suppress(FileNotFoundError):
        head, _, body = memory.read_bytes().partition(b"\n")
        if hashlib.sha256(body).hexdigest().encode() == head:
            return json.loads(body)
    return {}


def _remember(memory: Path, entries: dict[str, list]) -> None:
    # JSON escapes what is not ASCII, and so keeps names that are not UTF-8.
    body = json.dumps(entries, indent=0).encode()
    memory.parent.mkdir(parents=True, exist_ok=True)
    draft = memory.with_name(f".{memory.name}-{uuid.uuid4().hex}")
    try:
        draft.write_bytes(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
        os.replace(draft, memory)
    finally:
        draft.unlink(missing_ok=True)
