"""Caption files beside their images: CSV or JSON Lines.

A CSV begins with a header that names the columns ``file`` and ``caption``; other
columns are ignored. A line of JSON is an object with "file" and either "caption" or
"captions", a list. File names are relative to the folder of the caption file. A file
that is named several times has several captions.
"""

import csv
import io
import json
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from jaxgan.checks import InputError
from jaxgan.data.vocabulary import words_of
from jaxgan.data.walk import Found, listed, printable

MOST_WORDS = 64
"""The largest number of words in a caption; all are padded to the longest one."""

SUFFIXES = (".csv", ".jsonl")

_MOST_SHOWN = 60  # characters of a line in a message


class Caption(NamedTuple):
    """One caption of one image file, and the line of the caption file it ends on."""

    file: str
    text: str
    line: int


class Captions(NamedTuple):
    """The contents of a caption file.

    Attributes:
        path: the path of the file.
        captions: the captions in the file's order, at least one.
    """

    path: Path
    captions: list[Caption]


def read_captions(path: Path) -> Captions:
    """Reads a caption file, given its path or that of its folder.

    Args:
        path: a folder that holds one ``.csv`` or ``.jsonl`` file, not counting its
            sub-folders, or such a file.

    Raises:
        InputError: there is no such file or several; the file is not UTF-8, or has no
            header, a line that cannot be parsed, an empty or overlong caption, or no
            caption.
    """
    file = _file_of(path)
    found = []
    for caption in _parsed(file, _text(file)):
        words = words_of(caption.text)
        where = f"{printable(file)}, line {caption.line}: the caption of {caption.file}"
        if not words:
            raise InputError(
                f"{where} is empty: {caption.text!r} has no word. Write one, or take "
                "the line out."
            )
        if len(words) > MOST_WORDS:
            raise InputError(
                f"{where} has {len(words)} words, more than {MOST_WORDS}; shorten it, "
                "or make several captions of it."
            )
        found.append(caption)
    if not found:
        raise InputError(f"{printable(file)} holds no caption; add one line per image.")
    return Captions(file, found)


def matched(read: Captions, found: Found) -> dict[PurePosixPath, list[int]]:
    """Returns the indices of each image's captions, in the order of the images' names.

    They are indices of ``read.captions``.

    Args:
        read: the captions.
        found: the files in their folder.

    Raises:
        InputError: an image has no caption, or a caption no image.
    """
    # A name may be normalised differently in the file and on the disk.
    name = lambda text: unicodedata.normalize("NFC", str(PurePosixPath(text)))
    images = {name(str(path)): path for path in found.images}
    places: dict[PurePosixPath, list[int]] = {path: [] for path in found.images}
    lost: list[Caption] = []
    for place, caption in enumerate(read.captions):
        image = images.get(name(caption.file))
        image = image or images.get(name(caption.file.replace("\\", "/")))
        if image is None:
            lost.append(caption)
        else:
            places[image].append(place)
    if lost:
        raise _no_image(read, found, lost)
    bare = [path for path, captions in places.items() if not captions]
    if bare:
        raise InputError(
            f"{printable(read.path)} has no caption for {_counted(bare)} of the "
            f"{len(places):,} images beside it. Add their captions, or move them away."
        )
    return places


def _no_image(read: Captions, found: Found, lost: list[Caption]) -> InputError:
    """Returns the error for captions without an image."""
    names = list(dict.fromkeys(caption.file for caption in lost))
    unread = {str(path) for path in found.unread}
    why = ""
    if unread & set(names):
        why = " Some are in a format that is not read; convert them to PNG."
    elif all(name.startswith("/") or ".." in name for name in names):
        why = " Names must be relative to that folder, and lie in it."
    return InputError(
        f"{printable(read.path)}, line {lost[0].line}: there is no image "
        f"{_counted(names)} in {printable(read.path.parent)}.{why} Expected names such "
        f"as {printable(found.images[0])}; add the files, or take the lines out."
    )


def _counted(names: Iterable[Any]) -> str:
    """Lists the first few names, with their number if there are several."""
    names = list(names)
    return listed(names) if len(names) == 1 else f"{len(names):,} ({listed(names)})"


