"""Translations judged by their truths: against NumPy, in both directions of a game."""

import dataclasses

import flax.linen as nn
import jax
import numpy as np
import pytest

import jaxgan
from experiments.judges import letters
from jaxgan.checks import InputError
from jaxgan.data import from_arrays, glyphs
from jaxgan.data.source import DataWarning
from jaxgan.evaluation import TwoSample
from jaxgan.evaluation.translations import Apart, OneWay, Translations
from jaxgan.images import as_float, as_uint8
from jaxgan.methods.cyclegan import cyclegan
from jaxgan.methods.pix2pix import pix2pix
from jaxgan.metrics import ssim
from jaxgan.sampling import Sampler

KEY = jax.random.key(0)


class Patches(nn.Module):
    """The mean over channels of an image, a logit for each pixel."""

    @nn.compact
    def __call__(self, image, input=None):
        return nn.Dense(1)(image)[..., 0]


def _pixels(count, seed, channels=1):
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (count, 12, 12, channels), np.uint8)


def _paired(names, channels=1):
    parts = [
        dict(zip(names, (_pixels(n, n), _pixels(n, n + 1, channels)), strict=True))
        for n in (6, 9)
    ]
    return from_arrays(*parts, name="noise")


def _pix2pix():
    data = _paired(("input", "target"))
    game = pix2pix(generator=nn.Conv(1, (3, 3)), discriminator=Patches())
    state = jaxgan.init(game, KEY, data.train.batch(np.arange(2)))
    return Sampler(game, state), data


def test_l1_and_ssim_are_those_of_the_held_out_pairs():
    sampler, data = _pix2pix()
    found = Translations(source="input", most=5)(sampler, data, KEY)
    rows = {name: column[:5] for name, column in data.test.columns.items()}
    made = np.asarray(as_uint8(sampler(KEY, 5, condition=rows["input"])))
    gap = lambda x, y: np.abs(x / 255 - y / 255).mean()
    l1 = found["l1"]
    np.testing.assert_allclose(l1.value, gap(made, rows["target"]), rtol=1e-6)
    copied = gap(rows["input"], rows["target"])
    np.testing.assert_allclose(l1.details["copied"], copied, rtol=1e-6)
    np.testing.assert_allclose(l1.details["ratio"], l1.value / copied, rtol=1e-6)
    pairs = [np.repeat(x, 3, axis=-1) for x in (rows["target"], made)]
    expected = np.mean([ssim.of_pair(*pair) for pair in zip(*pairs, strict=True)])
    np.testing.assert_allclose(found["ssim"].value, expected, rtol=1e-6)


def test_inputs_of_another_shape_are_no_copies():
    data = _paired(("input", "target"), channels=3)
    game = pix2pix(generator=nn.Conv(3, (3, 3)), discriminator=Patches())
    state = jaxgan.init(game, KEY, data.train.batch(np.arange(2)))
    found = Translations()(Sampler(game, state), data, KEY)
    assert not found["l1"].details


@pytest.mark.parametrize(("source", "output"), ["ab", "ba"])
def test_a_game_of_two_directions_is_judged_in_one(source, output):
    data = _paired("ab")
    translate = lambda: nn.Conv(1, (3, 3))
    game = cyclegan(
        generator_ab=translate(),
        generator_ba=translate(),
        discriminator_a=Patches(),
        discriminator_b=Patches(),
        shape_a=(12, 12, 1),
        pool=2,
    )
    state = jaxgan.init(game, KEY, data.train.batch(np.arange(2)))
    sampler = Sampler(game, state)
    made = f"fake_{output}"
    how = {"source": source, "output": output, "made": made, "prefix": "this_"}
    found = OneWay(evaluator=Translations(source=source), **how)(sampler, data, KEY)
    rows = data.test.columns
    fake = np.asarray(as_uint8(sampler(KEY, 9, condition=rows)[made]))
    l1 = np.abs(fake / 255 - rows[output] / 255).mean()
    np.testing.assert_allclose(found["this_l1"].value, l1, rtol=1e-6)
    told = OneWay(evaluator=TwoSample(samples=9), **how)(sampler, data, KEY)
    assert 0 <= told["this_two_sample"].value <= 1


@pytest.mark.parametrize(
    ("kind", "low", "high"), [("right", 0.4, 0.6), ("copied", 0.9, 1)]
)
def test_held_out_pairs_do_not_flatter_what_translates_nothing(kind, low, high):
    """Of spots whose brightness says the side: right ones cannot be told apart."""
    random = np.random.default_rng(0)
    spots = lambda n: random.integers(0, 100, (n, 12, 12, 1), np.uint8)
    a, other = spots(400), spots(800)
    columns = {"a": other, "b": np.resize(other[:400] + 100, other.shape)}  # repeated
    data = from_arrays(columns, {"a": a, "b": a + 100}, name="pairs")
    made = {"right": lambda x: x + 100, "copied": lambda x: x}[kind]

    class Translating(_Known):
        def __call__(self, key, count, *, condition=None, first=0):
            return {"b": as_float(made(condition["a"]))}

    sampler = Translating(a)
    game = dataclasses.replace(sampler.game, condition=("a",), output="b")
    object.__setattr__(sampler, "game", game)
    judged = Apart(evaluator=TwoSample(), source="a", output="b")
    found = judged(sampler, data, KEY)["two_sample"]
    assert low <= found.value <= high
    assert 0.4 <= found.details["reference_train_against_test"] <= 0.6
    few = from_arrays(columns, {"a": a[:19], "b": a[:19]}, name="few")
    with pytest.warns(DataWarning, match="20 are needed"):
        assert judged(sampler, few, KEY) == {}


