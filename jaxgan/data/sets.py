"""Image sets by name: decoded once to uint8, then mapped from the cache at each start.

A second start opens the cache without importing tfds or decoding anything.
"""

import functools
import hashlib
import importlib.metadata
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8

from jaxgan.checks import InputError
from jaxgan.data.dataset import ImageDataSet, ImageSet
from jaxgan.data.size import Size, simplest
from jaxgan.data.source import OWN_SETS, Example, Source

_DECODER = 1  # raise it when the same file decodes to other values


def load(
    name: str,
    *,
    data_dir: str | Path,
    manual_dir: str | Path | None = None,
    resolution: Size | None = None,
    crop: bool = False,
    channels: int | None = None,
) -> ImageDataSet:
    """Loads a set by name, decoding it on the first call only.

    What is held out: the last 382 of ``digits``, in scikit-learn's order, which
    follows the writers, so those digits come from other writers; the published test
    split of the other named sets; ``test``, else ``validation``, else the last tenth of
    ``train`` of a stock set of tfds; of a folder its ``test/``, else a tenth.

    Args:
        name: ``digits``, ``mnist``, ``fashion_mnist``, ``cifar10``, ``folder:PATH`` or
            a stock image set of tfds, which needs the extra ``tf``.
        data_dir: where downloads, prepared records and the cache live.
        manual_dir: a folder that holds the original files, in place of a download.
        resolution: the images' size in pixels, N for N x N or (height, width), by a
            Lanczos filter; None keeps the set's own, which must then be the same for
            all images.
        crop: take the centre of images whose aspect ratio is not that of
            ``resolution``, instead of refusing them; without ``resolution``, the
            largest square.
        channels: 1 for grayscale, 3 for RGB; None takes what the files are, which is
            RGB where they are mixed.

    Returns:
        The set; its images are uint8 [n h w c], mapped read-only.

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
    if resolution is not None:
        resolution = simplest(resolution)
    if channels not in (None, 1, 3):
        raise InputError(f"channels must be 1 (gray), 3 (RGB) or None, got {channels}.")
    root = Path(data_dir).expanduser()
    manual = None if manual_dir is None else Path(manual_dir).expanduser()
    options = {"resolution": resolution, "crop": crop, "channels": channels}
    try:
        found = _locate(name, root, manual)
        return _cached(root / "cache", name, found, options)
    except OSError as error:
        raise InputError(
            f"--data-dir {root} cannot be used: {error}. Pass a folder that can be "
            "read and written and has room for the decoded images."
        ) from error


class _Located(NamedTuple):
    """A set that is not read yet.

    ``identity`` names its cache, and ``version`` says if what lies there is it. Both
    are the same wherever the set comes from, and cheap to find, unlike ``read()``.
    """

    identity: str
    version: str
    read: Callable[[], Source]


def _locate(name: str, root: Path, manual_dir: Path | None) -> _Located:
    if name.startswith("folder:"):
        from jaxgan.data import folder

        path = Path(name.removeprefix("folder:")).expanduser()
        content = folder.fingerprint(path, root / "hashes")
        return _Located(f"folder:{content[:16]}", content, lambda: folder.read(path))

    def read() -> Source:
        from jaxgan.data import prepare  # imports tfds

        reader = prepare.read_own if name in OWN_SETS else prepare.read_stock
        return reader(name, root / "tfds", manual_dir)

    # A stock set's version is part of tfds, and so follows from that of tfds.
    tfds_version = importlib.metadata.version("tensorflow-datasets")
    return _Located(name, OWN_SETS.get(name, f"tfds {tfds_version}"), read)


def _cached(
    root: Path, name: str, located: _Located, options: dict[str, Any]
) -> ImageDataSet:
    """Opens the cache, after writing it if it is not there or not good."""
    from jaxgan.data import cache

    size = options["resolution"]
    size = list(size) if isinstance(size, tuple) else size  # as JSON gives it back
    where = {"name": located.identity, **options, "resolution": size}
    key = {**where, "version": located.version, "decoder": _DECODER}
    mark = hashlib.sha256(repr(sorted(where.items())).encode()).hexdigest()[:12]
    stem = re.sub(r"[^A-Za-z0-9_]+", "-", located.identity)[-40:]
    folder = root / f"{stem}-{mark}"
    for _ in range(3):  # another process may replace an outdated cache meanwhile
        found = cache.read(folder, key)
        if found is not None:
            fingerprint = hashlib.sha256(repr(sorted(key.items())).encode()).hexdigest()
            return _data_set(name, found.arrays, found.classes, fingerprint[:16])
        source = located.read()
        cache.write(folder, key, source, _decoder(source, options), name)
    raise InputError(f"The cache {folder} keeps changing; remove it and start again.")


def _decoder(
    source: Source, options: dict[str, Any]
) -> Callable[[Example], UInt8[np.ndarray, "h w c"]]:
    from jaxgan.data import images

    decode = functools.partial(
        images.decode,
        resolution=options["resolution"],
        crop=options["crop"],
        channels=options["channels"] or source.channels,
    )
    return lambda example: decode(example.file, example.name)


def _data_set(
    name: str, arrays: dict[str, np.ndarray], classes: tuple[str, ...], fingerprint: str
) -> ImageDataSet:
    train, test = (
        ImageSet(arrays[f"{split}_images"], arrays.get(f"{split}_labels"), classes)
        for split in ("train", "test")
    )
    return ImageDataSet(name, train, test, fingerprint)
