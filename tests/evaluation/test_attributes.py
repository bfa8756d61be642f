"""Pictures judged by their captions: shares against NumPy, and a reader that learns."""

import dataclasses
from types import SimpleNamespace

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.ndimage import map_coordinates

import jaxgan
from experiments.judges import attribute_reader, attributes
from jaxgan import losses
from jaxgan.checks import InputError
from jaxgan.data import (
    CaptionedSet,
    Factor,
    Vocabulary,
    captioned,
    from_arrays,
    pictographs,
    scenes,
)
from jaxgan.images import as_float
from jaxgan.methods.pix2pix import pix2pix
from jaxgan.sampling import Sampler

KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def data():
    return scenes.scenes(count=3_000, wordings=3, size=16)


class Known:
    """A sampler that finds each caption's picture, and moves them by some rows."""

    def __init__(self, data, off=0, condition="captions"):
        game = pix2pix(generator=nn.Conv(1, (3, 3)), discriminator=nn.Conv(1, (3, 3)))
        self.game = dataclasses.replace(game, condition=condition, output="image")
        self.off, self.asked = off, []
        self.images = {}
        for split in (data.train, data.test):
            columns = split.columns
            for image, several in zip(
                columns["image"], columns["captions"], strict=True
            ):
                self.images |= {caption.tobytes(): image for caption in several}

    def __call__(self, key, count, *, condition=None, first=0):
        self.asked.append(condition)
        words = condition["captions"] if isinstance(condition, dict) else condition
        assert words.shape[0] == count
        found = np.stack([self.images[each.tobytes()] for each in words])
        return as_float(np.roll(found, self.off, axis=0))


@pytest.fixture
def exact(monkeypatch, data):
    """In place of the reader one that knows every picture of the set."""
    known = {}
    for split in (data.train, data.test):
        for image, row in zip(*(split.columns[n] for n in ("image", "factors")),
                              strict=True):  # fmt: skip
            known[image.tobytes()] = row
    reader = SimpleNamespace(
        read=lambda images: np.stack([known[image.tobytes()] for image in images])
    )
    monkeypatch.setattr(attributes, "reader_of", lambda *args: reader)


@pytest.mark.usefixtures("exact")
def test_pictures_that_are_right_are_found_right(data):
    found = attributes.Attributes()(Known(data), data, KEY)
    for name in ("attributes", "attributes_held_out"):
        result = found[name]
        assert result.value == result.details["ceiling"] == 1
        assert result.details["by attribute"] == result.details["colour"] == 1
        assert result.details["floor"] < 0.2
        assert set(result.details) == {
            f"{kind} {factor.name}".strip()
            for kind in ("", "ceiling", "floor")
            for factor in data.factors
        } | {"by attribute", "ceiling", "floor"}
    assert "150 captions of seen pairs" in found["attributes"].protocol
    assert "150 captions of held-out pairs" in found["attributes_held_out"].protocol


@pytest.mark.usefixtures("exact")
def test_shares_are_those_of_numpy(data):
    """Each caption gets the picture of the one before it."""
    found = attributes.Attributes(samples=20)(Known(data, off=1), data, KEY)
    factors = data.test.columns["factors"]
    for name, start in (("attributes", 0), ("attributes_held_out", 1)):
        asked = factors[start::2][:20]
        right = np.roll(asked, 1, axis=0) == asked
        result = found[name]
        np.testing.assert_allclose(result.value, right.all(axis=1).mean())
        np.testing.assert_allclose(result.details["by attribute"], right.mean())
        for column, factor in enumerate(data.factors):
            np.testing.assert_allclose(
                result.details[factor.name], right[:, column].mean()
            )
        # By the caption before they are right.
        assert result.details["floor"] == result.details["ceiling"] == 1


@pytest.mark.usefixtures("exact")
def test_diversity_is_the_mean_distance_of_two(data):
    found = attributes.Attributes(prompts=1_000, each=3)(Known(data), data, KEY)
    assert found["diversity"].value == 0
    columns = data.test.columns
    groups = {}
    for row, image in zip(columns["factors"].tolist(), columns["image"], strict=True):
        groups.setdefault(tuple(row), []).append(image.astype(float) / 255)
    several = [group[:3] for group in groups.values() if len(group) > 1]
    assert len(several) > 10
    gaps = [
        np.mean([np.sqrt(np.mean((group[i] - group[j]) ** 2))
                 for i in range(len(group)) for j in range(i + 1, len(group))])
        for group in several
    ]  # fmt: skip
    np.testing.assert_allclose(found["diversity"].details["real"], np.mean(gaps))
    assert found["diversity"].details["ratio"] == 0


