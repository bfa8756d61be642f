"""Decoded images on disk: written once, whole or not at all, and mapped into memory.

A cache is a folder with one ``.npy`` file per array and a ``meta.json`` that holds the
key it was made for, the class names, the examples left out, and checksums of all of
that and of each file. It appears by a single rename, so a reader never sees half of it,
and two concurrent writers both succeed: the later one finds the earlier one's cache and
drops its own.
"""

import contextlib
import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgan.data import checksums, drafts, writing
from jaxgan.data.source import DataWarning, Source
from jaxgan.data.writing import Decode, LeftOut

_META = "meta.json"


class Cached(NamedTuple):
    """The contents of a cache.

    Attributes:
        arrays: the arrays by name, memory-mapped and read-only.
        classes: the class names.
        left_out: the examples that could not be decoded.
        largest: see `jaxgan.data.writing.Written`.
    """

    arrays: dict[str, np.ndarray]
    classes: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    largest: int | None


class _Damaged(Exception):
    """An error that says how a cache is damaged."""


def read(folder: Path, key: Mapping[str, Any]) -> Cached | None:
    """Opens the cache in ``folder`` if it is whole and was made for ``key``.

    All files are read and compared with their checksums.

    Warns:
        DataWarning: the cache is damaged.

    Returns:
        The cache, or None if it is absent, damaged, or made for another key.
    """
    try:
        return _open(folder, key)
    except _Damaged as error:
        warnings.warn(
            f"The cache of decoded images {folder} is damaged: {error}. It is made "
            "again from the images.",
            DataWarning,
            stacklevel=2,
        )
        return None


def write(
    folder: Path,
    key: Mapping[str, Any],
    source: Source,
    decode: Decode,
    title: str,
    *,
    skip: tuple[type[Exception], ...] = (),
    check: Callable[[], None] = lambda: None,
) -> None:
    """Decodes ``source`` into ``folder``, replacing an outdated or damaged cache.

    Args:
        folder: where the cache will appear; its parents are created.
        key: the key to pass to :func:`read`; JSON values.
        source: the examples.
        decode: makes one array from one example; called from several threads.
        title: the label of the progress bar.
        skip: the exceptions of ``decode`` on which an example is left out.
        check: called after decoding; raises if the source has changed meanwhile.

    Raises:
        InputError: an image cannot be used, or two differ in size.
        OSError: the folder cannot be written.
    """
    with drafts.draft(folder) as draft:
        written = writing.write(draft, source, decode, title, skip)
        files = sorted(draft.iterdir())
        meta = {
            "key": key,
            "classes": source.classes,
            "left_out": written.left_out,
            "largest": written.largest,
            "sums": checksums.of_files(files, f"checking {title}"),
        }
        content = {"meta": meta, "sha256": _hash(json.loads(json.dumps(meta)))}
        (draft / _META).write_text(json.dumps(content, indent=1))
        check()
        drafts.sync(draft)  # before the rename, which could otherwise be first
        _publish(draft, folder, key)


def _open(folder: Path, key: Mapping[str, Any]) -> Cached | None:
    """Returns the result of `read`; raises _Damaged if the cache is damaged."""
    try:
        content = json.loads((folder / _META).read_bytes())
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError) as error:
        raise _Damaged(f"{_META} has changed since it was written") from error
    meta = content.get("meta") if isinstance(content, dict) else None
    if not isinstance(meta, dict):
        return None  # written by an earlier jaxgan
    if content.get("sha256") != _hash(meta):
        raise _Damaged(f"{_META} has changed since it was written")
    if meta["key"] != key:
        return None
    files = [folder / name for name in meta["sums"]]
    try:
        found = checksums.of_files(files, f"checking {folder.name}")
    except FileNotFoundError as error:
        raise _Damaged(f"{Path(str(error.filename)).name} is missing") from error
    changed = [name for name, sums in meta["sums"].items() if found[name] != sums]
    if changed:
        raise _Damaged(f"{changed[0]} has changed since it was written")
    arrays = {
        file.stem: np.load(file, mmap_mode="r", allow_pickle=False) for file in files
    }
    left_out = tuple(LeftOut(*each) for each in meta["left_out"])
    return Cached(arrays, tuple(meta["classes"]), left_out, meta["largest"])


def _hash(meta: Any) -> str:
    return hashlib.sha256(json.dumps(meta, sort_keys=True).encode()).hexdigest()


def _publish(draft: Path, folder: Path, key: Mapping[str, Any]) -> None:
    """Renames ``draft`` to ``folder``, unless a complete cache is already there."""
    with contextlib.suppress(OSError):  # not empty: a cache is there already
        os.rename(draft, folder)
        return
    with contextlib.suppress(_Damaged):
        if _open(folder, key) is not None:
            return
    grave = draft.with_name(f"{draft.name}-old")
    with contextlib.suppress(FileNotFoundError):  # another process moved it away
        os.rename(folder, grave)
        shutil.rmtree(grave, ignore_errors=True)
    os.rename(draft, folder)
