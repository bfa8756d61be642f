"""Embeddings of captions that were made elsewhere: one row of an array each."""

import tokenize
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from jaxgan.checks import InputError
from jaxgan.data.walk import printable
from jaxgan.files import expand

_NPY, _ZIP = b"\x93NUMPY", b"PK"
_DAMAGED = (
    *(OSError, ValueError, EOFError, OverflowError, MemoryError),
    *(SyntaxError, tokenize.TokenError),
)


def read_embeddings(
    path: str | Path, count: int, of: str
) -> Float32[np.ndarray, "n d"]:
    """Reads a ``.npy`` file of one embedding for each caption.

    Args:
        path: the file: floating-point numbers ``[n d]``, as `numpy.save` writes them.
        count: the number n of captions.
        of: a description of the captions, for messages.

    Raises:
        InputError: the file cannot be read, or holds something else.
    """
    flag = "--embeddings"
    file = expand(path, flag)
    values = _opened(file, flag)
    number = np.issubdtype(values.dtype, np.floating)
    if values.ndim != 2 or not number or not values.shape[1]:
        raise InputError(
            f"{flag}: expected floating-point numbers [n d], one row for each caption; "
            f"{printable(file)} holds {values.dtype} of shape {values.shape}."
        )
    if len(values) != count:
        raise InputError(
            f"{flag}: {printable(file)} has {len(values):,} rows, but there are "
            f"{count:,} captions, {of}. Save one row for each, in their order."
        )
    with np.errstate(over="ignore"):  # what overflows is told below
        values = np.array(values, np.float32)
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(bad):
        raise InputError(
            f"{flag}: row {bad[0]} of {printable(file)}, counted from 0, is not finite "
            "in float32. Make that caption's embedding again."
        )
    return values


def _opened(file: Path, flag: str) -> np.ndarray:
    """Maps the array of a .npy file; NumPy's errors for a damaged header differ.

    Its shape can thus be refused before gigabytes are read.
    """
    otherwise = "Save an array of numbers with numpy.save."
    try:
        with file.open("rb") as content:
            begin = content.read(len(_NPY))
    except OSError as error:
        raise InputError(
            f"{flag}: {printable(file)} cannot be read: {error.strerror}. {otherwise}"
        ) from error
    if begin.startswith(_ZIP):
        raise InputError(
            f"{flag}: {printable(file)} holds several arrays; save the embeddings "
            "alone, with numpy.save."
        )
    if begin != _NPY:
        raise InputError(f"{flag}: {printable(file)} is not a .npy file. {otherwise}")
    try:
        return np.load(file, mmap_mode="r", allow_pickle=False)
    except _DAMAGED as error:
        # Objects cannot be mapped; NumPy then advises to unpickle them.
        why = "it holds objects" if "object" in str(error).lower() else error
        raise InputError(
            f"{flag}: {printable(file)} cannot be read as an array: {why}. {otherwise}"
        ) from error
