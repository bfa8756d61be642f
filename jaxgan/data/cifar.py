"""CIFAR-10 from its binary archive; needs no TensorFlow, and unpickles nothing."""

import os
import tarfile
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import UInt8

from jaxgan.checks import InputError
from jaxgan.data import records
from jaxgan.data.source import OWN_SETS

_SHAPE = (32, 32, 3)
_RECORD = 1 + 32 * 32 * 3  # a label, then the red, the green and the blue plane
_FILES = {
    "train": tuple(f"data_batch_{i}.bin" for i in range(1, 6)),
    "test": ("test_batch.bin",),
}
_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)


def parse_batch(
    content: bytes, name: str
) -> tuple[UInt8[np.ndarray, "n 32 32 3"], UInt8[np.ndarray, " n"]]:
    """Reads one binary batch: records of a label and three planes of 32x32 bytes.

    Args:
        content: the whole batch.
        name: its name in error messages.

    Returns:
        images [n 32 32 3] and labels [n].

    Raises:
        InputError: the size is not a multiple of a record, or a label is above 9.

    Example:
        >>> images, labels = parse_batch(bytes([7]) + bytes(3072), "one image")
        >>> images.shape, labels.tolist()
        ((1, 32, 32, 3), [7])
    """
    if not content or len(content) % _RECORD:
        raise InputError(
            f"{name} must hold records of {_RECORD} bytes, got {len(content)} bytes."
        )
    table = np.frombuffer(content, np.uint8).reshape(-1, _RECORD)
    labels = table[:, 0]
    images = table[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    records.check(name, images, labels, _SHAPE, 10)
    return images, labels


def read_archive(
    path: str | os.PathLike[str], files: tuple[str, ...]
) -> tuple[UInt8[np.ndarray, "n 32 32 3"], UInt8[np.ndarray, " n"]]:
    """Reads the batches called ``files`` out of the archive, in that order.

    Raises:
        InputError: it is not a complete tar.gz archive, or lacks one of the files.
    """
    batches = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                name = member.name.rsplit("/", 1)[-1]
                file = archive.extractfile(member) if name in files else None
                if file is not None:
                    batches[name] = parse_batch(file.read(), f"{name} in {path}")
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{path} is not a whole tar.gz archive: {error}. Fetch the file again."
        ) from error
    missing = [name for name in files if name not in batches]
    if missing:
        raise InputError(
            f"{path} lacks {', '.join(missing)}; expected the binary version of "
            "CIFAR-10, not the one for Python or Matlab."
        )
    images, labels = zip(*(batches[name] for name in files), strict=True)
    return np.concatenate(images), np.concatenate(labels)


class Cifar10(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Photographs of ten kinds: 50,000 to train and 10,000 to test, 32x32, RGB.

    By A. Krizhevsky, V. Nair and G. Hinton; published without a formal licence.
    """

    name = "jaxgan_cifar10"  # tfds has a "cifar10" of its own, prepared by TensorFlow
    VERSION = tfds.core.Version(OWN_SETS["cifar10"])
    urls = ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",)

    def _info(self) -> Any:
        return records.info(self, _SHAPE, _CLASSES)

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        path = dl_manager.download(self.urls[0])
        return {s: self._generate_examples(path, files) for s, files in _FILES.items()}

    def _generate_examples(
        self, path: Any, files: tuple[str, ...]
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        yield from records.examples(*read_archive(path, files))
