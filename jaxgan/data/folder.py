"""One's own images: a folder of PNG, JPEG and WebP files.

The layouts that are understood::

    PATH/*.png                    no labels
    PATH/CLASS/*.png              sub-folders are classes, in sorted order
    PATH/{train,test}/...         either of the above, twice; test is held out

Without train/ and test/ a tenth of the files is held out, chosen by a hash of each
file's relative name, so adding files moves none of the others. Hidden files and files
with other suffixes (notes, licences, metadata) are skipped.
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NoReturn

from jaxgan.checks import InputError
from jaxgan.data.hashes import content_hashes, unreadable
from jaxgan.data.source import Example, Source, Split

SUFFIXES = (".jpeg", ".jpg", ".png", ".webp")


def _refuse(error: OSError) -> NoReturn:
    raise unreadable(error) from error


def list_images(root: Path) -> list[PurePosixPath]:
    """All image files below ``root``, relative to it, sorted; hidden ones left out.

    Raises:
        InputError: there is no such folder, or no image in it.
    """
    if not root.is_dir():
        raise InputError(
            f"folder:{root} is not a folder; pass --dataset folder:PATH with the path "
            "of a folder of images."
        )
    found = []
    for folder, names, files in os.walk(root, onerror=_refuse, followlinks=True):
        names[:] = [name for name in names if not name.startswith(".")]
        found += [
            PurePosixPath(Path(folder, file).relative_to(root))
            for file in files
            if not file.startswith(".") and file.lower().endswith(SUFFIXES)
        ]
    if not found:
        raise InputError(
            f"No images in {root}: expected files that end in {', '.join(SUFFIXES)}, "
            "there or in one level of sub-folders."
        )
    return sorted(found)


def fingerprint(root: Path, store: Path) -> str:
    """A hash of the images' contents and of their names relative to ``root``.

    A copy of the folder, under any path, has the same one; any change of an image, a
    name or the layout makes another.

    Args:
        root: the folder.
        store: a folder that remembers each file's hash, see `content_hashes`.
    """
    paths = list_images(root)
    digest = hashlib.sha256(b"splits" if _has_splits(root, paths) else b"one set")
    for path, content in zip(paths, content_hashes(root, paths, store), strict=True):
        # No name holds a zero byte, and all hashes have one length.
        digest.update(b"\0" + os.fsencode(path) + b"\0" + content.encode())
    return digest.hexdigest()


def _has_splits(root: Path, paths: Sequence[PurePosixPath]) -> bool:
    """True if the folder's sub-folders are train/ and test/, with all images there."""
    folders = {
        child.name
        for child in root.iterdir()
        if child.is_dir() and not child.name.startswith(".")
    }
    return folders == {"train", "test"} and all(len(path.parts) > 1 for path in paths)


def _digest(path: PurePosixPath) -> int:
    return int.from_bytes(hashlib.sha256(os.fsencode(path)).digest()[:8], "big")


def _hold_out(
    root: Path, paths: Sequence[PurePosixPath]
) -> tuple[list[PurePosixPath], list[PurePosixPath]]:
    """About nine tenths to train on and one tenth held out; at least one of each."""
    if len(paths) < 2:
        raise InputError(
            f"{root} holds one image, {paths[0]}; at least two are needed, one to "
            "train on and one to hold out."
        )
    ranked = sorted(paths, key=_digest)
    count = sum(_digest(path) < 2**64 // 10 for path in paths)
    held = set(ranked[: min(max(count, 1), len(paths) - 1)])
    return [path for path in paths if path not in held], sorted(held)


def _classes(root: Path, paths: Sequence[PurePosixPath], depth: int) -> tuple[str, ...]:
    """The names of the folders at ``depth``; none where the images lie there."""
    flat = [path for path in paths if len(path.parts) == depth + 1]
    if len(flat) == len(paths):
        return ()
    nested = next(path for path in paths if len(path.parts) > depth + 1)
    if flat:
        raise InputError(
            f"{root} holds images beside sub-folders of images ({flat[0]} and "
            f"{nested}); expected either no sub-folders, or every image in the "
            "sub-folder of its class."
        )
    for path in paths:
        if len(path.parts) > depth + 2:
            raise InputError(
                f"{root / path} lies too deep: sub-folders are classes, and one level "
                "of them is expected. Move the images up, or pass the folder above "
                "them."
            )
    return tuple(sorted({path.parts[depth] for path in paths}))


def _given_splits(
    root: Path, paths: Sequence[PurePosixPath]
) -> tuple[list[PurePosixPath], list[PurePosixPath]]:
    """The images of train/ and of test/, checked against each other."""
    train = [path for path in paths if path.parts[0] == "train"]
    test = [path for path in paths if path.parts[0] == "test"]
    if not train or not test:
        raise InputError(
            f"{root} has the folders train and test, but no image in "
            f"{'test' if train else 'train'}; fill it or remove it."
        )
    unknown = set(_classes(root, test, 1)) - set(_classes(root, train, 1))
    if unknown and _classes(root, train, 1):
        raise InputError(
            f"{root}/test has the classes {sorted(unknown)}, which {root}/train lacks; "
            "give both the same sub-folders."
        )
    return train, test


def _split(
    root: Path, paths: Sequence[PurePosixPath], depth: int, classes: Sequence[str]
) -> Split:
    numbers = {name: number for number, name in enumerate(classes)}

    def example(path: PurePosixPath) -> Example:
        label = numbers[path.parts[depth]] if classes else None
        return Example(str(root / path), root / path, label)

    return Split(len(paths), lambda block: [example(paths[i]) for i in block])


def read(root: Path) -> Source:
    """Lists the folder's images as a source of examples, without decoding them.

    Args:
        root: the folder, in one of the layouts above.

    Raises:
        InputError: no folder, too few images, a layout that could mean two things, or
            a file whose header is no image's; the message names it.
    """
    from jaxgan.data.images import is_gray  # Pillow; a start with a cache needs none

    paths = list_images(root)
    given = _has_splits(root, paths)
    train, test = (_given_splits if given else _hold_out)(root, paths)
    depth = 1 if given else 0
    classes = _classes(root, paths, depth)
    return Source(
        channels=1 if all(is_gray(root / path) for path in paths) else 3,
        classes=classes,
        train=_split(root, train, depth, classes),
        test=_split(root, test, depth, classes),
    )
