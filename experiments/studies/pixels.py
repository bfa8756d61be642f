"""Images for studies: split in three, trained on, and as rows of pixels in [0, 1].

Choices, such as a bandwidth, are made on images that are neither trained on nor tested
on: the last ones of the published training set.
"""

import dataclasses
import re
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float, Shaped, UInt8

from experiments.studies.study import StudyConfig
from jaxgan import GAN, init, make_train_step, scan
from jaxgan.data import load
from jaxgan.game import GameState
from jaxgan.typing import Key

VALIDATION = {"mnist": 10_000, "digits": 300}


@dataclasses.dataclass(frozen=True, kw_only=True)
class PixelConfig(StudyConfig):
    """The settings of a study of MNIST, or of the 8x8 digits in its quick form."""

    # Where prepared data sets and their decoded caches are kept.
    data_dir: Path = Path("~/.cache/jaxgan")
    # Folder of files downloaded by hand.
    manual_dir: Path | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """A set in three parts.

    Attributes:
        name: the set's name.
        train: images to train on, ``[n h w c]``.
        labels: their classes.
        validation: rows to make choices on.
        test: rows to judge on.
        test_labels: their classes.
    """

    name: str
    train: UInt8[np.ndarray, "n h w c"]
    labels: np.ndarray
    validation: Float[np.ndarray, "v d"]
    test: Float[np.ndarray, "m d"]
    test_labels: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape [h w c] of one image."""
        return self.train.shape[1:]

    @property
    def rows(self) -> Float[np.ndarray, "n d"]:
        """The training images as rows."""
        return as_rows(self.train)


def split(config: PixelConfig) -> Split:
    """Loads MNIST, or the digits, in three parts."""
    name = "digits" if config.quick else "mnist"
    data = load(name, data_dir=config.data_dir, manual_dir=config.manual_dir)
    assert data.train.labels is not None
    cut = len(data.train) - VALIDATION[name]
    return Split(
        name,
        np.asarray(data.train.images[:cut]),
        np.asarray(data.train.labels[:cut]),
        as_rows(data.train.images[cut:]),
        as_rows(data.test.images),
        np.asarray(data.test.labels),
    )


def as_rows(images: Any) -> Float[np.ndarray, "n d"]:
    """Converts uint8 images to rows of float32 in [0, 1]."""
    return np.asarray(images, np.float32).reshape(len(images), -1) / 255


def as_images(rows: np.ndarray, shape: tuple[int, ...]) -> UInt8[np.ndarray, "n h w c"]:
    """Converts rows in [0, 1] to uint8 images; values outside are clipped."""
    levels = np.rint(np.clip(rows, 0, 1) * 255)
    return levels.astype(np.uint8).reshape(-1, *shape)


@dataclasses.dataclass(frozen=True, eq=False)
class Components:
    """The first principal components of images, as another space to train in.

    Attributes:
        mean: the mean image, ``[d]``.
        basis: orthonormal rows, by decreasing variance.
    """

    mean: Float[np.ndarray, " d"]
    basis: Float[np.ndarray, "k d"]

    def coordinates(self, rows: Float[Any, "n d"]) -> Float[np.ndarray, "n k"]:
        """Maps rows in [0, 1] to points, on the scale of pixels in [-1, 1]."""
        return 2 * (np.asarray(rows) - self.mean) @ self.basis.T

    def rows(self, points: Float[Any, "n k"]) -> Float[np.ndarray, "n d"]:
        """Maps points to rows; values outside [0, 1] are clipped."""
        return np.clip(self.mean + np.asarray(points) / 2 @ self.basis, 0, 1)


def components(rows: Float[np.ndarray, "n d"], count: int) -> Components:
    """Returns the first ``count`` principal components."""
    _, vectors = np.linalg.eigh(np.cov(rows, rowvar=False))
    basis = vectors[:, ::-1][:, :count].T
    return Components(rows.mean(axis=0), basis.astype(np.float32))


@partial(jax.jit, static_argnums=(0, 3, 4))
def trained(
    gan: GAN, images: Shaped[Array, "n ..."], key: Key, steps: int, batch: int
) -> GameState:
    """Returns the game after ``steps`` updates on batches drawn with replacement."""
    rows = lambda i: scan.rows(key, i, (1, batch), len(images))
    draw = lambda i: {"image": images[rows(i)]}
    state = init(gan, key, {"image": images[:1]})
    return scan.play(make_train_step(gan), state, draw, key, steps=steps)[0]


def part_name(title: str) -> str:
    """Returns a title in a form for file names.

    Example:
        >>> part_name("training images, 40 components")
        'training-images-40-components'
    """
    return re.sub("[^a-zA-Z0-9]+", "-", title)
