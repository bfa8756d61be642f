"""Folders of pairs, and of two sides without pairs, as sources of the cache.

Each example of a folder of pairs is a pair, so a damaged image is left out with its
partner; :func:`apart` separates the two images again.
"""

import hashlib
import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import numpy as np
from jaxtyping import UInt8

from jaxgan.checks import InputError
from jaxgan.data import pair_layout
from jaxgan.data.hashes import content_hashes
from jaxgan.data.pair_layout import Pair, Pairs
from jaxgan.data.sets import Located
from jaxgan.data.source import DataWarning, Decoded, Example, Source, Split
from jaxgan.data.walk import Found, count_by_suffix, find, printable

T = TypeVar("T")

_VERSION = 1  # increase it when the same files give other examples

SIDES = ("a", "b")
"""The classes of the examples of `locate_two_sides`: the sides they are from."""


def locate_pairs(root: Path, store: Path, skip_damaged: bool) -> Located:
    """Finds the pairs of a folder, without reading them.

    Args:
        root: the folder.
        store: a folder that stores each file's hash, see `content_hashes`.
        skip_damaged: ignore a file whose header is not that of an image.

    Raises:
        InputError: see `jaxgan.data.pair_layout.understand_pairs`.

    Warns:
        DataWarning: images of formats that are not read were left out.
    """
    pairs = _understood(root, pair_layout.understand_pairs)
    files = [_files(pairs.train), _files(pairs.test)]
    split = lambda found: _of_files(root, [(pair.input, None) for pair in found])

    def read() -> Source:
        channels = _channels(root, [*files[0], *files[1]], skip_damaged)
        return Source(channels, (), split(pairs.train), split(pairs.test))

    decode = _decode_halves if pairs.side_by_side else _decode_two(root, pairs)
    kind = f"pairs {pairs.side_by_side}"
    return _located(root, store, kind, files, pairs.note, read)._replace(decode=decode)


def locate_two_sides(root: Path, store: Path, skip_damaged: bool) -> Located:
    """Finds the images of two sides; each is an example, and its label is its side.

    Args:
        root: the folder.
        store: a folder that stores each file's hash, see `content_hashes`.
        skip_damaged: ignore a file whose header is not that of an image.

    Raises:
        InputError: see `jaxgan.data.pair_layout.understand_two_sides`.

    Warns:
        DataWarning: images of formats that are not read were left out.
    """
    found = _understood(root, pair_layout.understand_two_sides)
    files = [[*found.train[0], *found.train[1]], [*found.test[0], *found.test[1]]]
    split = lambda sides: _of_files(
        root, [(path, number) for number in (0, 1) for path in sides[number]]
    )

    def read() -> Source:
        channels = _channels(root, [*files[0], *files[1]], skip_damaged)
        return Source(channels, SIDES, split(found.train), split(found.test))

    kind = f"unpaired {[len(side) for side in (*found.train, *found.test)]}"
    return _located(root, store, kind, files, found.note, read)


def _understood(root: Path, understand: Callable[[Path, Found], T]) -> T:
    """Interprets a folder's files; a warning counts the images that are not read."""
    if not root.is_dir():
        raise InputError(f"{printable(root)} is not a folder; pass the path of one.")
    found = find(root)
    meaning = understand(root, found)
    if found.unread:
        warnings.warn(
            f"{printable(root)}: {len(found.unread):,} images are left out because "
            f"their formats are not read: {count_by_suffix(found.unread)}. Convert "
            "them, for example to PNG.",
            DataWarning,
            stacklevel=2,
        )
    return meaning


def _files(pairs: Iterable[Pair]) -> list[PurePosixPath]:
    """Returns the files of pairs, each once."""
    return list(dict.fromkeys(path for pair in pairs for path in pair))


def _located(
    root: Path,
    store: Path,
    kind: str,
    files: Sequence[list[PurePosixPath]],
    note: str,
    read: Callable[[], Source],
) -> Located:
    """Returns the set with its identity: a hash of its files' contents and paths."""
    identify = lambda: content_hashes(root, [*files[0], *files[1]], store)
    contents = identify()
    digest = hashlib.sha256(f"{_VERSION} {kind} {len(files[0])}".encode())
    for path, content in zip([*files[0], *files[1]], contents, strict=True):
        # No name holds a zero byte, and all hashes have one length.
        digest.update(b"\0" + os.fsencode(path) + b"\0" + content.encode())
    fingerprint = digest.hexdigest()
    trained = dict(zip(contents, files[0], strict=False))
    held_out = zip(contents[len(files[0]) :], files[1], strict=True)
    twins = [(path, trained[each]) for each, path in held_out if each in trained]
    if twins:
        one, other = map(printable, twins[0])
        note = (
            f"{note} {len(twins):,} of the images held out are also trained on, byte "
            f"for byte ({one} is {other})."
        )
    name = f"{kind.partition(' ')[0]}:{fingerprint[:16]}"
    return Located(name, fingerprint, read, note, lambda: identify() == contents)


