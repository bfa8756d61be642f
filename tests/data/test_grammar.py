"""Captions from factors: every factor is said, in every way, and by the row alone."""

import itertools
import re
from collections import Counter

import numpy as np
import pytest

from jaxgan.checks import InputError
from jaxgan.data import canvas, scenes, shapes, two_scenes
from jaxgan.data.grammar import Grammar, Slot
from jaxgan.data.prompts import completed
from jaxgan.data.vocabulary import words_of

RULES = {
    "one": (shapes.grammar_of(scenes.DIGIT), scenes.FACTORS),
    "two": (two_scenes.grammar(), two_scenes.FACTORS),
}


def drawn(factors, count, seed=0):
    random = np.random.default_rng(seed)
    columns = [random.integers(len(f.phrases), size=count) for f in factors]
    return np.stack(columns, axis=1).astype(np.int32)


def says(text, phrase):
    return f" {phrase} " in f" {text} "


@pytest.mark.parametrize("name", RULES)
def test_every_caption_holds_a_phrase_of_each_factor(name):
    rules, factors = RULES[name]
    values = drawn(factors, 500)
    captions = rules.captions(values, wordings=5, seed=1)
    for row, several in zip(values, captions, strict=True):
        texts = [rules.vocabulary.decode(each) for each in several]
        assert len(set(texts)) == 5
        for text, (value, factor) in itertools.product(
            texts, list(zip(row, factors, strict=True))
        ):
            phrases = [" ".join(words_of(each)) for each in factor.phrases[value]]
            assert any(says(text, each) for each in phrases), (text, factor.name)


def without(template, text, rules):
    """Returns whether ``text`` is the template with some of its brackets left out."""
    pattern = ""
    for i, outer in enumerate(re.split(r"\[([^][]*)\]", template)):
        inner = ""
        for j, piece in enumerate(re.split(r"\{(\w+)\}", outer)):
            phrases = [piece]
            if j % 2:
                phrases = sum(rules.slots[piece].phrases, ())
            words = [" ".join(words_of(each)) for each in phrases]
            inner += f"(?:{'|'.join(f' {each}' if each else '' for each in words)})"
        pattern += f"(?:{inner}){'?' * (i % 2)}"
    return re.fullmatch(pattern, f" {text}".replace(" an ", " a ")) is not None


@pytest.mark.parametrize("name", RULES)
def test_a_prompt_is_completed_by_what_its_brackets_leave_out(name):
    """Brackets are left out at random; the other words stay in order."""
    rules, factors = RULES[name]
    random = np.random.default_rng(1)
    opened = 0
    for row in drawn(factors, 60):
        template = rules.templates[random.integers(len(rules.templates))]
        brackets = re.findall(r"\[[^][]*\]", template)
        kept = template
        for bracket in brackets:
            kept = kept.replace(bracket, "" if random.random() < 0.5 else bracket, 1)
        phrases = {
            n: slot.phrases[row[slot.column]][-1] for n, slot in rules.slots.items()
        }
        prompt = kept.replace("[", "").replace("]", "").format(**phrases)
        found = completed(rules, prompt, count=4, seed=0)
        assert found is not None, prompt
        articles = lambda words: Counter("a" if w == "an" else w for w in words)
        for each in found.captions:
            text = rules.vocabulary.decode(each)
            assert any(without(t, text, rules) for t in rules.templates)
            assert not articles(words_of(prompt)) - articles(text.split())
            for factor in factors[: 5 if name == "one" else 0]:
                known = [" ".join(words_of(p)) for ps in factor.phrases for p in ps]
                assert any(says(text, phrase) for phrase in known), (text, factor.name)
        assert set(found.open) <= set(re.findall(r"\{(\w+)\}", template))
        whole = {rules.vocabulary.decode(each) for each in found.captions}
        assert len(whole) == 1 or found.open
        opened += bool(found.open)
    assert 20 < opened < 60


def test_what_is_open_is_drawn_evenly_and_by_the_column_alone():
    rules, factors = RULES["one"]
    found = completed(rules, "a red seven", count=2_000, seed=3)
    assert set(found.open) == {"size", "place", "ground"}
    texts = [rules.vocabulary.decode(each) for each in found.captions]
    for factor in factors[2:]:
        first = [" ".join(words_of(phrases[0])) for phrases in factor.phrases]
        shares = [np.mean([says(text, each) for text in texts]) for each in first]
        assert all(share >= 0.8 / len(first) for share in shares), (factor.name, shares)
    fewer = completed(rules, "a red seven", count=10, seed=3)
    np.testing.assert_array_equal(fewer.captions, found.captions[:10])
    other = completed(rules, "a blue three", count=10, seed=3)
    swapped = [
        rules.vocabulary.decode(each).replace("blue three", "red seven", 1)
        for each in other.captions
    ]
    assert swapped == texts[:10]
    assert completed(rules, "a red seven and a cow", count=1, seed=0) is None
    whole = completed(rules, "a small red 7 in the middle, on black", count=2, seed=0)
    assert whole.open == ()
    assert rules.vocabulary.decode(whole.captions[1]).startswith("a small red 7 in the")