@pytest.mark.usefixtures("exact")
def test_each_caption_is_one_wording_by_chance(data):
    sampler = Known(data, condition=("captions", "factors"))
    attributes.Attributes(prompts=4, each=2)(sampler, data, KEY)
    seen, _, diverse = sampler.asked
    wordings = data.test.columns["captions"][::2]
    place = (wordings == seen["captions"][:, None]).all(axis=-1)
    assert place.any(axis=1).all()
    assert set(place.argmax(axis=1)) == {0, 1, 2}
    np.testing.assert_array_equal(seen["factors"], data.test.columns["factors"][::2])
    assert diverse["captions"].shape == (8, data.vocabulary.length)
    groups = diverse["captions"].reshape(4, 2, -1)
    np.testing.assert_array_equal(groups, np.repeat(groups[:, :1], 2, axis=1))
    again = Known(data, condition=("captions", "factors"))
    attributes.Attributes(prompts=4, each=2)(again, data, KEY)
    np.testing.assert_array_equal(again.asked[0]["captions"], seen["captions"])


@pytest.mark.usefixtures("exact")
def test_games_without_captions_are_refused(data):
    with pytest.raises(InputError, match=r"conditional on 'factors'.*'captions'"):
        attributes.Attributes()(Known(data, condition="factors"), data, KEY)


def test_of_sets_without_factors_nothing_is_said(data):
    columns = {"image": np.zeros((2, 8, 8, 3), np.uint8)}
    judge = attributes.Attributes()
    assert judge(Known(data), from_arrays(columns, columns), KEY) == {}
    words = {"captions": np.ones((2, 1, 1), np.int32)}
    own = captioned.of_arrays(
        columns | words, columns | words, name="captions:x",
        vocabulary=Vocabulary(("x",), 1),
    )  # fmt: skip
    assert judge(Known(data), own, KEY) == {}


class Generator(nn.Module):
    @nn.compact
    def __call__(self, z, condition=None, *, train):
        words = nn.Embed(100, 4)(condition).mean(axis=1)
        return nn.Dense(16 * 16 * 3)(jnp.concatenate([z, words], 1)).reshape(
            -1, 16, 16, 3
        )


class Discriminator(nn.Module):
    @nn.compact
    def __call__(self, x, condition=None, *, train):
        return nn.Dense(1)(x.reshape(len(x), -1))[:, 0]


def test_a_game_is_judged_by_a_reader_that_is_trained_for_it(data):
    game = jaxgan.GAN(
        generator=Generator(), discriminator=Discriminator(), latent_dim=3,
        loss=losses.non_saturating, condition="captions",
        g_optimizer=optax.sgd(0.1), d_optimizer=optax.sgd(0.1),
    )  # fmt: skip
    batch = data.train.batch(np.arange(2))
    batch = {"image": batch["image"], "captions": batch["captions"][:, 0]}
    sampler = Sampler(game, jaxgan.init(game, KEY, batch))
    judge = attributes.Attributes(samples=10, prompts=2, each=2, pictures=50, steps=2)
    found = judge(sampler, data, KEY)
    assert sorted(found) == ["attributes", "attributes_held_out", "diversity"]
    assert found["diversity"].value > 0
    assert attributes.reader_of(data, 50, 2) is attributes.reader_of(data, 50, 2)


def test_a_reader_learns_grounds_and_places():
    """A tiny one, of two factors, from pictures of squares, also held-out ones."""
    random = np.random.default_rng(0)
    factors = np.stack([random.integers(3, size=600), random.integers(2, size=600)], 1)
    images = np.zeros((600, 16, 16, 1), np.uint8)
    for image, (shade, place) in zip(images, factors, strict=True):
        image[:] = 50 * shade
        image[2:6, slice(2, 6) if place else slice(10, 14)] = 255
    reader = attribute_reader.train(
        KEY, images[:500], factors[:500], (3, 2), steps=150, batch=32, width=16,
        hidden=32,
    )  # fmt: skip
    right = reader.read(images[500:], batch=33) == factors[500:]
    assert right.mean() > 0.95
    floats = np.asarray(as_float(images[500:]))
    np.testing.assert_array_equal(reader.read(floats) == factors[500:], right)
    assert reader.read(images[:7]).dtype == np.int32


