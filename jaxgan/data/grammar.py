"""Captions from factors: templates with slots, and several phrases for each value.

A template such as ``"a {colour} {digit} [on {ground}]"`` names each factor once; a slot
is filled with one of the phrases of the factor's value. All rows are filled at once:
templates and phrases are arrays of word indices, and padding is moved to the end.

Brackets mark what a prompt may leave out; `jaxgan.data.prompts` puts it in again.
"""

import dataclasses
import functools
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64, Int32, Int64

from jaxgan.checks import InputError
from jaxgan.data.vocabulary import PAD, Vocabulary, words_of

# "a one", "a universal sign", but "an 8".
_VOWEL = re.compile(r"(?!one\b|once|uni|ura|us|eu)[aeiou]|8|11\b|18\b")


class Slot(NamedTuple):
    """The column of the factors that a slot shows, and the phrases of each value."""

    column: int
    phrases: tuple[tuple[str, ...], ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Grammar:
    """Templates and the phrases that fill their slots.

    Attributes:
        templates: each shows every factor once; a prompt may leave out parts in
            brackets.
        slots: the slots by their names in the templates' braces.

    Raises:
        InputError: a template has an unknown slot, or does not show every factor once.

    Example:
        >>> colour = Slot(0, (("red", "crimson"), ("orange",)))
        >>> rules = Grammar(("a {colour} dot", "a dot, {colour}"), {"colour": colour})
        >>> found = rules.captions(np.int32([[1], [0]]), wordings=2, seed=0)
        >>> sorted(map(rules.vocabulary.decode, found[0]))
        ['a dot orange', 'an orange dot']
    """

    templates: tuple[str, ...]
    slots: Mapping[str, Slot]

    def __post_init__(self):
        columns = sorted({slot.column for slot in self.slots.values()})
        for template in self.templates:
            names = [part.text for part in parts_of(template) if part.is_slot]
            unknown = [name for name in names if name not in self.slots]
            if unknown:
                raise InputError(
                    f"The template {template!r} has the slot {unknown[0]!r}; expected "
                    f"one of {', '.join(self.slots)}."
                )
            if sorted(self.slots[name].column for name in names) != columns:
                raise InputError(
                    f"The template {template!r} must show every factor once; it shows "
                    f"{', '.join(names) or 'none'} of {', '.join(self.slots)}."
                )

    @functools.cached_property
    def vocabulary(self) -> Vocabulary:
        """All possible words; its length is that of the longest possible caption."""
        parts = [parts_of(template) for template in self.templates]
        texts = [part.text for each in parts for part in each if not part.is_slot]
        for slot in self.slots.values():
            texts += [phrase for phrases in slot.phrases for phrase in phrases]
        words = {word for text in texts for word in words_of(text)} | {"a", "an"}
        longest = max(sum(map(self._width, each)) for each in parts)
        return Vocabulary(tuple(sorted(words)), longest)

    def captions(
        self,
        factors: Int32[np.ndarray, "n f"],
        *,
        wordings: int,
        seed: int,
    ) -> Int32[np.ndarray, "n k L"]:
        """Describes each row of factors in several ways, by as many templates.

        The captions of a row depend on its position and on the seed, not on how many
        rows follow.

        Args:
            factors: the values.
            wordings: k, the number of captions for each row.
            seed: the seed for all choices.

        Raises:
            InputError: there are fewer templates than wordings.
        """
        if not 0 < wordings <= len(self.templates):
            raise InputError(
                f"Expected 1 to {len(self.templates)} wordings, as many as there are "
                f"templates, got {wordings}."
            )
        templates, phrases = (np.random.default_rng([seed, i]) for i in range(2))
        shape = len(factors), wordings
        ranks = templates.random((len(factors), len(self.templates)))
        chosen = ranks.argsort(axis=1)[:, :wordings]
        chances = phrases.random((*shape, len(self.slots)))
        found = np.zeros((*shape, self.vocabulary.length), np.int32)
        for number, template in enumerate(self.templates):
            at = np.nonzero(chosen == number)
            if len(at[0]):
                found[at] = self.filled(template, factors[at[0]], chances[at])
        return found

    def filled(
        self,
        template: str,
        factors: Int32[np.ndarray, "m f"],
        chances: Float64[np.ndarray, "m s"],
    ) -> Int32[np.ndarray, "m L"]:
        """Fills one template for several rows; ``chances`` choose the phrases."""
        pieces = []
        for part in parts_of(template):
            if part.is_slot:
                values = factors[:, self.slots[part.text].column]
                table, counts = self._tables[part.text]
                chance = chances[:, list(self.slots).index(part.text)]
                ids = table[values, (chance * counts[values]).astype(np.int64)]
            else:
                ids = np.tile(self._numbers(part.text), (len(factors), 1))
            pieces.append(ids)
        wide = np.concatenate(pieces, axis=1)
        # A stable sort moves the padding behind the words, which keep their order.
        order = np.argsort(wide == PAD, axis=1, kind="stable")
        dense = np.take_along_axis(wide, order, axis=1)
        dense = np.pad(dense, ((0, 0), (0, self.vocabulary.length)))
        return self._with_articles(dense[:, : self.vocabulary.length])

    def _with_articles(self, ids: Int32[np.ndarray, "m L"]) -> Int32[np.ndarray, "m L"]:
        """Changes "a" to "an" before a vowel."""
        a, an = (int(self._numbers(word)[0]) for word in ("a", "an"))
        words = self.vocabulary.words
        vowel = np.array([False, *(bool(_VOWEL.match(word)) for word in words)])
        following = np.pad(vowel[ids[:, 1:]], ((0, 0), (0, 1)))
        return np.where((ids == a) & following, np.int32(an), ids)

    @functools.cached_property
    def _tables(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """The word indices of each slot [values phrases width], and phrase counts."""
        return {name: self._table(slot.phrases) for name, slot in self.slots.items()}

    def _table(
        self, phrases: Sequence[Sequence[str]]
    ) -> tuple[Int32[np.ndarray, "v p w"], Int64[np.ndarray, " v"]]:
        counts = np.array([len(each) for each in phrases], np.int64)
        width = max(len(words_of(phrase)) for each in phrases for phrase in each)
        table = np.full((len(phrases), counts.max(), width), PAD, np.int32)
        for value, each in enumerate(phrases):
            for place, phrase in enumerate(each):
                ids = self._numbers(phrase)
                table[value, place, : len(ids)] = ids
        return table, counts

    def _numbers(self, text: str) -> Int32[np.ndarray, " w"]:
        place = self._places
        return np.array([place[word] for word in words_of(text)], np.int32)

    @functools.cached_property
    def _places(self) -> dict[str, int]:
        return {word: i for i, word in enumerate(self.vocabulary.words, start=1)}

    def _width(self, part: "Part") -> int:
        if not part.is_slot:
            return len(words_of(part.text))
        phrases = self.slots[part.text].phrases
        return max(len(words_of(phrase)) for each in phrases for phrase in each)


class Part(NamedTuple):
    """A part of a template: words, or the name of a slot.

    Attributes:
        text: the words or the name.
        is_slot: whether it is a name.
        bracket: the index of the brackets around it, or None.
    """

    text: str
    is_slot: bool
    bracket: int | None


def parts_of(template: str) -> list[Part]:
    """Splits a template into texts and slots.

    Example:
        >>> for part in parts_of("a [{colour}] dot [on {ground}]"):
        ...     print(*part)
        a False None
        colour True 0
        dot False None
        on False 1
        ground True 1
    """
    found = []
    for i, outer in enumerate(re.split(r"\[([^][]*)\]", template)):
        bracket = i // 2 if i % 2 else None
        pieces = re.split(r"\{(\w+)\}", outer)
        found += [
            Part(piece.strip(), j % 2 == 1, bracket) for j, piece in enumerate(pieces)
        ]
    return [part for part in found if words_of(part.text)]
