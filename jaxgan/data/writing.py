"""Writing of a cache's arrays: images as they are decoded, one file after another.

Files are written, not memory-mapped: on a full disk a write raises an error, whereas a
memory map kills the process.
"""

import contextlib
import math
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from jaxgan.checks import InputError
from jaxgan.data.source import Decoded, Example, Source, Split

_BLOCK = 64  # examples per thread at a time; records are faster to read in blocks
_BLOCK_BYTES = 2**24  # the limit of a block, for large images
_THREADS = 8


Decode = Callable[[Example], Decoded]


class LeftOut(NamedTuple):
    """An example that could not be decoded, why, and its label."""

    name: str
    why: str
    label: int | None


class Written(NamedTuple):
    """What was found while decoding.

    Attributes:
        left_out: the examples that could not be decoded.
        largest: the largest 16-bit value in files that do not state their range; None
            without such files.
    """

    left_out: list[LeftOut]
    largest: int | None


class _Block(NamedTuple):
    images: list[np.ndarray]
    labels: list[int | None]
    left_out: list[LeftOut]
    largest: list[int]


def write(
    folder: Path,
    source: Source,
    decode: Decode,
    title: str,
    skip: tuple[type[Exception], ...] = (),
) -> Written:
    """Writes both splits; all images must have the shape of the first to train on.

    Args:
        folder: where the arrays go.
        source: the examples.
        decode: makes one array from one example; called from several threads.
        title: the label of the progress bar.
        skip: the exceptions of ``decode`` on which an example is left out.

    Raises:
        InputError: a split or a class has no image (left), two images differ in size,
            or ``decode`` raises it.
        OSError: the folder cannot be written.
    """
    splits = {"train": source.train, "test": source.test}
    for name, split in splits.items():
        if not split.count:
            raise InputError(f"{title} has no image in its split {name}.")
    first, shape = _first(source.train, decode, title, skip)
    _check_space(folder, (source.train.count + source.test.count) * math.prod(shape))

    def decode_checked(example: Example) -> Decoded:
        decoded = decode(example)
        _check_shape(example.name, decoded.image.shape, first.name, shape)
        return decoded

    found = Written([], None)
    largest: list[int] = []
    for name, split in splits.items():
        blocks = _decoded(split, shape, decode_checked, f"{title} {name}", skip)
        labels, left_out, values = _write_split(folder / name, split, shape, blocks)
        what = f"the split {name} of {title}"
        _check_left(labels, left_out, what, source.classes if name == "train" else ())
        found.left_out.extend(left_out)
        largest += values
    return found._replace(largest=max(largest, default=None))


def _first(
    split: Split, decode: Decode, title: str, skip: tuple[type[Exception], ...]
) -> tuple[Example, tuple[int, ...]]:
    """Returns the first example that can be decoded, and its shape."""
    for i in range(split.count):
        (example,) = split.fetch(range(i, i + 1))
        with contextlib.suppress(*skip):
            return example, decode(example).image.shape
    raise InputError(f"{title} has no image that can be read in its split train.")


def _decoded(
    split: Split,
    shape: tuple[int, ...],
    decode: Decode,
    title: str,
    skip: tuple[type[Exception], ...],
) -> Iterator[_Block]:
    """Yields the examples of a split in their order, decoded by several threads."""
    from tqdm import tqdm  # here, since jaxgan imports without it too

    size = min(_BLOCK, max(1, _BLOCK_BYTES // math.prod(shape)))

    def decode_block(start: int) -> _Block:
        block = _Block([], [], [], [])
        for example in split.fetch(range(start, min(start + size, split.count))):
            try:
                image, largest = decode(example)
            except skip as error:
                block.left_out.append(LeftOut(example.name, str(error), example.label))
                continue
            block.images.append(image)
            block.labels.append(example.label)
            block.largest.extend([] if largest is None else [largest])
        return block

    starts = range(0, split.count, size)
    pool = ThreadPoolExecutor(_THREADS)
    try:
        # disable=None: the bar shows on a terminal only.
        with tqdm(total=split.count, desc=f"decoding {title}", disable=None) as bar:
            for block in _in_order(pool, decode_block, starts):
                yield block
                bar.update(len(block.images) + len(block.left_out))
    finally:
        pool.shutdown(cancel_futures=True)  # after an error the rest is not decoded


def _in_order(
    pool: ThreadPoolExecutor, work: Callable[[int], Any], items: range
) -> Iterator[Any]:
    """Yields results in order; unlike with ``pool.map``, few wait in memory."""
    waiting: deque[Any] = deque()
    for item in items:
        waiting.append(pool.submit(work, item))
        if len(waiting) > 2 * _THREADS:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _write_split(
    path: Path, split: Split, shape: tuple[int, ...], blocks: Iterator[_Block]
) -> tuple[list[int | None], list[LeftOut], list[int]]:
    """Writes one split's images as they come, and its labels."""
    labels: list[int | None] = []
    left_out: list[LeftOut] = []
    largest: list[int] = []
    with open(f"{path}_images.npy", "wb") as file:
        _write_header(file, (split.count, *shape))
        for block in blocks:
            for image in block.images:
                file.write(np.ascontiguousarray(image).data)
            labels += block.labels
            left_out += block.left_out
            largest += block.largest
        if left_out:  # fewer were written; the header has room for any number
            file.seek(0)
            _write_header(file, (len(labels), *shape))
    if labels and labels[0] is not None:
        np.save(f"{path}_labels.npy", np.asarray(labels, np.int32))
    return labels, left_out, largest


def _write_header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    descr = np.lib.format.dtype_to_descr(np.dtype(np.uint8))
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def _check_left(
    labels: list[int | None], left_out: list[LeftOut], what: str, classes: Sequence[str]
) -> None:
    """Raises InputError if all images of a split or of a class were damaged."""
    if not labels:
        raise InputError(
            f"No image in {what} can be read; the first error: {left_out[0].why}"
        )
    lost = [each for each in left_out if classes and each.label not in labels]
    if lost:
        assert lost[0].label is not None
        raise InputError(
            f"The class {classes[lost[0].label]} would be lost from {what}, as all its "
            f"images are damaged; the first error: {lost[0].why}"
        )


def _check_space(folder: Path, needed: int) -> None:
    """Raises InputError if the disk is too full, before minutes of decoding."""
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
            "to the same size, with --crop where their shapes differ."
        )
