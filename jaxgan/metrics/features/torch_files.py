"""Weights files written by PyTorch, read without PyTorch and without trusting them.

``torch.save`` writes one of two formats. Since PyTorch 1.6 a file is a zip archive
of one folder::

    archive/data.pkl     the object; a tensor in it is a view of a storage
    archive/data/KEY     the bytes of a storage, one file each
    archive/byteorder    b"little" or b"big"; absent before PyTorch 2.1

Before that it was a sequence of pickles: a magic number, a version, the sizes of C's
types, the object, and the list of its storages; the storages follow, each as its number
of elements in 8 bytes and then its bytes, little-endian.

Whatever the bytes are, the result is arrays or an InputError, in time and memory
bounded by the file's size.
"""

import dataclasses
import io
import math
import struct
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from jaxgan.checks import InputError
from jaxgan.metrics.features.pickled import interpret
from jaxgan.metrics.features.torch_values import (
    Storage,
    Tensor,
    expect,
    refusal,
    shown,
)

_Order = Literal["<", ">"]  # byte order: little or big endian

ZIP = b"PK\x03\x04"
"""The first bytes of a file from PyTorch 1.6 or later."""

LEGACY = b"\x80\x02\x8a\x0a" + 0x1950A86A20F9469CFC6C.to_bytes(10, "little") + b"."
"""The first bytes of a file from an earlier PyTorch: a pickled magic number."""

_VERSION = 1001  # the only version of the earlier format
_ZIP_ENTRY = b"PK\x01\x02"  # begins each entry of an archive's table of contents
_MOST_MEMBERS = 2**16
_MOST_ENTRIES = 2**16  # of nested dicts and lists, all together
_DEEPEST = 8
_LONGEST_NAME = 1000
_MOST_TIMES = 2  # the file's size: BFloat16 doubles, and a storage may have two views
_BFLOAT16 = "torch BFloat16Storage"
_ORDERS: Mapping[bytes, _Order] = {b"little": "<", b"big": ">"}
_ZIP_ERRORS = (
    *(zipfile.BadZipFile, struct.error, ValueError, OverflowError),
    *(NotImplementedError, RuntimeError, OSError, EOFError),
)


@dataclasses.dataclass(frozen=True, eq=False)
class _File:
    """A file's object, its storages' bytes by key, and their byte order."""

    value: Any
    data: Mapping[str, bytes | memoryview]
    order: _Order


def read(content: bytes) -> dict[str, np.ndarray]:
    """Returns the tensors of a state dict by name.

    Names in nested dicts and lists are joined by dots: ``{"model": {"fc.bias": ...}}``
    has a ``"model.fc.bias"``. Numbers, text and None beside the tensors are left out.

    Args:
        content: the file's bytes, in either format.

    Returns:
        Arrays with their own memory, C-contiguous, little-endian and read-only. A
        tensor under two names is one array. BFloat16 becomes float32, exactly.

    Raises:
        InputError: if the file is damaged, holds more than a state dict, or its tensors
            would together take more than twice the file's size.

    Example:
        >>> import pickle
        >>> parts = [0x1950A86A20F9469CFC6C, 1001, {}, {"epoch": 7}, []]
        >>> read(b"".join(pickle.dumps(part, 2) for part in parts))
        {}
    """
    file = _from_zip(content) if content.startswith(ZIP) else _from_legacy(content)
    return _arrays(_tensors(file.value), file, _MOST_TIMES * len(content))


def widened(bits: np.ndarray) -> np.ndarray:
    """Converts BFloat16 to float32, exactly: it is the upper half of a float32.

    Args:
        bits: the numbers' bits, as 16-bit unsigned integers.

    Example:
        >>> widened(np.array([0x3F80, 0xC000], np.uint16))
        array([ 1., -2.], dtype=float32)
    """
    wide = bits.astype("<u4")
    wide <<= 16
    return wide.view("<f4")


