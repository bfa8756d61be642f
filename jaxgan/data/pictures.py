"""Sets of pictures to evaluate: folders, arrays and files of arrays, block by block.

An evaluation reads RGB images of any size, each of them once. So a folder need not fit
into memory, its images may differ in size, and it may hold just one.
"""

import dataclasses
import hashlib
import os
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from jaxgan.checks import InputError
from jaxgan.data.hashes import content_hashes
from jaxgan.data.walk import find, printable

_NPY = b"\x93NUMPY"

Block = UInt8[np.ndarray, "n h w 3"] | list[UInt8[np.ndarray, "_ _ 3"]]
"""Several images, which may differ in size."""


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Pictures:
    """A set of RGB images.

    Attributes:
        name: its name in a protocol.
        count: the number of images.
        blocks: ``blocks(size)`` yields them in order, ``size`` at a time.
        identity: a hash that is equal for equal images in the same order; None if
            nothing is known about them before they are made.
        note: what a user should know about how they were read; else empty.
        classes: the name of each image's class, ``[n]``; None without labels.
    """

    name: str
    count: int
    blocks: Callable[[int], Iterator[Block]]
    identity: str | None = None
    note: str = ""
    classes: np.ndarray | None = None


def of_array(images: Any, name: str, classes: Any = None) -> Pictures:
    """Returns a set of uint8 images ``[n h w 3]``, or ``[n h w 1]`` as grey RGB.

    Args:
        images: the images.
        name: the name of the set.
        classes: the name or number of each image's class, ``[n]``; None without labels.

    Raises:
        InputError: for another dtype or shape, or another number of classes.

    Example:
        >>> pictures = of_array(np.zeros((5, 8, 8, 1), np.uint8), "five")
        >>> [np.shape(block) for block in pictures.blocks(2)]
        [(2, 8, 8, 3), (2, 8, 8, 3), (1, 8, 8, 3)]
    """
    check_rgb(images, name)
    if classes is not None and np.shape(classes) != (len(images),):
        raise InputError(
            f"{name}: expected the class of each of the {len(images):,} images, got "
            f"labels of shape {list(np.shape(classes))}."
        )
    grey = images.shape[-1] == 1

    def blocks(size: int) -> Iterator[Block]:
        for start in range(0, len(images), size):
            yield as_rgb(np.asarray(images[start : start + size]), name)

    digest = hashlib.sha256(repr(images.shape).encode())
    for block in blocks(1024):
        digest.update(np.ascontiguousarray(block).data)
    note = f"{name} is in grey: each pixel three times." if grey else ""
    return Pictures(
        name=name,
        count=len(images),
        blocks=blocks,
        identity=digest.hexdigest(),
        note=note,
        classes=None if classes is None else np.asarray(classes).astype(str),
    )


def as_rgb(images: Any, name: str) -> UInt8[np.ndarray, "n h w 3"]:
    """Returns uint8 images in RGB; grey ones, ``[n h w 1]``, get three equal channels.

    Args:
        images: at least one.
        name: their name in error messages.

    Raises:
        InputError: they have another dtype or shape.
    """
    check_rgb(images, name)
    return np.repeat(images, 3, axis=-1) if images.shape[-1] == 1 else images


def check_rgb(images: Any, name: str) -> None:
    """Raises InputError unless they are one or more uint8 images in RGB or grey."""
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or not images.size:
        raise InputError(
            f"{name}: expected images [n h w 3] or, in grey, [n h w 1], got the shape "
            f"{list(images.shape)}. Put transparent images on a background, and move "
            "channels that come first to the end."
        )
    if images.dtype != np.uint8:
        raise InputError(
            f"{name}: expected pixels in uint8, 0 to 255, got {images.dtype}. Floats "
            "in [-1, 1] become pixels by jaxgan.images.as_uint8."
        )


def of_npz(path: Path) -> Pictures:
    """Reads the images in a NumPy file; in an npz "images", "arr_0" or its only array.

    An array "labels" beside them holds the name or number of each image's class.

    Raises:
        InputError: it cannot be read, or holds no such images.
    """
    return of_array(*read_npz(path))


def read_npz(path: Path) -> tuple[np.ndarray, str, np.ndarray | None]:
    """Returns the images in an ``.npy`` or ``.npz`` file, its name, and the labels.

    Raises:
        InputError: it cannot be read, or it holds several arrays, none of them named
            "images" or "arr_0".
    """
    name = printable(path.name)
    try:
        with path.open("rb") as file:
            if file.read(len(_NPY)) == _NPY:
                return np.load(path, mmap_mode="r", allow_pickle=False), name, None
            file.seek(0)
            with np.load(file, allow_pickle=False) as held:
                images = held[_name_of_images(path, held.files)]
                return images, name, held.get("labels")
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path} cannot be read as a file of NumPy arrays: {error}. Write it with "
            "np.savez(FILE, images=...)."
        ) from error


def _name_of_images(path: Path, names: list[str]) -> str:
    names = [name for name in names if name != "labels"]
    known = [name for name in ("images", "arr_0") if name in names]
    if not known and len(names) != 1:
        raise InputError(
            f"{path} holds {', '.join(names) or 'no array'}; expected the images "
            "alone, or as 'images' or 'arr_0'."
        )
    return (known or names)[0]


def of_folder(root: Path, store: Path) -> Pictures:
    """Returns all images below a folder, in the order of their names.

    Transparent images are put on white; grey images become RGB. If all images are in
    sub-folders, the name of the innermost one is an image's class.

    Args:
        root: the folder.
        store: the folder in which hashes of files are stored.

    Raises:
        InputError: there is no image, or one of them is damaged.
    """
    from jaxgan.data import images

    paths = find(root).images
    looks = [images.look(root / path) for path in paths]
    digest = hashlib.sha256()
    for path, content in zip(paths, content_hashes(root, paths, store), strict=True):
        digest.update(os.fsencode(path) + b"\0" + content.encode())

    def blocks(size: int) -> Iterator[Block]:
        for start in range(0, len(paths), size):
            yield _stacked(
                [
                    images.decode(root / path, str(root / path), channels=3)
                    for path in paths[start : start + size]
                ]
            )

    return Pictures(
        name=printable(root),
        count=len(paths),
        blocks=blocks,
        identity=digest.hexdigest(),
        note=_note(printable(root), looks),
        classes=_classes([path.parent.name for path in paths]),
    )


def _classes(folders: list[str]) -> np.ndarray | None:
    """Returns the names of the images' folders; None if some images are in none."""
    return np.asarray(folders) if all(folders) else None


def _stacked(block: list[np.ndarray]) -> Block:
    return np.stack(block) if len({image.shape for image in block}) == 1 else block


def _note(name: str, looks: list[Any]) -> str:
    """Describes what is unusual about a folder's images, by their headers."""
    sizes = Counter(look.size for look in looks)
    told = []
    if len(sizes) > 1:
        often = " x ".join(map(str, sizes.most_common(1)[0][0]))
        told.append(f"{len(sizes):,} sizes, most often {often}")
    if grey := sum(look.gray for look in looks):
        told.append(f"{grey:,} in grey, taken as RGB")
    if clear := sum(look.transparent for look in looks):
        told.append(f"{clear:,} with transparency, put on white")
    return f"{name}: {len(looks):,} images, {'; '.join(told)}." if told else ""
