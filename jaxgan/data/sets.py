"""Image sets by name: decoded once to uint8, then memory-mapped from the cache.

A second start opens the cache without importing tfds or decoding anything.
"""

import contextlib
import hashlib
import importlib.metadata
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from jaxgan.checks import InputError
from jaxgan.data import cache, drafts
from jaxgan.data.dataset import ImageDataSet, ImageSet
from jaxgan.data.size import Size, simplest
from jaxgan.data.source import (
    CREDITS,
    LEAST_BITS,
    OWN_SETS,
    USUAL_BITS,
    DataWarning,
    Decoded,
    Example,
    Source,
)
from jaxgan.data.walk import listed, printable
from jaxgan.files import expand

_DECODER = 1  # increase it when the same file decodes to other values


def load(
    name: str,
    *,
    data_dir: str | Path,
    manual_dir: str | Path | None = None,
    resolution: Size | None = None,
    crop: bool = False,
    channels: int | None = None,
    skip_damaged: bool = False,
    bits: int | None = None,
) -> ImageDataSet:
    """Loads a set by name, decoding it on the first call only.

    The held-out examples are, of ``digits``, the last 382, which come from other
    writers, since scikit-learn orders them by writer; of the other named sets, the
    published test split; of a stock set of tfds, ``test``, else ``validation``, else
    the last tenth of ``train``; of a folder, its validation and test splits, else a
    tenth of each class.

    Args:
        name: ``digits``, ``mnist``, ``fashion_mnist``, ``cifar10``, ``folder:PATH`` or
            a stock image set of tfds, which needs the extra ``tf``.
        data_dir: the folder of downloads, prepared records and the cache.
        manual_dir: a folder that holds the original files, in place of a download.
        resolution: the images' size in pixels, N for N x N or (height, width), by a
            Lanczos filter; None keeps the set's own, which must then be the same for
            all images.
        crop: take the centre of images whose aspect ratio is not that of
            ``resolution``, instead of refusing them; without ``resolution``, the
            largest square.
        channels: 1 for grayscale, 3 for RGB; None keeps the files' own, RGB if they are
            mixed.
        skip_damaged: leave out images that cannot be read, instead of refusing the
            set; a warning counts them.
        bits: the significant bits of 16-bit grayscale files, 9 to 16; None takes them
            from the file, else 16.

    Warns:
        DataWarning: images were left out, or seem to have fewer bits than they say; a
            damaged cache was made again.

    Returns:
        The set; its images are uint8 [n h w c], memory-mapped and read-only.

    Raises:
        InputError: the set is unknown, cannot be fetched, holds a file that cannot be
            used, or ``data_dir`` cannot be read and written.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     data = load("digits", data_dir=folder)
        >>> data.image_shape, data.num_classes, len(data.train), len(data.test)
        ((8, 8, 1), 10, 1415, 382)
    """
    options = checked(resolution, crop, channels, bits)
    root = expand(data_dir, "--data-dir")
    manual = None if manual_dir is None else expand(manual_dir, "--manual-dir")
    with usable(root):
        found = _locate(name, root, manual, skip_damaged)
        return cached(root / "cache", name, found, options, skip_damaged)


def checked(
    resolution: Size | None, crop: bool, channels: int | None, bits: int | None
) -> dict[str, Any]:
    """Returns the decoding options of `load`; refuses invalid ones."""
    if resolution is not None:
        resolution = simplest(resolution)
    if channels not in (None, 1, 3):
        raise InputError(f"channels must be 1 (gray), 3 (RGB) or None, got {channels}.")
    if bits is not None and not LEAST_BITS <= bits <= 16:
        raise InputError(f"bits must be from {LEAST_BITS} to 16, got {bits}.")
    options = {"resolution": resolution, "crop": crop, "channels": channels}
    return options if bits is None else {**options, "bits": bits}


@contextlib.contextmanager
def usable(root: Path) -> Iterator[None]:
    """Raises an InputError that names --data-dir if ``root`` cannot be used."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"--data-dir {root} cannot be used: {error}. Pass a folder that can be "
            "read and written and has room for the decoded images."
        ) from error


class Located(NamedTuple):
    """A set that has not been read yet.

    ``identity`` names its cache, and ``version`` tells whether that is up to date. Both
    are the same wherever the set comes from, and cheap to find, unlike ``read()``.
    """

    identity: str
    version: str
    read: Callable[[], Source]
    note: str = ""
    same: Callable[[], bool] = lambda: True
    """A function that returns whether the set is unchanged since it was found."""
    decode: Callable[..., Decoded] | None = None
    """The decoder of an example, given the options; None reads the example's file."""


