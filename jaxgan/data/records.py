"""Helpers for our tfds builders: labelled images, written as PNG in the given order."""

import io
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from jaxtyping import Integer, UInt8
from PIL import Image

from jaxgan.checks import InputError


def info(
    builder: tfds.core.DatasetBuilder,
    shape: tuple[int, int, int],
    classes: Sequence[str],
) -> tfds.core.DatasetInfo:
    """Describes a set of images of ``shape`` [h w c], each of one of ``classes``."""
    features = {
        "image": tfds.features.Image(shape=shape, encoding_format="png"),
        "label": tfds.features.ClassLabel(names=list(classes)),
    }
    return tfds.core.DatasetInfo(
        builder=builder,
        description=type(builder).__doc__,
        features=tfds.features.FeaturesDict(features),
        disable_shuffling=True,  # example i stays image i of the original files
    )


def check(
    name: str,
    images: UInt8[np.ndarray, "n h w c"],
    labels: Integer[np.ndarray, " m"],
    shape: tuple[int, int, int],
    classes: int,
) -> None:
    """Raises InputError unless the images have ``shape`` and each has a valid label."""
    if images.shape[1:] != shape:
        raise InputError(
            f"{name} must hold images of shape {shape}, got {images.shape[1:]}."
        )
    if len(images) != len(labels):
        raise InputError(
            f"{name} must hold a label for each image, got {len(images)} images and "
            f"{len(labels)} labels."
        )
    if np.any(labels >= classes):
        raise InputError(
            f"{name} must hold labels from 0 to {classes - 1}, got {labels.max()}."
        )


def png(image: UInt8[np.ndarray, "h w c"]) -> io.BytesIO:
    """Encodes an image; quickly, since it is decoded once and then forgotten."""
    file = io.BytesIO()
    squeezed = image[..., 0] if image.shape[-1] == 1 else image
    Image.fromarray(squeezed).save(file, "PNG", compress_level=1)
    file.seek(0)
    return file


def examples(
    images: UInt8[np.ndarray, "n h w c"], labels: Integer[np.ndarray, " n"]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yields keyed examples as tfds expects them from a generator."""
    for key, (image, label) in enumerate(zip(images, labels.tolist(), strict=True)):
        yield key, {"image": png(image), "label": label}
