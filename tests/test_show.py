"""How samples are shown: what stands where in a picture."""

import dataclasses
from typing import ClassVar

import jax
import numpy as np
import pytest
from PIL import Image

import jaxgan
from jaxgan import nets, show
from jaxgan.report import pictures
from jaxgan.sampling import Sampler
from tests import games
from tests.fitting import KEY, pairs, points, ring, translation


def _sampler(game, data) -> Sampler:
    return Sampler(game, jaxgan.init(game, KEY, data))


def test_grid_has_every_image_in_its_place():
    shades = np.linspace(-1, 1, 6, dtype=np.float32)
    images = np.broadcast_to(shades[:, None, None, None], (6, 16, 40, 1))
    sheet = np.asarray(pictures.grid(images, columns=3))
    assert sheet.shape == (2 * 33 - 1, 3 * 81 - 1)  # doubled, with white between
    middles = sheet[16::33, 40::81].ravel()
    np.testing.assert_allclose(middles, np.round((shades + 1) * 127.5), atol=1)
    assert (sheet[32] == 255).all()


def test_strips_have_a_row_for_each_input_and_its_target():
    game, data = translation(), pairs()
    picture = show.Strips(count=3)(_sampler(game, data), data_set(data), KEY)
    sheet = np.asarray(picture)[14:]
    # Tiles of 8 x 12 pixels, eight times as large.
    column = lambda i: sheet[:, i * 97 : i * 97 + 96 : 8][:, :, 0]
    for row in range(3):
        tile = lambda i, row=row: column(i)[row * 65 : row * 65 + 64 : 8]
        np.testing.assert_array_equal(tile(0), data["input"][row, ..., 0])
        np.testing.assert_array_equal(tile(2), data["target"][row, ..., 0])
        assert (tile(1) != tile(0)).any()


def data_set(data):
    return jaxgan.data.from_arrays(data)


def test_scatter_shows_the_points_where_they_are():
    real = np.array([[-1.0, -1.0], [1.0, 1.0], [1.0, -1.0]])
    points = np.array([[0.0, 0.0]] * 5 + [[9.0, 9.0]])
    picture = np.asarray(pictures.scatter(points, real).convert("RGB"), float)
    blue = (picture[..., 2] - picture[..., 0]) > 60
    gray = np.isclose(picture, 191, atol=8).all(axis=-1)
    y, x = np.median(np.argwhere(blue), axis=0)  # the legend has a few, too
    assert abs(x - 255) < 25
    assert abs(y - 255) < 40
    assert gray.any()


@pytest.mark.parametrize(
    ("make_game", "make_data", "expected"),
    [
        (ring, points, show.Scatter),
        (translation, pairs, show.Strips),
        (games.mlp, lambda: {"image": np.zeros((9, 8, 8, 1), np.uint8)}, show.Grid),
    ],
    ids=["points", "pairs", "images"],
)
def test_shape_suggests_how_to_show(make_game, make_data, expected):
    assert isinstance(show.suggested(make_game(), data_set(make_data())), expected)


def test_what_has_no_picture_is_refused():
    data = data_set({"image": np.zeros((9, 5), np.float32)})
    with pytest.raises(jaxgan.InputError, match="show="):
        show.suggested(ring(), data)


def test_without_data_the_samples_suggest_it_themselves():
    sizes = []
    for game, data in ((ring(), points()), (games.mlp(), games.batch())):
        picture = show.suggested(game, None)(_sampler(game, data), None, KEY)
        sizes.append(picture.size)
    assert sizes[0] == (500, 500)  # a plot
    assert sizes[1] == (10 * 33 - 1, 8 * 33 - 1)


