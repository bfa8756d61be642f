"""Weights of the feature networks: read from files, identified by their SHA-256."""

import contextlib
import dataclasses
import hashlib
import os
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxgan.checks import InputError
from jaxgan.files import expand
from jaxgan.metrics.features import torch_files

INCEPTION_URL = (
    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
    "pt_inception-2015-12-05-6726825d.pth"
)
"""The Inception-v3 of the Fréchet inception distance, in PyTorch's format."""

INCEPTION_SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"

_INCEPTION_BYTES = 95_628_359
_TIMEOUT = 15.0  # seconds without a byte
_BLOCK = 2**20

_SAFETENSORS = {
    **{"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "C64": "<c8"},
    **{"I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1"},
    **{"U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "u1"},
}
"""The dtypes of the safetensors format, and the NumPy dtypes of their bytes."""

_CONVERTED = {"BF16": torch_files.widened, "BOOL": torch_files.booleans}


@dataclasses.dataclass(frozen=True, eq=False)
class Weights:
    """The contents of a weights file.

    Attributes:
        arrays: the arrays by their published names, read-only.
        sha256: SHA-256 of the file's bytes, in hexadecimal digits.
        source: the file's path, for messages and records.
    """

    arrays: Mapping[str, np.ndarray]
    sha256: str
    source: str


def read_weights(path: str | Path, *, expected: str | None = None) -> Weights:
    """Reads a PyTorch (``.pth``, ``.pt``) or safetensors file.

    The format is detected from the content, not the name. Nothing in it is executed;
    see `jaxgan.metrics.features.torch_files.read`.

    Args:
        path: the file, read once.
        expected: the required SHA-256, in hexadecimal digits; None accepts any.

    Raises:
        InputError: if it is missing, has another SHA-256, or cannot be read.
    """
    path = expand(path, "weights")
    content = _content(path)
    digest = hashlib.sha256(content).hexdigest()
    _check_is_no_text(path, content)
    if expected is not None:
        _check_hash(path, digest, expected)
    try:
        arrays = _safe(content) if _is_safe(content) else torch_files.read(content)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return Weights(arrays, digest, str(path))


def download_inception(folder: str | Path) -> Path:
    """Downloads the FID's Inception-v3 weights, 96 MB, unless they are there.

    Args:
        folder: folder of the file; created if missing.

    Returns:
        The file's path; its SHA-256 is the published one, `INCEPTION_SHA256`.

    Raises:
        InputError: if it cannot be downloaded or is another file; the message says what
            to do.
    """
    return download(
        INCEPTION_URL,
        expand(folder, "folder"),
        size=_INCEPTION_BYTES,
        sha256=INCEPTION_SHA256,
    )


def download(url: str, folder: Path, *, size: int, sha256: str) -> Path:
    """Downloads a file with a known hash, unless it is in ``folder`` already.

    It appears under its name once it is complete and has that hash, or not at all.

    Args:
        url: the file's URL; the part after the last slash is its name.
        folder: folder of the file; created if missing.
        size: size in bytes; no more are read.
        sha256: its SHA-256, in hexadecimal digits.

    Returns:
        The file's path.

    Raises:
        InputError: if it cannot be downloaded, or is another file.
    """
    path = folder / url.rsplit("/", 1)[-1]
    if path.exists():
        _check_hash(path, hashlib.sha256(_content(path)).hexdigest(), sha256)
        return path
    draft = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        digest = _write(draft, _blocks(url, path, size))
        _check_hash(url, digest, sha256)
        os.replace(draft, path)
    except OSError as error:  # from the disk or from requests
        raise _undone(url, path, error) from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
    return path


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(
            f"There is no file of weights {path}. Give the path of one, such as "
            "model.pth or model.safetensors."
        ) from error
    except IsADirectoryError as error:
        raise InputError(
            f"{path} is a folder, expected a file of weights in it, such as "
            f"{path / 'model.pth'}."
        ) from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error}.") from error
    if not content:
        raise InputError(
            f"{path} is empty, expected weights. Remove it and fetch it again."
        )
    return content


def _check_is_no_text(path: Path, content: bytes) -> None:
    """Raises for text that a failed download leaves in place of weights."""
    if content.startswith(b"version https://git-lfs"):
        raise InputError(
            f"{path} is a Git LFS pointer, not the weights themselves. Fetch the file "
            "itself, with git lfs pull or from the repository's web page."
        )
    if content[:1024].lstrip().startswith(b"<"):
        raise InputError(
            f"{path} is a web page (HTML or XML), expected weights: the download "
            "failed. Open the file to see what the server said, and fetch it again."
        )


def _check_hash(source: str | Path, found: str, expected: str) -> None:
    if found != expected.lower():
        raise InputError(
            f"{source} is not the file expected: its SHA-256 is {found}, expected "
            f"{expected}. It is damaged or another version: remove it and fetch it "
            "again."
        )


def _is_safe(content: bytes) -> bool:
    """Returns whether it is safetensors: a length of 8 bytes, then a JSON object."""
    return content[8:9] == b"{" and not content.startswith(torch_files.ZIP)


def _safe(content: bytes) -> dict[str, np.ndarray]:
    """Returns the arrays of a safetensors file, with BF16 as float32."""
    try:
        from safetensors import SafetensorError, deserialize
    except ImportError as error:
        raise InputError(
            "This is a safetensors file, but the package safetensors is not installed. "
            "Install it with pip install safetensors."
        ) from error
    try:
        entries = deserialize(content)
    except (SafetensorError, ValueError) as error:
        raise InputError(
            f"The safetensors file is damaged or cut off: {error}. Fetch it again."
        ) from error
    return {name: _safe_array(name, entry) for name, entry in entries}


def _safe_array(name: str, entry: Mapping[str, Any]) -> np.ndarray:
    if (dtype := entry["dtype"]) not in _SAFETENSORS:
        raise InputError(
            f"The file's {name!r} has the dtype {dtype}, expected one of "
            f"{', '.join(_SAFETENSORS)}. Save the weights as float32."
        )
    array = np.frombuffer(entry["data"], _SAFETENSORS[dtype]).reshape(entry["shape"])
    if dtype in _CONVERTED:
        array = _CONVERTED[dtype](array)
    array.setflags(write=False)
    return array


def _blocks(url: str, path: Path, size: int) -> Iterator[bytes]:
    """Yields the bytes at ``url``, if there are ``size``; shows a bar on a terminal."""
    import requests  # slow to import
    from tqdm import tqdm

    count = 0
    with (
        requests.get(url, stream=True, timeout=_TIMEOUT) as response,
        tqdm(
            total=size, desc=path.name, unit="B", unit_scale=True, disable=None
        ) as bar,
    ):
        response.raise_for_status()
        for block in response.iter_content(_BLOCK):
            count += len(block)
            if count > size:
                break
            bar.update(len(block))
            yield block
    if count != size:
        had = f"{count:,}" if count < size else f"more than {size:,}"
        raise _undone(url, path, f"it has {had} bytes, expected {size:,}")


def _write(draft: Path, blocks: Iterator[bytes]) -> str:
    """Writes the blocks, and returns their SHA-256."""
    digest = hashlib.sha256()
    with draft.open("xb") as file:
        for block in blocks:
            digest.update(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())  # else the rename may reach the disk first
    return digest.hexdigest()


def _undone(url: str, path: Path, why: str | Exception) -> InputError:
    return InputError(
        f"{url} cannot be downloaded to {path}: {why}. Fetch it with a browser, on a "
        "machine that can, and put it there."
    )
