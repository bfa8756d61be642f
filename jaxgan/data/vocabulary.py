"""Words and their indices: captions as arrays of integers.

A word is the text between spaces, in lower case and without punctuation; apostrophes
and hyphens inside a word belong to it. The index 0 pads a caption to the common length
of all captions of a set.
"""

import dataclasses
import difflib
import functools
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Int32, Integer

from jaxgan.checks import InputError

PAD = 0
"""The index that pads a caption after its last word."""

_SHOWN = 8  # words shown as examples in a message
# Maps variants of the apostrophe and of the hyphen to one character each.
# Variation selectors and enclosing marks, which only change how a character looks.
_LOOKS = re.compile("[\u20dd-\u20e4\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_ONE_SIGN = str.maketrans({"\u2018": "'", "\u2019": "'", "\u2010": "-", "\u2011": "-"})


def words_of(text: str) -> list[str]:
    """Splits a caption into its words.

    Letters, combining marks and digits of all scripts are kept; symbols, including
    emoji, are not. Composed and decomposed accents are equal.

    Example:
        >>> words_of("A large, RED seven -- on a blue-grey ground!")
        ['a', 'large', 'red', 'seven', 'on', 'a', 'blue-grey', 'ground']
    """
    text = unicodedata.normalize("NFC", text.lower()).translate(_ONE_SIGN)
    text = re.sub("-{2,}", " ", _LOOKS.sub("", text))
    kept = (
        c if c in "'-" or unicodedata.category(c)[0] in "LMN" else " " for c in text
    )
    return [word for part in "".join(kept).split() if (word := part.strip("'-"))]


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """The words of a set's captions; the first has the index 1.

    Attributes:
        words: each once, as `words_of` gives them.
        length: the length of a caption, words and padding.
        unlearnt: those that no caption to train on has; `encode` refuses them.

    Raises:
        InputError: a word occurs twice or is not a result of `words_of`, or the length
            is not positive.

    Example:
        >>> known = Vocabulary(("a", "red", "seven"), length=4)
        >>> known.encode("A red seven.").tolist(), known.decode(np.array([3, 2, 0]))
        ([1, 2, 3, 0], 'seven red')
    """

    words: tuple[str, ...]
    length: int
    unlearnt: tuple[str, ...] = ()

    def __post_init__(self):
        if len(set(self.words)) < len(self.words):
            raise InputError("A word occurs twice in a vocabulary; give each once.")
        odd = [word for word in self.words if words_of(word) != [word]]
        if odd:
            raise InputError(
                f"{odd[0]!r} is not a word for a vocabulary: expected lower case "
                "without spaces and punctuation, as "
                "jaxgan.data.vocabulary.words_of gives it."
            )
        if self.length < 1:
            raise InputError(f"A caption's length must be positive, got {self.length}.")

    @property
    def size(self) -> int:
        """The number of words, plus 1 for the padding: the rows of an embedding."""
        return len(self.words) + 1

    def encode(self, text: str) -> Int32[np.ndarray, " L"]:
        """Turns a caption into the indices of its words, padded with 0.

        Raises:
            InputError: a word is unknown or was not learnt (the message names it and
                similar words); the caption has no word, or more than ``length``.
        """
        words = words_of(text)
        if not words:
            raise InputError(
                f"The caption {text!r} has no word; expected words such as "
                f"{', '.join(self.words[:_SHOWN])}."
            )
        known = self._numbers
        unknown = [word for word in dict.fromkeys(words) if word not in known]
        if unknown:
            raise InputError(
                f"The caption {text!r} has words that are unknown here: "
                f"{'; '.join(_like(word, known) for word in unknown)}. Expected some "
                f"of the {len(known):,} words of the captions that were trained on."
            )
        if len(words) > self.length:
            raise InputError(
                f"The caption {text!r} has {len(words)} words; at most {self.length} "
                "are read, as many as the set's longest has. Shorten it."
            )
        numbers = np.full(self.length, PAD, np.int32)
        numbers[: len(words)] = [self._numbers[word] for word in words]
        return numbers

    def encode_all(self, texts: Iterable[str]) -> Int32[np.ndarray, "n L"]:
        """Encodes several captions, at least one; see `encode`."""
        return np.stack([self.encode(text) for text in texts])

    def decode(self, numbers: Integer[np.ndarray, " _"]) -> str:
        """Turns indices back into words, without the padding.

        Raises:
            InputError: an index does not belong to a word.
        """
        kept = [int(number) for number in numbers if number != PAD]
        wrong = [number for number in kept if not 0 < number < self.size]
        if wrong:
            raise InputError(
                f"{wrong[0]} is not the number of a word; expected 0 to "
                f"{self.size - 1}."
            )
        return " ".join(self.words[number - 1] for number in kept)

    def as_json(self) -> dict[str, Any]:
        """Returns the vocabulary as JSON values, for `from_json`."""
        value = {"length": self.length, "words": list(self.words)}
        return value | ({"unlearnt": list(self.unlearnt)} if self.unlearnt else {})

    @classmethod
    def from_json(cls, value: Any) -> "Vocabulary":
        """Makes a vocabulary from the result of `as_json`.

        Raises:
            InputError: ``value`` is something else.

        Example:
            >>> Vocabulary.from_json({"length": 9, "words": ["red"]}).encode("Red")[:2]
            array([1, 0], dtype=int32)
        """
        found = value if isinstance(value, Mapping) else {}
        length, words = found.get("length"), found.get("words")
        unlearnt = found.get("unlearnt", [])
        are_words = lambda x: isinstance(x, list) and all(isinstance(y, str) for y in x)
        if not (are_words(words) and are_words(unlearnt) and type(length) is int):
            raise InputError(
                f"{value!r:.80} is not a vocabulary: expected an object with 'length', "
                "a number, and 'words', a list of strings, as Vocabulary.as_json makes."
            )
        return cls(tuple(words), length, tuple(unlearnt))  # pyright: ignore

    @functools.cached_property
    def _numbers(self) -> dict[str, int]:
        """The index of each word that was learnt."""
        lost = set(self.unlearnt)
        return {w: n for n, w in enumerate(self.words, start=1) if w not in lost}


def _like(word: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(word, known)
    return f"{word!r}{f' (did you mean {_either(near)}?)' if near else ''}"


def _either(words: list[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} or {last}" if others else last


def vocabulary_of(
    captions: Iterable[list[str]], learnt: Collection[str] | None = None
) -> Vocabulary:
    """Collects the words of captions in alphabetical order, and the longest's length.

    Args:
        captions: the words of each caption, see `words_of`.
        learnt: the words of those to train on; None if all are.

    Example:
        >>> vocabulary_of([["a", "seven"], ["a", "red", "one"]])
        Vocabulary(words=('a', 'one', 'red', 'seven'), length=3, unlearnt=())
    """
    captions = list(captions)
    words = sorted({word for caption in captions for word in caption})
    unlearnt = [] if learnt is None else [word for word in words if word not in learnt]
    length = max(map(len, captions), default=1)
    return Vocabulary(tuple(words), length, tuple(unlearnt))
