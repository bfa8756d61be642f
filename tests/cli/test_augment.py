"""The settings for few images: from words of the command line to values."""

import dataclasses
from typing import ClassVar

import pytest
import tyro

from jaxgan.checks import InputError
from jaxgan.cli import TrainConfig
from jaxgan.cli.augment import AugmentConfig, augmented, with_lecam
from jaxgan.cli.config import resolve
from tests import games


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(AugmentConfig, TrainConfig):
    """Some experiment's settings."""

    experiment: ClassVar[str] = "few"


def config(*words):
    return tyro.cli(Config, args=words)


def test_nothing_is_changed_by_default():
    game = games.points()
    assert augmented(config(), channels=3) is None
    assert with_lecam(config(), game) is game


@pytest.mark.parametrize(
    ("name", "has_memory"), [("diffaugment", False), ("ada", True)]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_words_become_augmentations(name, has_memory, channels):
    augment = augmented(config("--augment", name), channels)
    assert augment is not None
    assert (augment.memory is not None) == has_memory


def test_lecam_has_the_weight_that_is_given():
    game = with_lecam(config("--lecam", "0.1"), games.points())
    assert game.objectives["d"].loss.weight == 0.1
    assert sorted(game.memory) == ["lecam"]


def test_what_does_not_fit_is_refused():
    with pytest.raises(InputError, match="none, diffaugment, ada"):
        augmented(config("--augment", "cutmix"), 3)
    with pytest.raises(InputError, match="4 channels"):
        augmented(config("--augment", "ada"), 4)
    with pytest.raises(InputError, match="--lecam"):
        resolve(config("--lecam", "-1"))


def test_the_help_explains_the_settings(capsys):
    with pytest.raises(SystemExit):
        config("--help")
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "few images: none, diffaugment" in said
    assert "Weight of LeCam's regulariser" in said


def test_ada_needs_logits_whose_signs_mean_something():
    with pytest.raises(InputError, match="diffaugment"):
        augmented(config("--augment", "ada"), 3, signs=False)
    assert augmented(config("--augment", "diffaugment"), 3, signs=False) is not None