def booleans(stored: np.ndarray) -> np.ndarray:
    """Converts bytes to booleans, which are all valid: a damaged byte may be a 2.

    Example:
        >>> booleans(np.array([0, 1, 2], np.uint8))
        array([False,  True,  True])
    """
    return np.not_equal(stored, 0, out=np.empty(stored.shape, bool))


def _from_zip(content: bytes) -> _File:
    members = _members(content)
    roots = [
        name.removesuffix("/data.pkl") for name in members if name.endswith("/data.pkl")
    ]
    if len(roots) != 1:
        found = f"it is a zip archive with {len(roots)} folders that have a data.pkl"
        raise refusal(f"{found}, expected one")
    if f"{roots[0]}/constants.pkl" in members:
        raise refusal("it is a program (TorchScript), not weights alone")
    order = _ORDERS.get(members.get(f"{roots[0]}/byteorder", b"little"))
    if order is None:
        raise refusal("its order of bytes is neither little nor big")
    pickled = interpret(members[f"{roots[0]}/data.pkl"])
    data = {key: members.get(f"{roots[0]}/data/{key}") for key in pickled.storages}
    return _File(pickled.value, _checked(pickled.storages, data), order)


def _checked(
    storages: Mapping[str, Storage], data: Mapping[str, bytes | None]
) -> Mapping[str, bytes]:
    """Returns ``data`` if all storages are there, each with its number of bytes."""
    found = {key: content for key, content in data.items() if content is not None}
    for key, storage in storages.items():
        if key not in found or len(found[key]) != storage.nbytes:
            had = f"has {len(found[key]):,}" if key in found else "is missing"
            lacks = f"storage {shown(key)} {had}, expected {storage.nbytes:,} bytes"
            raise refusal(f"it is damaged: {lacks}")
    return found


def _members(content: bytes) -> dict[str, bytes]:
    """Returns the contents of a zip archive's files, with checksums verified."""
    if content.count(_ZIP_ENTRY) > _MOST_MEMBERS:
        raise refusal(f"it is a zip archive of more than {_MOST_MEMBERS:,} files")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _check_members(archive.infolist(), len(content))
            return {name: archive.read(name) for name in archive.namelist()}
    except InputError:
        raise
    except _ZIP_ERRORS as error:
        raise refusal("it is a damaged zip archive, or one cut off") from error


def _check_members(members: Sequence[zipfile.ZipInfo], most: int) -> None:
    """Raises if reading all members would take more memory than the archive has."""
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise refusal("it is a compressed zip archive, which torch.save never writes")
    if any(member.compress_size != member.file_size for member in members):
        raise refusal("it is a damaged zip archive: a file in it has two sizes")
    if len({member.filename for member in members}) != len(members):
        raise refusal("it is a zip archive with two files of one name")
    if sum(member.file_size for member in members) > most:
        raise refusal("it is a zip archive whose files share their bytes")


def _from_legacy(content: bytes) -> _File:
    if not content.startswith(LEGACY):
        raise refusal(f"it begins with {content[:12]!r}, unlike any file of torch.save")
    version = interpret(content, len(LEGACY))
    if expect(version.value, int) != _VERSION:
        raise refusal(f"its format has version {version.value}, expected {_VERSION}")
    system = interpret(content, version.end)
    expect(system.value, dict)
    pickled = interpret(content, system.end)
    keys = interpret(content, pickled.end)
    listed = [expect(key, str) for key in expect(keys.value, list)]
    if sorted(listed) != sorted(pickled.storages):
        raise refusal("its list of storages does not match those that its tensors view")
    storages = [pickled.storages[key] for key in listed]
    return _File(pickled.value, _consecutive(content, keys.end, storages), "<")


