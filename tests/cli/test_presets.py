"""Presets: whole configs whose values are the defaults of the other flags."""

import dataclasses

import pytest

from jaxgan.checks import InputError
from jaxgan.cli import command


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config:
    preset: str = "small"  # small or paper.
    width: int = 8
    steps: int = 10


PRESETS = {"small": Config(), "paper": Config(preset="paper", width=64, steps=1_000)}


def parsed(*arguments):
    return command.main(
        Config, lambda config: config, prog="x", arguments=arguments, presets=PRESETS
    )


def test_the_first_preset_is_the_default():
    assert parsed() == PRESETS["small"]


@pytest.mark.parametrize("flags", [("--preset", "paper"), ("--preset=paper",)])
def test_a_presets_values_are_the_defaults_of_other_flags(flags):
    assert parsed(*flags) == PRESETS["paper"]
    changed = dataclasses.replace(PRESETS["paper"], steps=5)
    assert parsed("--steps", "5", *flags) == parsed(*flags, "--steps", "5") == changed


@pytest.mark.parametrize("flags", [("--preset", "huge"), ("--preset",), ("--preset=",)])
def test_an_unknown_preset_is_refused_with_the_known_ones(flags, capsys):
    with pytest.raises(InputError, match="small, paper"):
        command.preset_of(flags, PRESETS)
    with pytest.raises(SystemExit) as stop:
        parsed(*flags)
    assert stop.value.code == command.EXIT_BAD_INPUT
    assert "small, paper" in capsys.readouterr().err


def test_help_shows_a_presets_values(capsys):
    with pytest.raises(SystemExit):
        parsed("--preset", "paper", "--help")
    assert "1000" in capsys.readouterr().out