def test_a_number_beside_a_label_is_shown_as_the_data_have_it():
    """It is no class, whatever its type."""
    labels = np.arange(24, dtype=np.int32) % 12
    images = np.zeros((24, *games.SHAPE), np.uint8)
    data = {"image": images, "label": labels, "age": labels + 30}
    ours = jaxgan.data.from_arrays(data, classes=tuple("abcdefghijkl"))

    game = dataclasses.replace(
        translation(), condition=("label", "age"), output="image"
    )
    asked = []

    class Asking(Sampler):
        def __call__(self, key, count, *, condition=None, first=0):
            asked.append(condition)
            return np.zeros((count, *games.SHAPE), np.float32)

    assert isinstance(show.suggested(game, ours), show.Grid)
    state = games.init(games.mlp())
    show.Grid(columns=2)(Asking(game, state), ours, KEY)
    (condition,) = asked
    chosen = condition["label"].reshape(10, 2)[:, 0]
    assert (chosen[0], chosen[-1], len(set(chosen))) == (0, 11, 10)
    expected = np.repeat(labels[:10], 2) + 30
    np.testing.assert_array_equal(condition["age"], expected)


def test_game_may_show_its_samples_itself(tmp_path):
    mine = lambda sampler, data, key: Image.new("L", (3, 2), 7)
    game, data = dataclasses.replace(ring(), show=mine), points()
    state = jaxgan.init(game, KEY, data)
    hook = (jaxgan.hooks.Samples(tmp_path, every=None),)
    jaxgan.fit(game, state, data, KEY, steps=2, batch_size=8, hooks=hook)
    with Image.open(tmp_path / "samples.png") as picture:
        assert picture.size == (3, 2)


def test_conditional_grid_has_a_class_in_each_row():
    labels = np.arange(20, dtype=np.int32) % 10
    data = {"image": np.zeros((20, *games.SHAPE), np.uint8), "label": labels}
    names = tuple("abcdefghij")
    ours = jaxgan.data.from_arrays(data, classes=names)
    game = games.mlp(condition="label")
    state = jaxgan.init(game, KEY, jax.tree.map(lambda leaf: leaf[:2], data))
    sampler = Sampler(game, state)
    sheet = np.asarray(show.Grid(columns=4)(sampler, ours, KEY))
    asked = np.arange(10).repeat(4).astype(np.int32)
    images = np.asarray(sampler(KEY, 40, condition=asked))
    np.testing.assert_array_equal(sheet, np.asarray(pictures.grid(images, 4)))


def _of_classes(count: int):
    """A conditional sampler, and data of so many classes."""
    labels = np.arange(2 * count, dtype=np.int32) % count
    data = {"image": np.zeros((2 * count, *games.SHAPE), np.uint8), "label": labels}
    ours = jaxgan.data.from_arrays(data, classes=tuple(map(str, range(count))))
    networks = {
        "generator": nets.mlp.Generator(games.SHAPE, width=16, num_classes=count),
        "discriminator": nets.mlp.Discriminator(width=16, num_classes=count),
    }
    game = games.mlp(condition="label", **networks)
    state = jaxgan.init(game, KEY, jax.tree.map(lambda leaf: leaf[:2], data))
    return Noting(game, state), ours


class Noting(Sampler):
    """Notes the conditions that it is asked for."""

    asked: ClassVar[list] = []

    def __call__(self, key, count, *, condition=None):
        self.asked.append(condition)
        return super().__call__(key, count, condition=condition)


@pytest.mark.parametrize("count", [11, 300])
def test_of_many_classes_ten_are_shown_evenly_spaced(count):
    sampler, data = _of_classes(count)
    picture = show.Grid(columns=4)(sampler, data, KEY)
    labels = sampler.asked.pop()
    assert labels.dtype == np.int32
    rows = labels.reshape(10, 4)
    assert (rows == rows[:, :1]).all()
    chosen = rows[:, 0]
    assert (chosen[0], chosen[-1]) == (0, count - 1)
    assert set(np.diff(chosen)) <= {(count - 1) // 9, -(-(count - 1) // 9)}
    images = pictures.grid(np.asarray(sampler(KEY, 40, condition=labels)), 4)
    sheet = np.asarray(picture)
    assert sheet.shape == (images.height + 14, images.width, 3)
    np.testing.assert_array_equal(sheet[14:, :, 0], np.asarray(images))
    assert (sheet[:14] < 100).any()  # how many there are, in words