def _channels(root: Path, paths: Iterable[PurePosixPath], skip_damaged: bool) -> int:
    """Returns 1 if all files are grey, else 3."""
    from jaxgan.data import images  # imports Pillow, not needed if there is a cache

    gray = True
    for path in paths:
        try:
            gray = gray and images.is_gray(root / path)
        except images.UnreadableImage:
            if not skip_damaged:
                raise
    return 1 if gray else 3


def _of_files(root: Path, files: Sequence[tuple[PurePosixPath, int | None]]) -> Split:
    def example(number: int) -> Example:
        path, label = files[number]
        return Example(printable(root / path), root / path, label)

    return Split(len(files), lambda block: [example(i) for i in block])


def _decode_two(root: Path, pairs: Pairs) -> Callable[..., Decoded]:
    """Makes a decoder for pairs of two files: the input first, then its target."""
    partner = {root / a: root / b for a, b in (*pairs.train, *pairs.test)}

    def decode(example: Example, **options: Any) -> Decoded:
        from jaxgan.data import images

        assert isinstance(example.file, Path)
        other = partner[example.file]
        names = (example.name, printable(other))
        files = list(zip((example.file, other), names, strict=True))
        if options["crop"]:
            # A crop of images of different shapes would show different parts.
            whole = {**options, "resolution": None, "crop": False}
            _check_alike(names, [images.read(*each, **whole) for each in files])
        both = [images.read(*each, **options) for each in files]
        (h, w, _), (high, wide, _) = (each.image.shape for each in both)
        if (h, w) != (high, wide):
            raise InputError(
                f"{names[0]} is {h}x{w} pixels (height x width), but its partner "
                f"{names[1]} is {high}x{wide}; pass --resolution HxW to bring all "
                "images to the same size, if they show the same part."
            )
        return _joined(both)

    return decode


def _check_alike(names: Sequence[str], both: Sequence[Decoded]) -> None:
    """Refuses partners whose aspect ratios differ by more than rounding."""
    (h, w, _), (high, wide, _) = (each.image.shape for each in both)
    if abs(w * high - wide * h) > max(h, high, w, wide):
        raise InputError(
            f"{names[0]} is {h}x{w} pixels (height x width), and its partner "
            f"{names[1]} {high}x{wide}, another shape, so --crop would take different "
            "parts of them. Cut both to what they have in common, or leave the pair "
            "out."
        )


def _decode_halves(example: Example, **options: Any) -> Decoded:
    """Splits an image twice as wide as high: the input left, the target right."""
    from PIL import Image

    from jaxgan.data import images

    size, crop = options.pop("resolution"), options.pop("crop")
    whole, largest = images.read(example.file, example.name, **options)
    height, width, channels = whole.shape
    if width != 2 * height:
        raise InputError(
            f"{example.name} is {height}x{width} pixels (height x width), but a pair "
            "side by side is twice as wide as high, the input on its left; cut it so, "
            "or put inputs and targets into folders A and B."
        )
    halves = []
    for half in (whole[:, :height], whole[:, height:]):
        plain = Image.fromarray(half[..., 0] if channels == 1 else half)
        plain = images.fit(plain, example.name, size, crop)
        pixels = np.asarray(plain).reshape(*plain.size[::-1], channels)
        halves.append(Decoded(pixels, largest))
    return _joined(halves)


def _joined(both: Sequence[Decoded]) -> Decoded:
    """Joins the bytes of two images [h w c], one after the other, into one [h w 2c].

    Each image stays contiguous, which is read faster than interleaved pixels; height
    and width are still those of one image, as the cache's messages show them.
    """
    largest = [each.largest for each in both if each.largest is not None]
    height, width, channels = both[0].image.shape
    pixels = np.stack([each.image for each in both])
    image = pixels.reshape(height, width, 2 * channels)
    return Decoded(image, max(largest, default=None))


def apart(pairs: UInt8[np.ndarray, "n h w cc"]) -> tuple[np.ndarray, np.ndarray]:
    """Separates cached pairs into inputs and targets, [n h w c] each, without copying.

    Example:
        >>> two = [Decoded(np.full((2, 3, 1), x, np.uint8), None) for x in (5, 7)]
        >>> a, b = apart(_joined(two).image[None])
        >>> a.shape, a.max().item(), b.min().item()
        ((1, 2, 3, 1), 5, 7)
    """
    n, height, width, channels = pairs.shape
    both = pairs.reshape(n, 2, height, width, channels // 2)
    return both[:, 0], both[:, 1]
