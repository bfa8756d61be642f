"""MNIST and Fashion-MNIST from their idx files; needs no TensorFlow."""

import gzip
import math
import os
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import UInt8

from jaxgan.checks import InputError
from jaxgan.data import records
from jaxgan.data.source import OWN_SETS

_SHAPE = (28, 28, 1)
_DIGITS = tuple("0123456789")
_CLOTHES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def parse_idx(content: bytes, name: str, *, ndim: int) -> UInt8[np.ndarray, "..."]:
    """Reads an idx file of bytes.

    Layout: two zero bytes, the type (0x08: unsigned byte), the number of dimensions,
    each dimension as a big-endian uint32, then the values, last dimension fastest.

    Args:
        content: the whole file, decompressed.
        name: its name in error messages.
        ndim: the number of dimensions that it must have.

    Raises:
        InputError: it is not an idx file of that form, or not complete.

    Example:
        >>> parse_idx(bytes([0, 0, 8, 1, 0, 0, 0, 2, 5, 7]), "two labels", ndim=1)
        array([5, 7], dtype=uint8)
    """
    magic, expected = content[:4], bytes([0, 0, 8, ndim])
    if magic != expected:
        raise InputError(
            f"{name} is not an idx file of bytes with {ndim} dimension(s): expected it "
            f"to begin with {expected.hex(' ')}, got {magic.hex(' ') or 'nothing'}."
        )
    start = 4 + 4 * ndim
    if len(content) < start:
        raise InputError(f"{name} ends within its header. Fetch the file again.")
    shape = tuple(np.frombuffer(content[4:start], ">u4").tolist())
    size = start + math.prod(shape)
    if len(content) != size:
        raise InputError(
            f"{name} announces the shape {shape}, so {size} bytes, but holds "
            f"{len(content)}. Fetch the file again."
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def read_idx(path: str | os.PathLike[str], *, ndim: int) -> UInt8[np.ndarray, "..."]:
    """Reads a gzipped idx file.

    Raises:
        InputError: it cannot be decompressed, or :func:`parse_idx` refuses it.
    """
    try:
        with gzip.open(path) as file:
            content = file.read()
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(
            f"{path} cannot be decompressed: {error}. Fetch the file again."
        ) from error
    return parse_idx(content, str(path), ndim=ndim)


def _generate(images: Any, labels: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    pixels = read_idx(images, ndim=3)[..., None]
    numbers = read_idx(labels, ndim=1)
    records.check(f"{images} with {labels}", pixels, numbers, _SHAPE, 10)
    yield from records.examples(pixels, numbers)


def _urls(base: str) -> tuple[str, ...]:
    """Returns the URLs of images and labels to train, then of those to test."""
    return tuple(
        f"{base}/{split}-{part}-ubyte.gz"
        for split in ("train", "t10k")
        for part in ("images-idx3", "labels-idx1")
    )


def _splits(dl_manager: Any, urls: tuple[str, ...]) -> dict[str, Any]:
    paths = dl_manager.download(list(urls))
    return {"train": _generate(*paths[:2]), "test": _generate(*paths[2:])}


class Mnist(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Handwritten digits: 60,000 to train and 10,000 to test, 28x28, grayscale.

    By Y. LeCun, C. Cortes and C. Burges, CC BY-SA 3.0.
    """

    name = "jaxgan_mnist"  # tfds has a "mnist" of its own, prepared by TensorFlow
    VERSION = tfds.core.Version(OWN_SETS["mnist"])
    urls = _urls("https://storage.googleapis.com/cvdf-datasets/mnist")

    def _info(self) -> Any:
        return records.info(self, _SHAPE, _DIGITS)

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return _splits(dl_manager, self.urls)

    def _generate_examples(self, images: Any, labels: Any) -> Any:
        return _generate(images, labels)


class FashionMnist(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Pictures of clothes: 60,000 to train and 10,000 to test, 28x28, grayscale.

    By H. Xiao, K. Rasul and R. Vollgraf, MIT licence.
    """

    name = "jaxgan_fashion_mnist"
    VERSION = tfds.core.Version(OWN_SETS["fashion_mnist"])
    urls = _urls("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com")

    def _info(self) -> Any:
        return records.info(self, _SHAPE, _CLOTHES)

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return _splits(dl_manager, self.urls)

    def _generate_examples(self, images: Any, labels: Any) -> Any:
        return _generate(images, labels)
