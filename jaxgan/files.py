"""Files written atomically, and read with a helpful message if damaged."""

import itertools
import json
import os
from pathlib import Path
from typing import Any

from jaxgan.checks import InputError

_DEEPEST = 100  # levels of nesting; code that walks a deeper value may fail


def write_json(path: Path, value: Any) -> None:
    """Writes JSON atomically: a reader never sees half a file."""
    write_atomically(path, (json.dumps(value, indent=2) + "\n").encode())


def write_atomically(path: Path, content: bytes) -> None:
    """Writes to a temporary file beside ``path``, then renames it."""
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    os.replace(part, path)


def read_object(path: Path, *, otherwise: str) -> dict[str, Any] | None:
    """Returns the JSON object in a file; None if there is no such file.

    Args:
        path: the file's path.
        otherwise: a sentence that says what to do if it cannot be read.

    Raises:
        InputError: it is empty, truncated, not JSON, not an object, or nested too deep.
    """
    try:
        value = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read: {error}. {otherwise}") from error
    if not isinstance(value, dict):
        found = type(value).__name__
        raise InputError(f"{path} must hold a JSON object, got {found}. {otherwise}")
    if _depth(value) > _DEEPEST:
        raise InputError(f"{path} nests deeper than {_DEEPEST} levels. {otherwise}")
    return value


def _depth(value: Any) -> int:
    level, depth = [value], 0
    while level := [each for each in level if isinstance(each, dict | list)]:
        inside = (each.values() if isinstance(each, dict) else each for each in level)
        level, depth = [entry for entries in inside for entry in entries], depth + 1
    return depth


def expand(path: str | Path, flag: str) -> Path:
    """Returns the path with ``~`` replaced by the home folder.

    Args:
        path: the path as given.
        flag: the option that gives the path, such as ``--data-dir``.

    Raises:
        InputError: there is no home folder: HOME is not set and the user is unknown, as
            in a container that runs under another user id.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise InputError(
            f"{flag} {path} cannot be used, since there is no such home folder: HOME "
            f"is not set or the user is unknown. Give {flag} a path without '~'."
        ) from error


def writable(path: str | Path, flag: str) -> Path:
    """Returns the path of a file to be written, with ``~`` expanded.

    Call it before minutes of work on what will be written there.

    Args:
        path: the path as given.
        flag: the option that gives the path.

    Raises:
        InputError: it is a folder, or its folder does not exist.
    """
    path = expand(path, flag)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise InputError(
            f"{flag} {path} cannot be written: it is a folder, or its folder does not "
            "exist. Name a file in a folder that exists."
        )
    return path


def new_folder(parent: Path, out: Path | None, name: str) -> Path:
    """Makes a folder for results: ``out``, or the first free PARENT/NAME-1, -2, ...

    Args:
        parent: the folder of the results of several calls.
        out: the value of ``--out``.
        name: the name in ``parent``.

    Raises:
        InputError: if ``out`` exists, or cannot be made.
    """
    if out is not None:
        out = expand(out, "--out")
    names = (parent / f"{name}-{number}" for number in itertools.count(1))
    for folder in names if out is None else [out]:
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            continue
        except OSError as error:
            raise InputError(
                f"The folder {folder} cannot be made: {error.strerror}. Give another "
                "with --out."
            ) from error
    raise InputError(f"{out} exists already; give --out a new folder.")
