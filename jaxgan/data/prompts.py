"""Prompts for captions of a grammar: what they leave open is chosen at random.

A prompt is read by the first template of the grammar that gives its words when some of
the parts in brackets are left out. Then these parts are put in again, with values drawn
for each image, so that a network that learnt from whole captions gets whole captions.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Int32

from jaxgan.data.grammar import Grammar, Part, parts_of
from jaxgan.data.vocabulary import words_of

Reading = dict[str, tuple[int, int]]
"""For each slot that a prompt fills, the value and the number of its phrase."""


class Completed(NamedTuple):
    """Captions that say all, and the slots that a prompt left open.

    Attributes:
        captions: int32 [n L].
        open: their names, in the order of the captions.
    """

    captions: Int32[np.ndarray, "n L"]
    open: tuple[str, ...]


def completed(
    rules: Grammar, prompt: str, *, count: int, seed: int
) -> Completed | None:
    """Chooses what a prompt leaves open, for each of several images.

    The prompt's own phrases stay. Values are drawn uniformly, and shown by their first
    phrase. Those of the i-th image depend only on i and the seed, not on the prompt.

    Args:
        rules: the grammar of the captions.
        prompt: the words.
        count: n, the number of images.
        seed: the seed of the choices.

    Returns:
        The captions, or None if no template has these words.

    Example:
        >>> from jaxgan.data.grammar import Slot
        >>> colour = Slot(0, (("red", "crimson"), ("blue",)))
        >>> place = Slot(1, (("left",), ("right",)))
        >>> slots = {"colour": colour, "place": place}
        >>> rules = Grammar(("a {colour} dot [on the {place}]",), slots)
        >>> found = completed(rules, "a crimson dot", count=2, seed=0)
        >>> found.open, [rules.vocabulary.decode(each) for each in found.captions]
        (('place',), ['a crimson dot on the left', 'a crimson dot on the right'])
    """
    words = _without_an(words_of(prompt))
    for template in rules.templates:
        parts = parts_of(template)
        reading = next(_readings(rules, parts, words), None)
        if reading is not None:
            names = [part.text for part in parts if part.is_slot]
            left_open = tuple(name for name in names if name not in reading)
            captions = _filled(rules, template, reading, left_open, count, seed)
            return Completed(captions, left_open)
    return None


def _filled(
    rules: Grammar,
    template: str,
    reading: Reading,
    left_open: tuple[str, ...],
    count: int,
    seed: int,
) -> Int32[np.ndarray, "n L"]:
    """Fills a template by a reading and, where that has nothing, by draws."""
    slots = rules.slots
    draws = np.stack(
        [np.random.default_rng([seed, i]).random(len(slots)) for i in range(count)]
    )
    factors = np.zeros((count, 1 + max(slot.column for slot in slots.values())))
    chances = np.zeros((count, len(slots)))
    for place, (name, slot) in enumerate(slots.items()):
        if name in reading:
            value, phrase = reading[name]
            factors[:, slot.column] = value
            chances[:, place] = (phrase + 0.5) / len(slot.phrases[value])
        elif name in left_open:
            factors[:, slot.column] = draws[:, place] * len(slot.phrases)
    return rules.filled(template, factors.astype(np.int32), chances)


def _readings(
    rules: Grammar,
    parts: Sequence[Part],
    words: Sequence[str],
    inside: int | None = None,
) -> Iterator[Reading]:
    """Yields the ways in which words fill all parts but some of the brackets.

    ``inside`` is the bracket whose first parts were filled, if any.
    """
    if not parts:
        if not words:
            yield {}
        return
    bracket = parts[0].bracket
    for count, filled in _beginnings(rules, parts[0], words):
        for others in _readings(rules, parts[1:], words[count:], bracket):
            yield {**filled, **others}
    if bracket is not None and bracket != inside:
        rest = [part for part in parts if part.bracket != bracket]
        yield from _readings(rules, rest, words)


def _beginnings(
    rules: Grammar, part: Part, words: Sequence[str]
) -> Iterator[tuple[int, Reading]]:
    """Yields the ways in which the first words fill a part, and their number."""
    ways: list[tuple[str, Reading]] = [(part.text, {})]
    if part.is_slot:
        ways = [
            (phrase, {part.text: (value, number)})
            for value, phrases in enumerate(rules.slots[part.text].phrases)
            for number, phrase in enumerate(phrases)
        ]
    for text, filled in ways:
        own = _without_an(words_of(text))
        if list(words[: len(own)]) == own:
            yield len(own), filled


def _without_an(words: list[str]) -> list[str]:
    """Writes both articles as "a"."""
    return ["a" if word == "an" else word for word in words]
