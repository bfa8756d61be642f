"""Photos for super-resolution: small tiles, and the same tiles in full size.

:func:`load_photos` loads pairs of tiles to train on, and whole photos for evaluation,
from which no training tile is cut. Some photos come with scikit-learn, matplotlib and
scikit-image and need no download; others are in your own folder. All are decoded at
each start.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jaxgan.checks import InputError
from jaxgan.data import sets
from jaxgan.data.arrays import Examples
from jaxgan.data.dataset import DataSet
from jaxgan.data.size import Size
from jaxgan.data.source import CREDITS
from jaxgan.data.walk import listed, printable

if TYPE_CHECKING:
    from jaxgan.data.photo_files import File, Photo

TILE = 96
"""The default height and width of a tile in pixels."""

_VERSION = 1  # increase it when the same photos give other tiles
_MOST_BYTES = 8 * 2**30


@dataclass(frozen=True, eq=False)
class PhotoSet(DataSet):
    """Pairs of tiles, and the held-out photos whole.

    Attributes:
        photos: the held-out photos, each a `jaxgan.data.photo_files.Photo`: its name,
            and its pixels, uint8 [h w 3] of any h and w.
        scale: how many times larger "target" is than "input", along each side.
    """

    photos: "tuple[Photo, ...]" = ()
    scale: int = 1


def load_photos(
    name: str,
    *,
    scale: int,
    data_dir: str | Path,
    manual_dir: str | Path | None = None,
    resolution: Size | None = None,
    crop: bool = False,
    channels: int | None = None,
    skip_damaged: bool = False,
    bits: int | None = None,
) -> PhotoSet:
    """Loads photos as pairs of tiles, for super-resolution by ``scale``.

    Each photo is shrunk as a whole by Pillow's bicubic filter and then cut. Tiles to
    train on overlap by half, so that a game can take crops of half their side from any
    place; those of held-out photos do not. In a folder, a hash of the names holds out a
    tenth of the photos, at least one.

    Args:
        name: ``photos`` for two photos to train on and one held out; ``photos:more``
            for four and three, with those of scikit-image (the extra ``photos``);
            ``folder:PATH`` for all photos below a folder, of any sizes.
        scale: how many times larger the targets are than the inputs.
        data_dir: not used; here so that all loaders have the same arguments.
        manual_dir: not used either.
        resolution: the side of a target in pixels, a multiple of the scale; default 96.
        crop: has no effect on photos, and is refused.
        channels: 3 or None; photos are RGB, and grey ones are converted.
        skip_damaged: leave out photos that cannot be read, instead of refusing the
            folder; a warning counts them.
        bits: see `load`; only for a folder.

    Returns:
        The set, with columns "input" and "target", uint8 [n t/scale t/scale 3] and
        [n t t 3], photo by photo. A DataWarning counts what was left out.

    Raises:
        InputError: the set is unknown, has fewer than two photos, too many tiles, or a
            photo that is smaller than a tile, damaged or a duplicate.

    Example:
        >>> data = load_photos("photos", scale=4, data_dir="unused")
        >>> data.shape_of("input"), data.shape_of("target")
        ((24, 24, 3), (96, 96, 3))
        >>> [(photo.name, photo.image.shape) for photo in data.photos]
        [('flower.jpg', (427, 640, 3))]
    """
    from jaxgan.data import photo_files  # imports Pillow

    options = sets.checked(resolution, crop, channels, bits)
    tile = _checked_tile(scale, options)
    if bits is not None and name in photo_files.BUILT_IN:
        raise InputError(
            f"--bits is for files of 16 bits, and {name} has none; omit it."
        )
    how = {"bits": bits, "skip_damaged": skip_damaged}
    return _cut(name, *photo_files.locate(name), tile, scale, how)


def _cut(
    name: str,
    train: "list[File]",
    test: "list[File]",
    tile: int,
    scale: int,
    how: dict[str, Any],
) -> PhotoSet:
    """Cuts the photos to train on and those held out into tiles.

    ``how`` holds the keyword arguments of `photo_files.read`.
    """
    from jaxgan.data import photo_files

    room = [
        _room(files, tile, scale, apart=apart)
        for files, apart in ((train, False), (test, True))
    ]
    apart = _bytes(sum(room), tile, scale) > _MOST_BYTES
    if apart:
        room[0] = _room(train, tile, scale, apart=True)
    _check_memory(name, sum(room), tile, scale)
    seen: dict[str, str] = {}
    read = lambda files: _unlike(photo_files.read(files, **how), seen, tile)
    trained = _columns(read(train), room[0], tile, scale, apart=apart)
    number = len(seen)
    kept = tuple(read(test))
    held_out = _columns(kept, room[1], tile, scale, apart=True)
    _check_some(name, train, number)
    _check_some(name, test, len(kept))
    of = (_VERSION, scale, tile, number, list(seen.items()))
    identity = repr((*of, "apart") if apart else of)
    return PhotoSet(
        name=name,
        train=Examples(trained),
        test=Examples(held_out),
        fingerprint=hashlib.sha256(identity.encode()).hexdigest()[:16],
        note=(
            f"{printable(name)}: {number:,} photos to train on in "
            f"{len(trained['target']):,} tiles of {tile}x{tile} pixels"
            f"{' that do not overlap, to save memory' if apart else ''}; held out "
            f"whole: {listed(photo.name for photo in kept)}; shrunk {scale} times by "
            "Pillow's bicubic filter."
        ),
        credit=CREDITS.get(name, ""),
        photos=kept,
        scale=scale,
    )


def _checked_tile(scale: int, options: dict[str, Any]) -> int:
    """Returns the side of a target; refuses options that would have no effect."""
    if scale < 2:
        raise InputError(f"--scale must be 2 or more, got {scale}.")
    tile = options["resolution"] or TILE
    if not isinstance(tile, int) or tile % scale or tile < 2 * scale:
        raise InputError(
            "Photos are cut into square tiles: --resolution must be a multiple of "
            f"--scale {scale}, at least {2 * scale}, such as {8 * scale}; got {tile}."
        )
    if options["crop"]:
        raise InputError("Photos keep their shapes, so --crop has no effect; omit it.")
    if options["channels"] == 1:
        raise InputError(
            "Photos are RGB, and grey ones are converted: leave out --channels. Grey "
            "images are magnified by the same networks."
        )
    return tile


def _room(files: "Sequence[File]", tile: int, scale: int, *, apart: bool) -> int:
    """Counts the tiles, by the files' headers.

    Raises:
        InputError: a photo is smaller than a tile.
    """
    from jaxgan.data import photo_files, photo_tiles

    count = 0
    for name, size in photo_files.sizes(files).items():
        _check_size(name, size, tile)
        count += len(photo_tiles.places(size, scale, tile, apart=apart))
    return count


def _check_size(name: str, size: tuple[int, ...], tile: int) -> None:
    if min(size) < tile:
        raise InputError(
            f"The photo {name} is {size[0]}x{size[1]} pixels (height x width), smaller "
            f"than a tile of {tile}x{tile}. Take it out of the folder, or ask for "
            "smaller tiles with --resolution."
        )


def _check_memory(name: str, count: int, tile: int, scale: int) -> None:
    size = _bytes(count, tile, scale)
    if size > _MOST_BYTES:
        most = _MOST_BYTES / _bytes(1, tile, scale) * tile**2
        raise InputError(
            f"{printable(name)} has {count:,} tiles of {tile}x{tile} pixels, which are "
            f"kept in memory and need {size / 2**30:.1f} GiB; at most "
            f"{_MOST_BYTES // 2**30} GiB are allowed, {most / 1e6:,.0f} megapixels. "
            "Give a folder with fewer photos, or smaller ones."
        )


def _bytes(tiles: int, tile: int, scale: int) -> int:
    """Returns the size of so many pairs of tiles in memory."""
    return tiles * 3 * (tile**2 + (tile // scale) ** 2)


def _unlike(
    photos: "Iterable[Photo]", seen: dict[str, str], tile: int
) -> "Iterator[Photo]":
    """Yields photos, and records their names in ``seen`` by the pixels' hashes.

    Raises:
        InputError: a photo was seen before, under another name.
    """
    for photo in photos:
        _check_size(photo.name, photo.image.shape[:2], tile)
        digest = hashlib.sha256(repr(photo.image.shape).encode())
        digest.update(np.ascontiguousarray(photo.image).data)
        same = seen.setdefault(digest.hexdigest(), photo.name)
        if same != photo.name:
            raise InputError(
                f"{same} and {photo.name} are the same photo, pixel by pixel. Take one "
                "away: a photo held out must not also be trained on."
            )
        yield photo


def _columns(
    photos: "Iterable[Photo]", most: int, tile: int, scale: int, *, apart: bool
) -> dict[str, np.ndarray]:
    """Returns the tiles of photos, one after another, at most ``most`` of them."""
    from jaxgan.data import photo_tiles

    inputs = np.empty((most, tile // scale, tile // scale, 3), np.uint8)
    targets = np.empty((most, tile, tile, 3), np.uint8)
    count = 0
    for photo in photos:
        for small, whole in photo_tiles.pairs(photo.image, scale, tile, apart=apart):
            inputs[count], targets[count] = small, whole
            count += 1
    return {"input": inputs[:count], "target": targets[:count]}


def _check_some(name: str, files: "Sequence[File]", number: int) -> None:
    if not number:
        raise InputError(
            f"{printable(name)} has no photo left of {listed(f.name for f in files)}, "
            "as they cannot be read. Repair them, or add others."
        )
