"""Data sets of the right shape without their images: planning downloads nothing."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxgan.checks import InputError
from jaxgan.cli import TrainConfig
from jaxgan.cli.experiment import load_data
from jaxgan.data import ImageDataSet, ImageSet
from jaxgan.data.size import as_pair, parse_size


class _Shape(NamedTuple):
    images: int
    height: int
    width: int
    channels: int
    classes: int = 10


_KNOWN = {
    "digits": _Shape(1_415, 8, 8, 1),
    "mnist": _Shape(60_000, 28, 28, 1),
    "fashion_mnist": _Shape(60_000, 28, 28, 1),
    "cifar10": _Shape(50_000, 32, 32, 3),
}
# The folders of the papers' sets, named as in the experiments' presets.
_FOLDERS = {
    "stacked_mnist": _Shape(60_000, 32, 32, 3, 0),
    "ffhq64": _Shape(70_000, 64, 64, 3, 0),
    "ffhq256": _Shape(70_000, 256, 256, 3, 0),
    "imagenet32": _Shape(1_281_167, 32, 32, 3, 1_000),
    "imagenet64": _Shape(1_281_167, 64, 64, 3, 1_000),
}


def known_shape(dataset: str) -> _Shape | None:
    """Returns the shape of a set that need not be read; None for others."""
    kind, _, path = dataset.partition(":")
    if kind == "folder" and not Path(path).exists():
        return _FOLDERS.get(Path(path).name)
    return _KNOWN.get(dataset)


def data_set(config: TrainConfig) -> ImageDataSet:
    """Returns the config's data set, as far as a train step's shapes depend on it.

    Named sets have known shapes and are replaced by zeros that take no memory. So are
    missing folders with the names of those in the experiments' presets, at any path.
    Other sets are loaded.

    Raises:
        InputError: if the set cannot be loaded, or resized as asked.
    """
    known = known_shape(config.dataset)
    if known is None:
        return load_data(config)
    if config.channels not in (None, 1, 3):
        raise InputError(
            f"--channels must be 1 (gray) or 3 (RGB), not {config.channels}."
        )
    count, height, width, channels, classes = known
    if config.resolution is not None:
        height, width = _size(config)
    shape = count, height, width, config.channels or channels
    images = np.broadcast_to(np.zeros((), np.uint8), shape)
    labels = np.broadcast_to(np.zeros((), np.int32), count) if classes else None
    train = ImageSet(images, labels, tuple(map(str, range(classes))))
    return ImageDataSet(config.dataset, train, train)


def _size(config: TrainConfig) -> tuple[int, int]:
    """Returns the height and width that were asked for, of images that are square."""
    size = config.resolution
    assert size is not None
    height, width = as_pair(parse_size(size) if isinstance(size, str) else size)
    if height != width and not config.crop:
        raise InputError(
            f"The images of {config.dataset} are square, but --resolution is "
            f"{height}x{width}; pass --crop to take the centre of each."
        )
    return height, width