def test_sets_that_cannot_be_drawn_are_learnt_from_themselves():
    columns = {
        "image": np.zeros((4, 16, 16, 3), np.uint8),
        "captions": np.ones((4, 1, 1), np.int32),
        "factors": np.arange(4, dtype=np.int32)[:, None],
    }
    own = captioned.of_arrays(
        columns, columns, name="mine", vocabulary=Vocabulary(("x",), 1),
        factors=(Factor("kind", (("a",), ("b",), ("c",), ("d",))),),
    )  # fmt: skip
    assert isinstance(own, CaptionedSet)
    images, factors = attributes._real(own, 1_000)
    np.testing.assert_array_equal(images, columns["image"])
    np.testing.assert_array_equal(factors, columns["factors"])


@pytest.mark.parametrize("name", ["scenes", "pictographs", "mine"])
def test_only_handwriting_is_bent_much(data, name, monkeypatch):
    asked = []
    train = lambda *args, **how: asked.append((args, how))
    monkeypatch.setattr(attribute_reader, "train", train)
    named = dataclasses.replace(data, name=name)
    attributes.reader_of(named, 30, 3)
    (((_, images, factors, sizes), how),) = asked
    assert (how["bend"] > 1) == name.startswith("scenes")
    assert how["steps"] == 3
    count = 3_000 if name == "mine" else 30
    assert (len(images), len(factors), images.shape[1]) == (count, count, 16)
    assert list(sizes) == [len(factor.phrases) for factor in data.factors]


def test_the_reader_of_pictographs_sees_none_that_it_judges_by():
    """Equal factors are equal pictures: it would know them by heart."""
    held_out = pictographs.pictographs(count=2_000, size=16)
    images, factors = attributes._real(held_out, 20_000)
    judged = set(map(tuple, held_out.test.columns["factors"].tolist()))
    assert not judged & set(map(tuple, factors.tolist()))
    assert len(images) == len(factors) > 19_000


def test_moved_pixels_are_those_of_scipy():
    random = np.random.default_rng(1)
    image = random.normal(size=(2, 9, 7, 3)).astype(np.float32)
    moves = (2 * random.normal(size=(2, 9, 7))).astype(np.float32)
    found = attribute_reader._moved(jnp.asarray(image), jnp.asarray(moves))
    rows, columns = np.meshgrid(np.arange(9.0), np.arange(7.0), indexing="ij")
    for n in range(2):
        for channel in range(3):
            expected = map_coordinates(
                image[n, ..., channel], [rows, columns + moves[n]], order=1,
                mode="nearest",
            )  # fmt: skip
            np.testing.assert_allclose(found[n, ..., channel], expected, atol=1e-5)


def test_bends_blurs_and_noise_are_as_large_as_they_say():
    ramp = np.arange(64, dtype=np.float32) / 32 - 1
    images = np.broadcast_to(ramp[None, None, :, None], (150, 32, 64, 1))
    found = np.asarray(attribute_reader.bent(KEY, jnp.asarray(images)))
    # In the middle a ramp's blur is itself, so what is left is the bend and the noise.
    moved = (found - images)[:, 10:22, 20:44, 0]
    noise = np.diff(moved, axis=1).std(axis=(1, 2)) / np.sqrt(2)
    assert noise.max() < 1.15 * attribute_reader.MOST_NOISE
    assert noise.min() < 0.05
    bends = moved.mean(axis=(1, 2)) * 32
    assert 0.3 < bends.std() / (2 * attribute_reader.BEND) < 1
    flat = jnp.full((3, 16, 16, 2), 0.5)
    smooth = np.asarray(attribute_reader.bent(KEY, flat))
    np.testing.assert_allclose(smooth.mean(axis=(1, 2)), 0.5, atol=0.05)


@pytest.mark.slow
def test_the_reader_reads_scenes_of_unseen_writers():
    data = scenes.scenes(count=10_000)
    reader = attributes.reader_of(data, 40_000, attributes.Attributes().steps)
    right = reader.read(data.test.columns["image"]) == data.test.columns["factors"]
    assert right[:, 1:].mean() > 0.99
    assert right.all(axis=1).mean() > 0.95