def _locate(
    name: str, root: Path, manual_dir: Path | None, skip_damaged: bool
) -> Located:
    if name.startswith("folder:"):
        from jaxgan.data import folder

        found = folder.look(expand(name.removeprefix("folder:"), "--dataset folder:"))
        identity = folder.identify(found, root / "hashes")
        content, note = identity.fingerprint, folder.note(found, identity)
        read_folder = lambda: folder.read(found, skip_damaged=skip_damaged)
        same = lambda: folder.identify(found, root / "hashes") == identity
        return Located(f"folder:{content[:16]}", content, read_folder, note, same)

    def read() -> Source:
        from jaxgan.data import prepare  # imports tfds

        reader = prepare.read_own if name in OWN_SETS else prepare.read_stock
        return reader(name, root / "tfds", manual_dir)

    # A stock set's version is part of tfds, and so determined by that of tfds.
    tfds_version = importlib.metadata.version("tensorflow-datasets")
    return Located(name, OWN_SETS.get(name, f"tfds {tfds_version}"), read)


def cached(
    root: Path,
    name: str,
    located: Located,
    options: dict[str, Any],
    skip_damaged: bool,
) -> ImageDataSet:
    """Opens the cache, after writing it if it is missing or not valid."""
    size = options["resolution"]
    size = list(size) if isinstance(size, tuple) else size  # as JSON gives it back
    where = {"name": located.identity, **options, "resolution": size}
    key = {**where, "version": located.version, "decoder": _DECODER}
    mark = hashlib.sha256(repr(sorted(where.items())).encode()).hexdigest()[:12]
    stem = re.sub(r"[^A-Za-z0-9_]+", "-", located.identity)[-40:]
    folder = root / f"{stem}-{mark}"
    drafts.clear_stale(root)
    drafts.clear_stale(root.parent / "hashes")
    for _ in range(3):  # another process may replace an outdated cache meanwhile
        found = cache.read(folder, key)
        if found is not None and (skip_damaged or not found.left_out):
            _tell(name, found)
            fingerprint = hashlib.sha256(repr(sorted(key.items())).encode()).hexdigest()
            return _data_set(name, found, fingerprint[:16], located.note)
        _write(folder, key, located, options, printable(name), skip_damaged)
    raise InputError(f"The cache {folder} keeps changing; remove it and start again.")


def _write(
    folder: Path,
    key: dict[str, Any],
    located: Located,
    options: dict[str, Any],
    title: str,
    skip_damaged: bool,
) -> None:
    from jaxgan.data import images  # imports Pillow, not needed if there is a cache

    skip = (images.UnreadableImage,) if skip_damaged else ()

    def check() -> None:
        if not located.same():
            raise InputError(
                f"{title} was changed while it was read; start again when it is whole."
            )

    with warnings.catch_warnings():
        # Pillow's warnings of harmless damage do not name the file.
        warnings.filterwarnings("ignore", module=r"PIL\.")
        source = located.read()
        options = {**options, "channels": options["channels"] or source.channels}
        read = located.decode or _read
        decode = lambda example: read(example, **options)
        cache.write(folder, key, source, decode, title, skip=skip, check=check)


def _read(example: Example, **options: Any) -> Decoded:
    from jaxgan.data import images

    return images.read(example.file, example.name, **options)


def _tell(name: str, found: cache.Cached) -> None:
    """Warns about images that were left out, and sets that look too dark."""
    if found.left_out:
        warnings.warn(
            f"{printable(name)}: {len(found.left_out):,} damaged images are left out: "
            f"{listed(each.name for each in found.left_out)}.",
            DataWarning,
            stacklevel=2,
        )
    if found.largest is not None and found.largest < 2**USUAL_BITS:
        warnings.warn(
            f"{printable(name)}: its files have 16 bits, but no value exceeds "
            f"{found.largest:,} of 65,535, so they are almost black. If they hold "
            f"{USUAL_BITS} bits, as many cameras and scanners write, pass --bits "
            f"{USUAL_BITS} for grayscale, or convert colour to 8 bits.",
            DataWarning,
            stacklevel=2,
        )


def _data_set(
    name: str, found: cache.Cached, fingerprint: str, note: str
) -> ImageDataSet:
    train, test = (
        ImageSet(
            found.arrays[f"{split}_images"],
            found.arrays.get(f"{split}_labels"),
            found.classes,
        )
        for split in ("train", "test")
    )
    credit = CREDITS.get(name, "")
    return ImageDataSet(name, train, test, fingerprint, note, credit)