def _consecutive(
    content: bytes, start: int, storages: Sequence[Storage]
) -> dict[str, memoryview]:
    """Returns the bytes of storages that follow one another up to the file's end."""
    data = {}
    for storage in storages:
        count = int.from_bytes(content[start : start + 8], "little", signed=True)
        end = start + 8 + storage.nbytes
        if count != storage.count or end > len(content):
            raise refusal(f"it is damaged or cut off at storage {shown(storage.key)}")
        data[storage.key] = memoryview(content)[start + 8 : end]
        start = end
    if start != len(content):
        raise refusal(f"{len(content) - start:,} bytes follow its last storage")
    return data


def _tensors(value: Any) -> dict[str, Tensor]:
    """Returns the tensors of a state dict by name."""
    tensors = {}
    for count, (name, entry) in enumerate(_walk(expect(value, dict), "", 1)):
        if count >= _MOST_ENTRIES:
            raise refusal(f"it has more than {_MOST_ENTRIES:,} entries")
        if isinstance(entry, Tensor):
            if name in tensors:
                raise refusal(f"it has two tensors with the name {shown(name)}")
            if not name.isprintable():
                raise refusal(f"it has the name {shown(name)}, which cannot be printed")
            tensors[name] = entry
        elif not isinstance(entry, dict | list | tuple | str | int | float | None):
            raise refusal(f"its {shown(name)} is neither a tensor nor a number")
    return tensors


def _walk(value: Any, prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Yields the entries of nested dicts and lists, each before its own entries."""
    if depth > _DEEPEST:
        raise refusal(f"its dicts nest deeper than {_DEEPEST} levels")
    for key, entry in value.items() if isinstance(value, dict) else enumerate(value):
        name = f"{prefix}{key}"
        if len(name) > _LONGEST_NAME:
            raise refusal(f"it has a name of {len(name):,} characters")
        yield name, entry
        if isinstance(entry, dict | list | tuple):
            yield from _walk(entry, f"{name}.", depth + 1)


def _arrays(
    tensors: Mapping[str, Tensor], file: _File, most: int
) -> dict[str, np.ndarray]:
    """Returns each tensor's array; equal views share one array."""
    distinct = set(tensors.values())
    total = sum(_result_size(tensor) for tensor in distinct)
    if total > most:
        found = f"its tensors would take {total:,} bytes, expected at most {most:,}"
        raise refusal(f"{found}: it has views that repeat their storage")
    made = {tensor: _array(tensor, file) for tensor in distinct}
    return {name: made[tensor] for name, tensor in tensors.items()}


def _result_size(tensor: Tensor) -> int:
    """Returns the size of a tensor's array in bytes."""
    storage = tensor.storage
    width = 4 if storage.kind == _BFLOAT16 else storage.dtype.itemsize
    return math.prod(tensor.size) * width


def _array(tensor: Tensor, file: _File) -> np.ndarray:
    viewed = _view(tensor, file)
    array = viewed.astype(viewed.dtype.newbyteorder("<"), order="C")
    if tensor.storage.kind == _BFLOAT16:
        array = widened(array)
    elif tensor.storage.kind == "torch BoolStorage":
        array = booleans(array)
    array.setflags(write=False)
    return array


def _view(tensor: Tensor, file: _File) -> np.ndarray:
    """Returns the tensor as a view of its storage's bytes, which are never written."""
    storage, dtype = tensor.storage, tensor.storage.dtype.newbyteorder(file.order)
    if 0 in tensor.size:
        return np.empty(tensor.size, dtype)
    sizes_and_strides = zip(tensor.size, tensor.stride, strict=True)
    ends = [(size - 1) * stride for size, stride in sizes_and_strides]
    if tensor.offset + sum(ends) >= storage.count:
        raise refusal(f"a tensor of {tensor.size} reaches beyond its storage")
    width = dtype.itemsize
    return np.ndarray(
        tensor.size,
        dtype,
        buffer=file.data[storage.key],
        offset=tensor.offset * width,
        strides=[stride * width for stride in tensor.stride],
    )
