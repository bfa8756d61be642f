"""Words and their numbers: what a word is, what is unknown, JSON there and back."""

import json

import numpy as np
import pytest

from jaxgan.checks import InputError
from jaxgan.data.vocabulary import PAD, Vocabulary, vocabulary_of, words_of

WORDS = ("a", "blue", "green", "ground", "large", "on", "red", "seven")


@pytest.fixture
def known():
    return Vocabulary(WORDS, length=6)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A Large, RED seven.", "a large red seven"),
        ("  two\tspaces\nand a line ", "two spaces and a line"),
        ("'quoted' (in brackets) [too] {and} \u201cmore\u201d", "quoted in brackets "
         "too and more"),
        ("it's a medium-sized cat\u2019s tail", "it's a medium-sized cat's tail"),
        ("red--blue - red-", "red blue red"),
        ("3.5 m, 40% & more_so", "3 5 m 40 more so"),
        ("ÜBER Straße", "über straße"),
        ("cafe\u0301", "café"),
        ("हिन्दी शब्द", "हिन्दी शब्द"),
        ("\U0001f600 :-)", ""),
        ("I \u2764\ufe0f cats", "i cats"),
        ("1\ufe0f\u20e3 cat\U000e0100", "1 cat"),
    ],
)  # fmt: skip
def test_words_are_told_from_signs(text, words):
    assert words_of(text) == words.split()


def test_numbers_are_places_in_the_vocabulary_and_padded(known):
    found = known.encode("A red SEVEN, on green!")
    assert found.dtype == np.int32
    expected = [1 + WORDS.index(w) for w in ("a", "red", "seven", "on", "green")]
    assert found.tolist() == [*expected, PAD]
    assert known.decode(found) == "a red seven on green"
    assert known.size == len(WORDS) + 1
    both = known.encode_all(["red", "a red seven on a ground"])
    assert both.shape == (2, 6)
    assert both[0].tolist() == [7, 0, 0, 0, 0, 0]
    assert PAD not in both[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a reed seven", r"'reed' \(did you mean .*red"),
        ("a grene grund", r"'grene' \(did you mean green\?\); 'grund' .*ground"),
        ("a red xylophone", r"'xylophone'\. Expected"),
        ("red red red red red red red", r"7 words; at most 6"),
        ("?!", r"no word"),
        ("", r"no word"),
    ],
)
def test_what_cannot_be_encoded_is_named(known, text, message):
    with pytest.raises(InputError, match=message):
        known.encode(text)


def test_an_unknown_word_is_named_once_and_known_ones_never(known):
    with pytest.raises(InputError) as error:
        known.encode("a red dog and a dog")
    text = str(error.value)
    assert text.count("'dog'") == text.count("'and'") == 1
    assert "'red'" not in text


@pytest.mark.parametrize("number", [-1, 9])
def test_numbers_of_no_word_are_refused(known, number):
    with pytest.raises(InputError, match=str(number)):
        known.decode(np.array([1, number, 0]))


def test_json_there_and_back(known):
    value = json.loads(json.dumps(known.as_json()))
    again = Vocabulary.from_json(value)
    assert again == known
    np.testing.assert_array_equal(
        again.encode("red on blue"), known.encode("red on blue")
    )


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {"words": ["red"]},
        {"length": 3},
        {"length": "3", "words": ["red"]},
        {"length": True, "words": ["red"]},
        {"length": 3, "words": "red"},
        {"length": 3, "words": ["red", 4]},
    ],
)
def test_other_json_is_refused(value):
    with pytest.raises(InputError, match="not a vocabulary"):
        Vocabulary.from_json(value)


@pytest.mark.parametrize(
    ("words", "length", "message"),
    [
        (("red", "red"), 3, "twice"),
        (("Red",), 3, "'Red'"),
        (("two words",), 3, "'two words'"),
        (("",), 3, "''"),
        (("red",), 0, "positive"),
    ],
)
def test_impossible_vocabularies_are_refused(words, length, message):
    with pytest.raises(InputError, match=message):
        Vocabulary(words, length)


def test_words_are_collected_in_order_and_the_longest_caption_counts():
    texts = ["A zebra!", "the red zebra runs", "an Apple"]
    found = vocabulary_of(map(words_of, texts))
    assert found.words == ("a", "an", "apple", "red", "runs", "the", "zebra")
    assert found.length == 4
    assert [found.decode(found.encode(text)) for text in texts] == [
        "a zebra", "the red zebra runs", "an apple",
    ]  # fmt: skip
