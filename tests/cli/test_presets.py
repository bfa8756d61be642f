"""Presets: whole configs whose values are the defaults of the other flags."""

import dataclasses
import importlib
import pkgutil
from pathlib import Path

import jax
import pytest

import experiments
from jaxgan.checks import InputError
from jaxgan.cli import TrainConfig, command
from jaxgan.cli.config import resolve


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


def _of_commands():
    """The settings that each training command starts with, preset by preset."""
    for found in pkgutil.iter_modules(experiments.__path__):
        module = importlib.import_module(f"experiments.{found.name}")
        config_class = getattr(module, "Config", None)
        if not (
            isinstance(config_class, type) and issubclass(config_class, TrainConfig)
        ):
            continue
        presets = getattr(module, "PRESETS", None) or {"no preset": config_class()}
        for preset, config in presets.items():
            yield pytest.param(config, id=f"{found.name}, {preset}")


@pytest.mark.parametrize("config", tuple(_of_commands()))
def test_each_commands_own_settings_are_valid(config):
    # The papers' batches of 1 cannot be shared by the devices of the tests.
    batch = (config.batch_size or 1) * jax.device_count()
    config = dataclasses.replace(config, workdir=Path("runs/x"), batch_size=batch)
    assert resolve(config.with_defaults()).workdir == Path("runs/x").absolute()


def test_a_count_may_be_0_where_that_is_its_default():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Counts(TrainConfig):
        pixels: int = 0
        layers: int = 2

    with pytest.raises(InputError, match="layers must be at least 1"):
        resolve(Counts(layers=0))
    with pytest.raises(InputError, match="pixels must be at least 0"):
        resolve(Counts(pixels=-1))
    assert resolve(Counts(pixels=0)).pixels == 0


def test_a_default_workdir_has_no_colon():
    config = resolve(TrainConfig(dataset="glyphs:sans:serif"))
    assert config.workdir is not None
    assert config.workdir.name == f"{config.experiment}-glyphs-sans-serif-0"
