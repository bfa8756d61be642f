"""Evaluators on samplers of known quality."""

import dataclasses

import jax
import numpy as np
import pytest

import jaxgan
from jaxgan import evaluation
from jaxgan.data.arrays import Examples
from jaxgan.evaluation import inputs
from jaxgan.metrics import Result
from jaxgan.sampling import Sampler
from tests import games
from tests.fitting import pairs, points, ring, translation

KEY = jax.random.key(0)


class Known(Sampler):
    """Draws rows of a table, whatever its game's networks would make."""

    def __init__(self, images: np.ndarray, condition: str | None = None):
        changes = {} if condition is None else {"condition": condition}
        object.__setattr__(self, "game", games.mlp(**changes))
        object.__setattr__(self, "images", images)

    def __call__(self, key, count, *, condition=None, first=0):
        order = np.random.default_rng(7).permutation(len(self.images))
        chosen = order[first : first + count]
        return self.images[chosen] / np.float32(127.5) - 1


def _two_classes(n: int, seed: int):
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(2, dtype=np.int32), n // 2)
    shades = random.integers(0, 100, (n, 2, 2, 1))
    pixels = shades + 150 * labels[:, None, None, None]
    return {"image": pixels.astype(np.uint8), "label": labels}


@pytest.fixture(scope="module")
def data():
    """Sorted by class, as no sampler is."""
    train, test = _two_classes(24_000, 0), _two_classes(2_400, 1)
    return jaxgan.data.from_arrays(train, test, classes=("a", "b"))


def test_perfect_sampler_is_not_told_apart_whatever_the_order_of_the_set(data):
    sampler = Known(_two_classes(4_000, 2)["image"])
    (result,) = evaluation.TwoSample()(sampler, data, KEY).values()
    np.testing.assert_allclose(result.value, 0.5, atol=0.05)
    reference = result.details["reference_train_against_test"]
    np.testing.assert_allclose(reference, 0.5, atol=0.05)
    assert "held-out" in result.protocol


def test_poor_sampler_is_told_apart(data):
    sampler = Known(np.full((4_000, 2, 2, 1), 128, np.uint8))
    (result,) = evaluation.TwoSample()(sampler, data, KEY).values()
    assert result.value > 0.9


def test_shares_of_the_classes(data):
    made = _two_classes(4_000, 3)
    lopsided = np.concatenate([made["image"][:1_000], made["image"][2_000:]])
    found = evaluation.Classes()(Known(lopsided), data, KEY)
    assert set(found) == {"smallest_class"}
    result = found["smallest_class"]
    np.testing.assert_allclose(result.value, 1 / 3, atol=0.06)
    np.testing.assert_allclose(sum(result.details["shares"].values()), 1)
    assert result.details["classifier_accuracy_on_test"] > 0.99


def test_share_of_the_class_that_was_asked_for(data):
    sampler = Known(_two_classes(4_000, 4)["image"], condition="label")
    found = evaluation.Classes()(sampler, data, KEY)
    # It does not look at the label: half of it is right.
    np.testing.assert_allclose(found["class_asked_for"].value, 0.5, atol=0.06)


def test_no_labels_no_classes():
    data = jaxgan.data.from_arrays(points())
    state = jaxgan.init(ring(), KEY, points())
    sampler = Sampler(ring(), state)
    assert evaluation.Classes()(sampler, data, KEY) == {}


def test_conditions_are_each_class_in_turn_and_else_held_out_examples(data):
    game = games.mlp(condition="label")
    np.testing.assert_array_equal(inputs.conditions(game, data, 5), [0, 1, 0, 1, 0])
    held = {name: column[20:] for name, column in pairs().items()}
    ours = jaxgan.data.from_arrays(pairs(), held)
    found = inputs.conditions(translation(), ours, 6)
    expected = held["input"][[0, 1, 2, 3, 0, 1]]
    np.testing.assert_array_equal(found, expected)
    assert inputs.conditions(ring(), None, 6) is None
    with pytest.raises(jaxgan.InputError, match="data"):
        inputs.conditions(game, None, 6)


def test_only_the_label_is_each_class_in_turn():
    age = np.array([70, 41, 33, 25], np.int32)
    label = np.array([2, 1, 0, 2], np.int32)
    table = Examples({"label": label, "age": age}, classes=("a", "b", "c"))
    game = dataclasses.replace(translation(), condition=("label", "age"))
    found = inputs.conditions(game, table, 6)
    np.testing.assert_array_equal(found["label"], [0, 1, 2, 0, 1, 2])
    np.testing.assert_array_equal(found["age"], [70, 41, 33, 25, 70, 41])
    alone = inputs.conditions(games.mlp(condition="age"), table, 3)
    np.testing.assert_array_equal(alone, age[:3])


def test_conditions_of_several_arrays_come_from_held_out_examples():
    told = {"label": np.arange(4, dtype=np.int32), "text": np.eye(4, dtype=np.float32)}
    table = Examples({"told": told}, classes=("a",))
    found = inputs.conditions(games.mlp(condition="told"), table, 6)
    order = [0, 1, 2, 3, 0, 1]
    games.assert_equal(found, jax.tree.map(lambda column: column[order], told))


def test_samples_of_pixels_are_judged_as_pixels_and_points_as_they_are():
    for make_game, make_data in ((ring, points), (translation, pairs)):
        game, data = make_game(), make_data()
        state = jaxgan.init(game, KEY, data)
        sampler = Sampler(game, state)
        fake, _ = inputs.draw(sampler, jaxgan.data.from_arrays(data), KEY, 4)
        assert fake.dtype == data[game.output].dtype
        assert fake.shape[1:] == data[game.output].shape[1:]


def test_equal_names_and_other_values_than_results_are_refused(data):
    sampler = Known(np.zeros((1, 2, 2, 1), np.uint8))
    one = lambda *_: {"a": Result(name="a", value=1.0, protocol="p")}
    with pytest.raises(jaxgan.InputError, match="'a'"):
        evaluation.evaluate([one, one], sampler, data, KEY)
    with pytest.raises(jaxgan.InputError, match="Result"):
        evaluation.evaluate([lambda *_: {"b": 0.5}], sampler, data, KEY)


def test_data_without_the_entry_are_refused():
    data = jaxgan.data.from_arrays({"photo": np.zeros((9, 2), np.float32)})
    with pytest.raises(jaxgan.InputError, match="'image'"):
        inputs.output_of(ring(), data)
