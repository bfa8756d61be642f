"""Data sets as values: training examples, held-out examples and an identity."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, Int32, UInt8

from jaxgan.checks import InputError
from jaxgan.data.arrays import Examples


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images, and their labels if there are any.

    Attributes:
        images: [n h w c] uint8, usually a read-only memory map.
        labels: [n] int32 positions in ``classes``, or None.
        classes: the names of the classes; empty without labels.
    """

    images: UInt8[np.ndarray, "n h w c"]
    labels: Int32[np.ndarray, " n"] | None
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.images)

    @property
    def nbytes(self) -> int:
        """The size of all images and labels in bytes."""
        return self.images.nbytes + (0 if self.labels is None else self.labels.nbytes)

    def batch(self, indices: Int[np.ndarray, "*b"]) -> dict[str, np.ndarray]:
        """Returns copies of the examples at ``indices``: "image", "label" if labelled.

        Example:
            >>> images = ImageSet(np.zeros((6, 2, 2, 1), np.uint8), None, ())
            >>> images.batch(np.array([[4, 1]]))["image"].shape
            (1, 2, 2, 2, 1)
        """
        batch = {"image": np.asarray(self.images[indices])}
        if self.labels is not None:
            batch["label"] = self.labels[indices]
        return batch


@dataclass(frozen=True, eq=False)
class DataSet:
    """A set to train on, and examples of the same kind held out from training.

    Attributes:
        name: as given to `load`.
        train: the examples to train on.
        test: the held-out examples; None if there are none.
        fingerprint: a hash that is equal for equal examples: of a named set's version
            and of how it was decoded; of the contents of a folder's files and their
            relative names; of the bytes of arrays.
        note: a line that says how a folder of images was interpreted, or how a
            built-in set of pairs was made; else empty.
        credit: a line with the authors and the licence of a built-in set; else empty.
    """

    name: str
    train: ImageSet | Examples
    test: ImageSet | Examples | None
    fingerprint: str = ""
    note: str = ""
    credit: str = ""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """The shape (h, w, c) of one image.

        Raises:
            InputError: the examples hold no "image" [n h w c].
        """
        train = self.train
        images = train.images if isinstance(train, ImageSet) else _images(train)
        if images is None or images.ndim != 4:
            raise InputError(
                f"{self.name} holds no images: expected a column 'image' of shape "
                "[n h w c]. Give one, or a network that takes other examples."
            )
        height, width, channels = images.shape[1:]
        return height, width, channels

    def shape_of(self, column: str) -> tuple[int, ...]:
        """Returns the shape of one example's entry in a column.

        Raises:
            InputError: there is no such column.
        """
        example = self.train.batch(np.arange(1))
        if not isinstance(example, dict) or column not in example:
            raise InputError(
                f"{self.name} has no column {column!r}, which the game needs. Give a "
                "set that has one."
            )
        return example[column].shape[1:]

    @property
    def num_classes(self) -> int:
        """The number of classes; 0 without labels."""
        return len(self.train.classes)


@dataclass(frozen=True, eq=False)
class ImageDataSet(DataSet):
    """A `DataSet` as `load` returns it: of image sets, always with some held out."""

    train: ImageSet
    test: ImageSet


def _images(examples: Examples):
    columns = examples.columns
    return columns.get("image") if isinstance(columns, dict) else None
