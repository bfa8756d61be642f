"""Data sets of the right shape without their images: planning downloads nothing."""

import numpy as np

from jaxgan.checks import InputError
from jaxgan.cli import TrainConfig
from jaxgan.cli.experiment import load_data
from jaxgan.data import ImageDataSet, ImageSet
from jaxgan.data.size import as_pair, parse_size

_KNOWN = {
    "digits": (1_415, 8, 8, 1),
    "mnist": (60_000, 28, 28, 1),
    "fashion_mnist": (60_000, 28, 28, 1),
    "cifar10": (50_000, 32, 32, 3),
}
_CLASSES = tuple("0123456789")


def data_set(config: TrainConfig) -> ImageDataSet:
    """Returns the config's data set, as far as a train step's shapes depend on it.

    The named sets are known, and are here all zeros that take no memory; others are
    loaded.

    Raises:
        InputError: if the set cannot be loaded, or resized as asked.
    """
    if config.dataset not in _KNOWN:
        return load_data(config)
    if config.channels not in (None, 1, 3):
        raise InputError(
            f"--channels must be 1 (gray) or 3 (RGB), not {config.channels}."
        )
    count, height, width, channels = _KNOWN[config.dataset]
    if config.resolution is not None:
        height, width = _size(config)
    shape = count, height, width, config.channels or channels
    images = np.broadcast_to(np.zeros((), np.uint8), shape)
    labels = np.broadcast_to(np.zeros((), np.int32), count)
    train = ImageSet(images, labels, _CLASSES)
    return ImageDataSet(config.dataset, train, train)


def _size(config: TrainConfig) -> tuple[int, int]:
    """The height and width that were asked for, of images that are square."""
    size = config.resolution
    assert size is not None
    height, width = as_pair(parse_size(size) if isinstance(size, str) else size)
    if height != width and not config.crop:
        raise InputError(
            f"The images of {config.dataset} are square, and --resolution is "
            f"{height}x{width}; pass --crop to take the centre of each."
        )
    return height, width