class _Known(Sampler):
    """A sampler whose translations are given."""

    def __init__(self, images):
        game = pix2pix(generator=nn.Conv(1, (3, 3)), discriminator=Patches())
        object.__setattr__(self, "game", game)
        object.__setattr__(self, "images", images)

    def __call__(self, key, count, *, condition=None, first=0):
        return as_float(self.images[first : first + count])


def _score(made):
    data = glyphs.pairs("sans", "serif", size=16)
    judge = letters.Letters(
        source="input", output="target", reader_epochs=60, style_epochs=40
    )
    return judge(_Known(made(data.test.columns)), data, KEY)


@pytest.mark.slow
def test_letters_are_read_and_their_style_is_told():
    perfect = _score(lambda rows: rows["target"])
    copied = _score(lambda rows: rows["input"])
    assert perfect["task"].details["score"] == 1
    assert copied["task"].details["score"] == 0
    assert perfect["task"].value - copied["task"].value > 0.2
    assert perfect["style"].value > 0.9 > 0.1 > copied["style"].value
    moved = _score(lambda rows: np.roll(rows["target"], 1, axis=1))
    assert moved["style"].value > 0.4  # as far as the judge has seen letters moved
    black = _score(lambda rows: np.zeros_like(rows["target"]))
    assert black["style"].value == 0


def test_pictures_that_are_no_letters_are_of_three_kinds():
    images = glyphs.letters("sans", size=16).images[:90]
    found = letters.no_letters(images)
    assert found.shape == images.shape
    assert (found[:30] == found[:30, :1, :1]).all()
    assert len(np.unique(found[:30, 0, 0, 0])) > 20
    assert found[30:60].reshape(30, -1).std(axis=1).min() > 60
    # Shuffled: the same pixels in other places, in every row but perhaps a few.
    sort = lambda rows: np.sort(rows.reshape(len(rows), -1), axis=1)
    np.testing.assert_array_equal(sort(found[60:]), sort(images[60:]))
    assert (found[60:] != images[60:]).any(axis=(1, 2, 3)).mean() > 0.8


def test_of_other_sets_the_letters_judge_says_nothing():
    sampler, data = _pix2pix()
    assert letters.Letters(source="input", output="target")(sampler, data, KEY) == {}


def test_moved_letters_keep_their_place_on_average():
    image = np.full((1, 32, 32, 1), -1, np.float32)
    image[:, 14:18, 14:18] = 1
    many = np.repeat(image, 400, axis=0)
    moved = np.asarray(letters.moved(KEY, many)) + 1
    assert moved.min() > -1e-5
    mass = moved.sum(axis=(1, 2, 3))
    place = np.arange(32) + 0.5
    centres = (moved.sum(axis=(2, 3)) * place).sum(axis=1) / mass
    np.testing.assert_allclose(centres.mean(), 16, atol=0.2)
    assert 1.7 < np.abs(centres - 16).max() < 2.3
    # A square's mass grows with the square of its side.
    np.testing.assert_allclose(np.sqrt(mass / 32).min(), 0.9, atol=0.05)
    np.testing.assert_allclose(np.sqrt(mass / 32).max(), 1.1, atol=0.05)


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(InputError, match="'image'"):
        _paired(("input", "target")).shape_of("image")


def test_equal_inputs_and_targets_have_no_ratio():
    """As when the same folder is given twice to see whether a run works."""
    sampler, data = _pix2pix()
    images = data.train.columns["input"]
    same = from_arrays(*2 * ({"input": images, "target": images},), name="noise")
    found = Translations(source="input")(sampler, same, KEY)
    assert found["l1"].details == {"copied": 0.0}


def test_letters_in_colour_are_read_by_one_channel(monkeypatch):
    data = glyphs.pairs("sans", "serif", size=16)
    colour = lambda rows: {k: np.repeat(x, 3, axis=-1) for k, x in rows.items()}
    parts = (colour(data.train.columns), colour(data.test.columns))
    wide = from_arrays(*parts, name=data.name)
    judge = letters.Letters(source="input", output="target")
    seen = []
    known = {image.tobytes(): i for i, image in enumerate(data.test.columns["target"])}

    class Classifier:
        def labels(self, images):
            seen.append(images)
            return np.array([known.get(image.tobytes(), -1) for image in images])

    reader = letters.Reader(Classifier(), known)
    monkeypatch.setattr(letters, "read_all", lambda *how: reader)
    told = lambda images: np.ones(len(images))
    monkeypatch.setattr(letters, "tell_styles", lambda *how: (told, {}))
    found = judge(_Known(parts[1]["target"]), wide, KEY)
    assert found["task"].value == 1
    assert {images.shape[-1] for images in seen} == {1}
