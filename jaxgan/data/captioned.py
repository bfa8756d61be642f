"""A set of images with captions, and what is known of each image."""

import dataclasses
import hashlib
import json
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Int32

from jaxgan.data.arrays import Examples
from jaxgan.data.dataset import DataSet
from jaxgan.data.in_memory import from_arrays
from jaxgan.data.vocabulary import Vocabulary

_ONE_IN = 10  # pairs is held out


class Factor(NamedTuple):
    """Something that varies from image to image, such as a colour.

    Attributes:
        name: what to call it.
        phrases: for each value the phrases that captions say it with.
    """

    name: str
    phrases: tuple[tuple[str, ...], ...]

    @property
    def values(self) -> tuple[str, ...]:
        """The name of each value: the first of its phrases."""
        return tuple(phrases[0] for phrases in self.phrases)


@dataclasses.dataclass(frozen=True, eq=False)
class CaptionedSet(DataSet):
    """Images and their captions, as `jaxgan.data.load_captioned` finds them.

    The columns are "image", uint8 [n h w c], "captions", int32 [n k L], k wordings for
    each image, and "factors", int32 [n f], where they are known.

    Attributes:
        vocabulary: the captions' words.
        factors: what the column "factors" counts; empty for one's own images.
        bound: the pairs of columns of "factors" of which some combinations are not
            trained on, see `held_out_pairs`.
    """

    train: Examples
    test: Examples
    vocabulary: Vocabulary = dataclasses.field(kw_only=True)
    factors: tuple[Factor, ...] = dataclasses.field(default=(), kw_only=True)
    bound: tuple[tuple[int, int], ...] = dataclasses.field(default=(), kw_only=True)

    def is_held_out(self, factors: Int32[np.ndarray, "n f"]) -> Bool[np.ndarray, " n"]:
        """Whether an image has a combination that no image to train on has."""
        found = np.zeros(len(factors), bool)
        for first, second in self.bound:
            sizes = (len(self.factors[column].phrases) for column in (first, second))
            found |= held_out_pairs(*sizes)[factors[:, first], factors[:, second]]
        return found


def held_out_pairs(first: int, second: int) -> Bool[np.ndarray, "first second"]:
    """Which combinations of two factors are held out, about a tenth.

    Those whose number, counted row by row, is a multiple of ten.

    Args:
        first: how many values the first factor has.
        second: the same of the second.

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
    """Makes a captioned set of columns, known by them and by its words.

    Args:
        train: the columns to train on, see `CaptionedSet`.
        test: those held out.
        name: what to call the set.
        vocabulary: of the captions.
        fields: others of the set.
    """
    data = from_arrays(train, test, name=name)
    fields["fingerprint"] = fingerprint_of(data.fingerprint, vocabulary)
    splits = Examples(train), Examples(test)
    return CaptionedSet(name, *splits, vocabulary=vocabulary, **fields)


def fingerprint_of(
    images: str,
    vocabulary: Vocabulary,
    captions: tuple[Int32[np.ndarray, "_ k L"], ...] = (),
) -> str:
    """Adds the words of captions, and their numbers, to a fingerprint of the rest."""
    digest = hashlib.sha256(f"{images} {json.dumps(vocabulary.as_json())}".encode())
    for column in captions:
        digest.update(repr(column.shape).encode() + column.tobytes())
    return digest.hexdigest()[:16]
