"""Sets of images with captions and, where known, factors of variation."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Int32

from jaxgan.data.arrays import Examples
from jaxgan.data.dataset import DataSet
from jaxgan.data.in_memory import from_arrays
from jaxgan.data.vocabulary import Vocabulary

_ONE_IN = 10  # one in this many pairs is held out


class Factor(NamedTuple):
    """A factor of variation between images, such as the colour.

    Attributes:
        name: its name.
        phrases: for each value, the phrases that captions use for it.
    """

    name: str
    phrases: tuple[tuple[str, ...], ...]

    @property
    def values(self) -> tuple[str, ...]:
        """The name of each value: the first of its phrases."""
        return tuple(phrases[0] for phrases in self.phrases)


@dataclasses.dataclass(frozen=True, eq=False)
class CaptionedSet(DataSet):
    """Images and their captions, as `jaxgan.data.load_captioned` loads them.

    The columns are "image", uint8 [n h w c], "captions", int32 [n k L], k wordings for
    each image, "factors", int32 [n f], where they are known, and "embeddings", float32
    [n k d], where they are given.

    Attributes:
        vocabulary: the captions' words.
        factors: the factors in the column "factors"; empty for your own images.
        bound: the pairs of columns of "factors" that have combinations held out from
            training, see `held_out_pairs`.
    """

    train: Examples
    test: Examples
    vocabulary: Vocabulary = dataclasses.field(kw_only=True)
    factors: tuple[Factor, ...] = dataclasses.field(default=(), kw_only=True)
    bound: tuple[tuple[int, int], ...] = dataclasses.field(default=(), kw_only=True)

    def is_held_out(self, factors: Int32[np.ndarray, "n f"]) -> Bool[np.ndarray, " n"]:
        """Returns whether each image has a combination held out from training."""
        found = np.zeros(len(factors), bool)
        for first, second in self.bound:
            sizes = (len(self.factors[column].phrases) for column in (first, second))
            found |= held_out_pairs(*sizes)[factors[:, first], factors[:, second]]
        return found


def held_out_pairs(first: int, second: int) -> Bool[np.ndarray, "first second"]:
    """Returns which combinations of two factors are held out, about a tenth.

    A combination is held out if its index, counted row by row, is a multiple of ten. So
    of 8 values of the second factor, such as the colours, only every other occurs.

    Args:
        first: the number of values of the first factor.
        second: that of the second.

    Example:
        >>> np.argwhere(held_out_pairs(10, 8)).tolist()[:3]
        [[0, 0], [1, 2], [2, 4]]
    """
    return np.arange(first * second).reshape(first, second) % _ONE_IN == 0


def of_arrays(
    train: dict[str, np.ndarray],
    test: dict[str, np.ndarray],
    *,
    name: str,
    vocabulary: Vocabulary,
    **fields: Any,
) -> CaptionedSet:
    """Makes a captioned set; its fingerprint covers the columns and the vocabulary.

    Args:
        train: the columns to train on, see `CaptionedSet`.
        test: those held out.
        name: the name of the set.
        vocabulary: the captions' words.
        fields: other fields of the set.
    """
    data = from_arrays(train, test, name=name)
    fields["fingerprint"] = fingerprint_of(data.fingerprint, vocabulary)
    splits = Examples(train), Examples(test)
    return CaptionedSet(name, *splits, vocabulary=vocabulary, **fields)


def fingerprint_of(
    images: str,
    vocabulary: Vocabulary,
    splits: Sequence[dict[str, np.ndarray]] = (),
) -> str:
    """Extends a fingerprint of images by a vocabulary and by the other columns."""
    digest = hashlib.sha256(f"{images} {json.dumps(vocabulary.as_json())}".encode())
    columns = [c for split in splits for n, c in split.items() if n != "image"]
    for column in columns:
        digest.update(repr(column.shape).encode() + column.tobytes())
    return digest.hexdigest()[:16]
