"""Decoded images on disk: written once, whole or not at all, and mapped into memory.

A cache is a folder with one ``.npy`` file an array and a ``meta.json`` that holds the
key it was made for, the class names and the size of each file. It appears by one
rename, so a reader never sees half of it, and two writers at once both succeed: the
later one finds the earlier one's cache and drops its own.
"""

import contextlib
import json
import math
import os
import shutil
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8
from tqdm import tqdm

from jaxgan.checks import InputError
from jaxgan.data.source import Example, Source, Split

_BLOCK = 64  # examples a thread takes at once; records read in blocks come faster
_META = "meta.json"

Decode = Callable[[Example], UInt8[np.ndarray, "h w c"]]


class Cached(NamedTuple):
    """The arrays by name, memory-mapped and read-only, and the class names."""

    arrays: dict[str, np.ndarray]
    classes: tuple[str, ...]


def read(folder: Path, key: Mapping[str, Any]) -> Cached | None:
    """Opens the cache in ``folder`` if it is whole and was made for ``key``.

    Files are compared by size with what ``meta.json`` says, so a truncated one is
    found; no image is read.

    Returns:
        The cache, or None if it is absent, damaged, or made for another key.
    """
    try:
        meta = json.loads((folder / _META).read_text())
        sizes = {file: (folder / file).stat().st_size for file in meta["sizes"]}
        if meta["key"] != key or sizes != meta["sizes"]:
            return None
        arrays = {
            Path(file).stem: np.load(folder / file, mmap_mode="r", allow_pickle=False)
            for file in sizes
        }
        return Cached(arrays, tuple(meta["classes"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def write(
    folder: Path, key: Mapping[str, Any], source: Source, decode: Decode, title: str
) -> None:
    """Decodes ``source`` into ``folder``, in place of what may be there.

    Args:
        folder: where the cache will appear; its parents are made.
        key: what :func:`read` must be asked for; JSON values.
        source: the examples.
        decode: makes one array of one example; called from several threads.
        title: what the progress bar says.

    Raises:
        InputError: an image cannot be used, or two differ in size.
        OSError: the folder cannot be written.
    """
    draft = folder.with_name(f".{folder.name}-{uuid.uuid4().hex}")
    draft.mkdir(parents=True)
    try:
        _write_arrays(draft, source, decode, title)
        sizes = {file.name: file.stat().st_size for file in sorted(draft.iterdir())}
        meta = {"key": key, "classes": source.classes, "sizes": sizes}
        (draft / _META).write_text(json.dumps(meta, indent=1))
        _publish(draft, folder, key)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _publish(draft: Path, folder: Path, key: Mapping[str, Any]) -> None:
    """Renames ``draft`` to ``folder``, unless a whole cache got there before."""
    with contextlib.suppress(OSError):  # not empty: a cache is there already
        os.rename(draft, folder)
        return
    if read(folder, key) is None:  # a damaged or outdated one
        grave = draft.with_name(f"{draft.name}-old")
        with contextlib.suppress(FileNotFoundError):  # another process moved it away
            os.rename(folder, grave)
            shutil.rmtree(grave, ignore_errors=True)
        os.rename(draft, folder)


def _write_arrays(draft: Path, source: Source, decode: Decode, title: str) -> None:
    """Writes both splits; the first image to train on says what shape all have."""
    splits = {"train": source.train, "test": source.test}
    for name, split in splits.items():
        if not split.count:
            raise InputError(f"{title} has no image in its split {name}.")
    (first,) = source.train.fetch(range(1))
    shape = decode(first).shape
    _check_space(draft, (source.train.count + source.test.count) * math.prod(shape))

    def decode_checked(example: Example) -> UInt8[np.ndarray, "h w c"]:
        image = decode(example)
        _check_shape(example.name, image.shape, first.name, shape)
        return image

    for name, split in splits.items():
        _write_split(draft / name, split, shape, decode_checked, f"{title} {name}")


def _write_split(
    path: Path, split: Split, shape: tuple[int, ...], decode: Decode, title: str
) -> None:
    """Writes one split's images as they are decoded, and its labels."""
    images = np.lib.format.open_memmap(
        f"{path}_images.npy", "w+", np.uint8, (split.count, *shape)
    )

    def write_block(start: int) -> list[int | None]:
        block = range(start, min(start + _BLOCK, split.count))
        examples = split.fetch(block)
        for i, example in zip(block, examples, strict=True):
            images[i] = decode(example)
        return [example.label for example in examples]

    labels = []
    # disable=None: the bar shows on a terminal only.
    with (
        ThreadPoolExecutor() as pool,
        tqdm(total=split.count, desc=f"decoding {title}", disable=None) as bar,
    ):
        # An error leaves the loop, which cancels the blocks that have not begun.
        for block in pool.map(write_block, range(0, split.count, _BLOCK)):
            labels += block
            bar.update(len(block))
    images.flush()
    if labels[0] is not None:
        np.save(f"{path}_labels.npy", np.asarray(labels, np.int32))


def _check_space(folder: Path, needed: int) -> None:
    """A full disk would kill the process, since the arrays are written as maps."""
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise InputError(
            f"The decoded images need {needed / 1e9:.1f} GB, and {folder.parent} has "
            f"{free / 1e9:.1f} GB free; make room, pass another --data-dir, or a lower "
            "--resolution."
        )


def _check_shape(
    name: str, shape: tuple[int, ...], first: str, expected: tuple[int, ...]
) -> None:
    if shape != expected:
        raise InputError(
            f"{name} is {shape[0]}x{shape[1]} pixels (height x width), but {first} is "
            f"{expected[0]}x{expected[1]}; pass --resolution HxW to bring all images "
            "to one size, with --crop where their shapes differ."
        )
