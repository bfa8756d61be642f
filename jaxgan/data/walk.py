"""The files of a folder of images, sorted into images, unread images and the rest."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from stat import S_ISDIR, S_ISREG
from typing import NamedTuple

from jaxgan.checks import InputError
from jaxgan.data.hashes import unreadable

READ = (
    *(".bmp", ".dib", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm"),
    *(".mpo", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"),
)
"""The suffixes of the images that are read."""

_UNREAD = (
    *(".arw", ".avif", ".cr2", ".cr3", ".dcm", ".dng", ".emf", ".eps", ".exr"),
    *(".fits", ".hdr", ".heic", ".heif", ".icns", ".ico", ".j2k", ".jp2", ".jpx"),
    *(".jxl", ".nef", ".nii", ".orf", ".pcx", ".pfm", ".psd", ".qoi", ".raf", ".raw"),
    *(".rw2", ".sgi", ".svg", ".tga", ".wmf", ".xbm", ".xpm"),
)
# Folders that archivers and storage systems add, with images of their own.
_NOT_THE_USERS = {"__MACOSX", "@eaDir", "$RECYCLE.BIN", "lost+found"}
_MOST_FOLDERS = 200_000
_NAMED_AT_MOST = 3
_BEGINNINGS = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*")


class Found(NamedTuple):
    """The files below a folder, relative to it and sorted.

    Attributes:
        images: files of the formats that are read.
        unread: images of other formats, such as AVIF and HEIC.
        others: files that are not images.
        folders: all folders, including those without images.
    """

    images: list[PurePosixPath]
    unread: list[PurePosixPath]
    others: list[PurePosixPath]
    folders: list[PurePosixPath]


def find(root: Path) -> Found:
    """Returns all files below ``root``; hidden ones are left out.

    Links are followed, except to a folder that contains the link.

    Raises:
        InputError: there is no such folder, a folder in it cannot be read, or it holds
            no image that can be read.
    """
    if not root.is_dir():
        raise InputError(
            f"folder:{printable(root)} is not a folder; pass --dataset folder:PATH "
            "with the path of a folder of images."
        )
    found = Found([], [], [], [])
    kinds = {
        **dict.fromkeys(READ, found.images),
        **dict.fromkeys(_UNREAD, found.unread),
    }
    for path, is_folder in _walk(root, PurePosixPath(), frozenset()):
        if is_folder:
            found.folders.append(path)
            if len(found.folders) > _MOST_FOLDERS:
                raise InputError(
                    f"{printable(root)} has more than {_MOST_FOLDERS:,} sub-folders; "
                    "do links in it go in circles?"
                )
        else:
            kinds.get(path.suffix.lower(), found.others).append(path)
    for paths in found:
        paths.sort()
    if not found.images:
        left = [*found.unread, *found.others]
        held = f"It holds {count_by_suffix(left)}. " if left else ""
        raise InputError(
            f"No images in {printable(root)}: expected files that end in "
            f"{', '.join(READ)}, there or in one level of sub-folders. {held}Convert "
            "images of other formats, for example to PNG."
        )
    return found


def _walk(
    root: Path, place: PurePosixPath, above: frozenset[tuple[int, int]]
) -> Iterator[tuple[PurePosixPath, bool]]:
    """Yields each file and folder below ``root / place``, and whether it is a folder.

    ``above`` identifies the enclosing folders: a link to one of them would lead to an
    endless loop.
    """
    try:
        stat = os.stat(root / place)
        entries = sorted(os.scandir(root / place), key=lambda entry: entry.name)
    except OSError as error:
        raise unreadable(error) from error
    above |= {(stat.st_dev, stat.st_ino)}
    for entry in entries:
        path = place / entry.name
        if entry.name.startswith(".") or entry.name in _NOT_THE_USERS:
            continue
        try:
            known = os.stat(entry.path)
        except OSError as error:  # a broken link, or one to itself
            if path.suffix and path.suffix.lower() not in READ:
                continue
            raise unreadable(error) from error
        if S_ISREG(known.st_mode):
            yield path, False
        if S_ISDIR(known.st_mode) and (known.st_dev, known.st_ino) not in above:
            yield path, True
            yield from _walk(root, path, above)


def is_image(file: Path) -> bool:
    """Returns whether a file begins like an image, whatever its name."""
    try:
        with file.open("rb") as opened:
            head = opened.read(16)
    except OSError as error:
        raise unreadable(error) from error
    return head.startswith(_BEGINNINGS) or head[4:8] == b"ftyp"  # HEIC and AVIF


def printable(name: str | os.PathLike) -> str:
    r"""Returns a file's name as printable text; different names stay different.

    Python keeps the bytes of a name that is not UTF-8 as characters that no file or
    terminal accepts; control characters would move the terminal's cursor.

    Example:
        >>> printable("m\udcfcnchen.png"), printable("a\tb")
        ('m\\xfcnchen.png', 'a\\tb')
    """
    text = os.fsdecode(os.fspath(name))
    if text.isprintable():
        return text
    escaped = text.replace("\\", "\\\\")
    shown = (c if c.isprintable() else _escaped(c) for c in escaped)
    return "".join(shown)


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte that is not UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape", "surrogatepass").decode()


def count_by_suffix(paths: Iterable[PurePosixPath]) -> str:
    """Returns how many files there are of each suffix, and the first of them by name.

    Example:
        >>> count_by_suffix([PurePosixPath("a/x.avif"), PurePosixPath("README")])
        '1 .avif, 1 without suffix (a/x.avif, README)'
    """
    paths = list(paths)
    counts = Counter(path.suffix.lower() for path in paths).most_common()
    kinds = [f"{n} {printable(suffix) or 'without suffix'}" for suffix, n in counts]
    return f"{listed(kinds)} ({listed(paths)})"


def listed(names: Iterable[str | os.PathLike]) -> str:
    """Returns the first few names, and how many more there are.

    Example:
        >>> listed("abcde")
        'a, b, c and 2 more'
    """
    names = [printable(name) for name in names]
    more = len(names) - _NAMED_AT_MOST
    shown = ", ".join(names[:_NAMED_AT_MOST])
    return f"{shown} and {more} more" if more > 0 else shown