@pytest.mark.parametrize("name", RULES)
def test_captions_are_templates_with_phrases_in_their_slots(name):
    """Against plain string formatting of all phrases of a few rows."""
    rules, factors = RULES[name]
    values = drawn(factors, 4, seed=2)
    captions = rules.captions(values, wordings=len(rules.templates), seed=0)
    for row, several in zip(values, captions, strict=True):
        possible = set()
        for template in rules.templates:
            template = template.replace("[", "").replace("]", "")
            names = [n for n in rules.slots if f"{{{n}}}" in template]
            slots = [rules.slots[n] for n in names]
            for filled in itertools.product(*(s.phrases[row[s.column]] for s in slots)):
                text = template.format(**dict(zip(names, filled, strict=True)))
                words = words_of(text)
                for i, word in enumerate(words[:-1]):
                    vowel = words[i + 1][0] in "aeiou8" and words[i + 1] != "one"
                    words[i] = "an" if word == "a" and vowel else word
                possible.add(" ".join(words))
        found = {rules.vocabulary.decode(each) for each in several}
        assert len(found) == len(rules.templates)
        assert found <= possible


def test_every_template_and_phrase_is_used_about_equally_often():
    rules, factors = RULES["one"]
    values = np.tile(np.int32([[8, 5, 0, 1, 3]]), (3_000, 1))
    captions = rules.captions(values, wordings=2, seed=4).reshape(6_000, -1)
    texts = [rules.vocabulary.decode(each) for each in captions]
    for column, value in enumerate(values[0]):
        phrases = factors[column].phrases[value]
        # "top right" is part of "top right corner".
        longest = sorted(phrases, key=len, reverse=True)
        counts = Counter(
            next(p for p in longest if says(t, " ".join(words_of(p)))) for t in texts
        )
        assert set(counts) == set(phrases)
        expected = 6_000 / len(phrases)
        assert all(abs(n / expected - 1) < 0.1 for n in counts.values()), counts
    starts = Counter(text.split()[0] for text in texts)
    assert set(starts) >= {"a", "an", "in", "on", "the", "there", "small"}


def test_a_row_is_called_by_its_place_and_the_seed():
    rules, factors = RULES["one"]
    values = drawn(factors, 50)
    whole = rules.captions(values, wordings=5, seed=7)
    np.testing.assert_array_equal(rules.captions(values, wordings=5, seed=7), whole)
    np.testing.assert_array_equal(
        rules.captions(values[:20], wordings=5, seed=7), whole[:20]
    )
    assert (rules.captions(values, wordings=5, seed=8) != whole).any()
    changed = values.copy()
    changed[3] = (values[3] + 1) % 3
    found = rules.captions(changed, wordings=5, seed=7)
    others = np.arange(50) != 3
    np.testing.assert_array_equal(found[others], whole[others])
    assert (found[3] != whole[3]).any()


def test_captions_have_room_for_the_longest_and_zeros_only_at_the_end():
    rules, factors = RULES["two"]
    found = rules.captions(drawn(factors, 2_000), wordings=10, seed=0)
    lengths = (found > 0).sum(axis=-1)
    assert lengths.max() == found.shape[-1] == rules.vocabulary.length
    places = np.arange(found.shape[-1])[None, None]
    np.testing.assert_array_equal(found > 0, places < lengths[..., None])
    assert found.max() < rules.vocabulary.size
    assert found.dtype == np.int32


def test_articles_follow_the_sound():
    named = ("orange", "red one", "one", "8", "18 dots", "7", "umbrella", "universal x")
    thing = Slot(0, tuple((each,) for each in named))
    rules = Grammar(("a {thing}",), {"thing": thing})
    rows = np.arange(len(named), dtype=np.int32)[:, None]
    found = rules.captions(rows, wordings=1, seed=0)[:, 0]
    articles = [rules.vocabulary.decode(each).split()[0] for each in found]
    assert articles == ["an", "a", "a", "an", "an", "a", "an", "a"]


def test_the_prompt_of_the_readme_is_known():
    rules = RULES["one"][0]
    text = "a large red seven on a blue ground"
    assert rules.vocabulary.decode(rules.vocabulary.encode(text)) == text
    two = RULES["two"][0].vocabulary
    for text in ("a red seven left of a blue three", "a blue 3 under a pink 8 on navy"):
        assert two.decode(two.encode(text)) == text


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("a {colour} dot", "every factor once"),
        ("a {colour} {colour} dot {place}", "every factor once"),
        ("a {color} dot {place}", "'color'.*colour, place"),
        ("a dot", "none of colour"),
    ],
)
def test_templates_that_do_not_say_all_are_refused(template, message):
    slots = {"colour": Slot(0, (("red",),)), "place": Slot(1, (("here",),))}
    with pytest.raises(InputError, match=message):
        Grammar((template,), slots)


@pytest.mark.parametrize("wordings", [0, 11])
def test_more_wordings_than_templates_are_refused(wordings):
    rules, factors = RULES["one"]
    with pytest.raises(InputError, match=f"1 to 10 wordings.*{wordings}"):
        rules.captions(drawn(factors, 2), wordings=wordings, seed=0)


def test_no_phrase_means_two_values():
    for factor in (canvas.SIZE, canvas.COLOUR, canvas.PLACE, canvas.GROUND,
                   scenes.DIGIT, two_scenes.RELATION):  # fmt: skip
        phrases = [phrase for each in factor.phrases for phrase in each]
        assert len(phrases) == len(set(phrases))
