"""Image sets by name: decoded once to uint8, then mapped from the cache at each start.

A second start opens the cache without importing tfds or decoding anything.
"""

import functools
import hashlib
import importlib.metadata
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, Int32, UInt8

from jaxgan.checks import InputError
from jaxgan.data.source import OWN_SETS, Example, Source

_DECODER = 1  # raise it when the same file decodes to other values


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images, and their labels where there are any.

    Attributes:
        images: [n h w c] uint8, usually a read-only memory map.
        labels: [n] int32 positions in ``classes``, or None.
        classes: the names of the classes; empty without labels.
    """

    images: UInt8[np.ndarray, "n h w c"]
    labels: Int32[np.ndarray, " n"] | None
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images)

    def batch(self, indices: Int[np.ndarray, "*b"]) -> dict[str, np.ndarray]:
        """The examples at ``indices``, copied: "image", and "label" if labelled.

        Example:
            >>> images = ImageSet(np.zeros((6, 2, 2, 1), np.uint8), None, ())
            >>> images.batch(np.array([[4, 1]]))["image"].shape
            (1, 2, 2, 2, 1)
        """
        batch = {"image": np.asarray(self.images[indices])}
        if self.labels is not None:
            batch["label"] = self.labels[indices]
        return batch


@dataclass(frozen=True, eq=False)
class DataSet:
    """A set to train on, and images of the same kind held out from training.

    Attributes:
        name: as given to `load`.
        train: what to train on.
        test: what is held out.
        fingerprint: equal for equal images: of the set's version and of how it was
            decoded; of a folder's path and its files' names, sizes and times.
    """

    name: str
    train: ImageSet
    test: ImageSet
    fingerprint: str = ""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(h, w, c) of one image."""
        height, width, channels = self.train.images.shape[1:]
        return height, width, channels

    @property
    def num_classes(self) -> int:
        """Number of classes; 0 where nothing is labelled."""
        return len(self.train.classes)


def load(
    name: str,
    *,
    data_dir: str | Path,
    manual_dir: str | Path | None = None,
    resolution: int | None = None,
    crop: bool = False,
    channels: int | None = None,
) -> DataSet:
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
        resolution: side of the images in pixels, by a Lanczos filter; None keeps the
            set's own, which must then be the same for all images.
        crop: take the centre of images that are not square, instead of refusing them.
        channels: 1 for grayscale, 3 for RGB; None takes what the files are, which is
            RGB where they are mixed.

    Returns:
        The set; its images are uint8 [n h w c] with h = w, mapped read-only.

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
    if resolution is not None and resolution < 1:
        raise InputError(f"--resolution must be at least 1 pixel, got {resolution}.")
    if channels not in (None, 1, 3):
        raise InputError(f"channels must be 1 (gray), 3 (RGB) or None, got {channels}.")
    root = Path(data_dir).expanduser()
    manual = None if manual_dir is None else Path(manual_dir).expanduser()
    options = {"resolution": resolution, "crop": crop, "channels": channels}
    try:
        version, read = _locate(name, root / "tfds", manual)
        return _cached(root / "cache", name, version, read, options)
    except OSError as error:
        raise InputError(
            f"--data-dir {root} cannot be used: {error}. Pass a folder that can be "
            "read and written and has room for the decoded images."
        ) from error


def _locate(
    name: str, prepared: Path, manual_dir: Path | None
) -> tuple[str, Callable[[], Source]]:
    """The version of a set, cheap to find, and how to read it, which is not."""
    if name.startswith("folder:"):
        from jaxgan.data import folder

        path = Path(name.removeprefix("folder:")).expanduser()
        return folder.fingerprint(path), lambda: folder.read(path)

    def read() -> Source:
        from jaxgan.data import prepare  # imports tfds

        reader = prepare.read_own if name in OWN_SETS else prepare.read_stock
        return reader(name, prepared, manual_dir)

    # A stock set's version is part of tfds, and so follows from that of tfds.
    tfds_version = importlib.metadata.version("tensorflow-datasets")
    return OWN_SETS.get(name, f"tfds {tfds_version}"), read


def _cached(
    root: Path,
    name: str,
    version: str,
    read: Callable[[], Source],
    options: dict[str, Any],
) -> DataSet:
    """Opens the cache, after writing it if it is not there or not good."""
    from jaxgan.data import cache

    where = {"name": name, **options}
    key = {**where, "version": version, "decoder": _DECODER}
    mark = hashlib.sha256(repr(sorted(where.items())).encode()).hexdigest()[:12]
    folder = root / f"{re.sub(r'[^A-Za-z0-9_]+', '-', name)[-40:]}-{mark}"
    for _ in range(3):  # another process may replace an outdated cache meanwhile
        found = cache.read(folder, key)
        if found is not None:
            fingerprint = hashlib.sha256(repr(sorted(key.items())).encode()).hexdigest()
            return _data_set(name, found.arrays, found.classes, fingerprint[:16])
        source = read()
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
) -> DataSet:
    train, test = (
        ImageSet(arrays[f"{split}_images"], arrays.get(f"{split}_labels"), classes)
        for split in ("train", "test")
    )
    return DataSet(name, train, test, fingerprint)
