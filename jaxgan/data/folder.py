"""Your own images: a folder of image files.

The supported layouts::

    PATH/*.png                    no labels
    PATH/CLASS/*.png              sub-folders are classes, in natural order: 2 before 10
    PATH/{train,test}/...         either of the above in each; train/ is trained on

A split is named train or training or, if held out, val, valid, validation, dev, test or
testing. Without a held-out split a tenth of each class is held out, chosen by a hash of
each file's relative name, so adding files moves none of the others. Folders without
images are ignored.

PNG, JPEG, WebP, BMP, TIFF, PPM and GIF files are read; of an animation, the first
frame. A warning counts the images of other formats; hidden files and files that are not
images (notes, licences, metadata) are skipped.
"""

import hashlib
import os
import warnings
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from jaxgan.data.hashes import content_hashes
from jaxgan.data.layout import Layout, Paths, understand
from jaxgan.data.source import DataWarning, Example, Source, Split
from jaxgan.data.walk import count_by_suffix, find, printable

_VERSION = b"2"  # increase it when the same files give other examples


class Folder(NamedTuple):
    """A folder of images that has not been read yet: its path and its layout."""

    root: Path
    layout: Layout


def look(root: Path) -> Folder:
    """Lists a folder and determines its layout, without reading an image.

    Warns:
        DataWarning: images of formats that are not read were left out.

    Raises:
        InputError: it is not a folder, has too few images, or its layout is ambiguous.
    """
    found = find(root)
    layout = understand(root, found)
    if found.unread:
        warnings.warn(
            f"{printable(root)}: {len(found.unread):,} images are left out because "
            f"their formats are not read: {count_by_suffix(found.unread)}. Convert "
            "them, for example to PNG.",
            DataWarning,
            stacklevel=2,
        )
    return Folder(root, layout)


class Identity(NamedTuple):
    """A hash of the examples, and the pairs of equal files across the splits."""

    fingerprint: str
    twins: list[tuple[PurePosixPath, PurePosixPath]]


def identify(folder: Folder, store: Path) -> Identity:
    """Returns a hash of the examples: their contents, splits, classes, relative names.

    A copy of the folder, under any path, has the same hash; any change to an image, a
    name or the layout changes it.

    Args:
        folder: the folder.
        store: a folder that stores each file's hash, see `content_hashes`.
    """
    root, layout = folder
    digest = hashlib.sha256(_VERSION)
    for name in layout.classes:
        digest.update(b"\0" + os.fsencode(name))
    paths = [*layout.train, *layout.test]
    digest.update(f"\0{len(layout.train)}".encode())
    contents = content_hashes(root, paths, store)
    for path, content in zip(paths, contents, strict=True):
        # No name contains a zero byte, and all hashes have the same length.
        digest.update(b"\0" + os.fsencode(path) + b"\0" + content.encode())
    trained = dict(zip(contents, layout.train, strict=False))
    held_out = zip(contents[len(layout.train) :], layout.test, strict=True)
    twins = [(path, trained[each]) for each, path in held_out if each in trained]
    return Identity(digest.hexdigest(), twins)


def note(folder: Folder, identity: Identity) -> str:
    """Returns a line that says how the folder was interpreted."""
    twins = identity.twins
    if not twins:
        return folder.layout.note
    held_out, trained = map(printable, twins[0])
    return (
        f"{folder.layout.note} {len(twins):,} of the images held out are also trained "
        f"on, byte for byte ({held_out} is {trained})."
    )


def read(folder: Folder, *, skip_damaged: bool = False) -> Source:
    """Makes a source of the folder's images, without decoding them.

    Args:
        folder: see `look`.
        skip_damaged: ignore a file whose header is not that of an image.

    Raises:
        InputError: a file's header is not that of an image; the message names the file.
    """
    from jaxgan.data import images  # imports Pillow, not needed if there is a cache

    root, layout = folder
    gray = True
    for path in (*layout.train, *layout.test):
        try:
            gray = gray and images.is_gray(root / path)
        except images.UnreadableImage:
            if not skip_damaged:
                raise
    return Source(
        channels=1 if gray else 3,
        classes=tuple(printable(name) for name in layout.classes),
        train=_split(root, layout, layout.train),
        test=_split(root, layout, layout.test),
    )


def _split(root: Path, layout: Layout, paths: Paths) -> Split:
    numbers = {name: number for number, name in enumerate(layout.classes)}

    def example(number: int) -> Example:
        path = paths[number]
        label = numbers[path.parts[layout.depth]] if numbers else None
        return Example(printable(root / path), root / path, label)

    return Split(len(paths), lambda block: [example(i) for i in block])