def _file_of(path: Path) -> Path:
    """Finds the caption file of a folder, or checks that ``path`` is one."""
    if path.is_file() and path.suffix.lower() in SUFFIXES:
        return path
    if not path.is_dir():
        raise InputError(
            f"captions:{printable(path)} is neither a folder of images with captions "
            f"nor a caption file that ends in {' or '.join(SUFFIXES)}; pass the path "
            "of one."
        )
    files = [
        each
        for each in sorted(path.iterdir())
        if each.suffix.lower() in SUFFIXES and not each.name.startswith(".")
    ]
    if len(files) != 1:
        held = f"{len(files)} ({listed(each.name for each in files)})"
        raise InputError(
            f"{printable(path)} must hold one caption file, captions.csv or "
            f"captions.jsonl; found {held if files else 'none'}. "
            f"{'Pass the path of the one that is meant.' if files else 'Add it.'}"
        )
    return files[0]


def _text(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise InputError(f"{printable(file)} cannot be read: {error}.") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{printable(file)}, line {line}: the byte 0x{content[error.start]:02x} is "
            "not UTF-8; save the file in that encoding (in Excel: CSV UTF-8)."
        ) from error


def _parsed(file: Path, text: str) -> Iterator[Caption]:
    return (_rows if file.suffix.lower() == ".csv" else _lines)(file, text)


def _rows(file: Path, text: str) -> Iterator[Caption]:
    """Yields the captions of a CSV file."""
    # Without newline="" line endings inside quotes would change.
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, strict=True, skipinitialspace=True)
    header: list[str] = []
    try:
        for row in reader:
            if not any(map(str.strip, row)):
                continue
            if not header:
                header = _header(file, row, reader.line_num)
            elif len(row) != len(header):
                raise _broken(
                    file,
                    reader.line_num,
                    f"{len(row)} columns, where the header has {len(header)}; put a "
                    'caption that holds commas between quotes, "..."',
                )
            else:
                named = dict(zip(header, row, strict=True))
                yield _caption(file, reader.line_num, named["file"], named["caption"])
    except csv.Error as error:
        raise _broken(file, reader.line_num, f"invalid CSV: {error}") from error


def _header(file: Path, row: list[str], line: int) -> list[str]:
    header = [name.strip().lower() for name in row]
    if header.count("file") == header.count("caption") == 1:
        return header
    other = next((sign for sign in ";\t" if sign in row[0]), None)
    hint = f"; columns are separated by commas, not by {other!r}" if other else ""
    raise InputError(
        f"{printable(file)}, line {line}: expected a header that names the columns "
        f"file and caption, got {','.join(row)!r:.{_MOST_SHOWN}}{hint}. Put "
        "'file,caption' on the first line."
    )


def _lines(file: Path, text: str) -> Iterator[Caption]:
    """Yields the captions of a JSON Lines file."""
    for line, content in enumerate(text.split("\n"), start=1):
        if not content.strip():
            continue
        try:
            value = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise _broken(file, line, f"invalid JSON: {error}") from error
        expected = 'expected an object with "file" and "caption" or "captions"'
        if not isinstance(value, dict) or "file" not in value:
            raise _broken(file, line, f"{content.strip()!r:.{_MOST_SHOWN}}; {expected}")
        if ("caption" in value) == ("captions" in value):
            raise _broken(file, line, f"{', '.join(value)}; {expected}, not both")
        captions = value["captions"] if "captions" in value else [value["caption"]]
        if not isinstance(captions, list) or not captions:
            found = f"captions {captions!r}; expected a non-empty list"
            raise _broken(file, line, found)
        for caption in captions:
            yield _caption(file, line, value["file"], caption)


def _caption(file: Path, line: int, name: Any, text: Any) -> Caption:
    if not isinstance(name, str) or not isinstance(text, str):
        raise _broken(file, line, f"{name!r} and {text!r}; expected two strings")
    if not name.strip():
        raise _broken(file, line, "an empty file name; name the image's file")
    return Caption(name.strip(), text, line)


def _broken(file: Path, line: int, what: str) -> InputError:
    return InputError(f"{printable(file)}, line {line} is broken: found {what}.")
