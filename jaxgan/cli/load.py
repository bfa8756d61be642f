"""Runs read back: the game, where it stands, its settings, and samples."""

import dataclasses
import functools
import importlib
import json
import re
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp

import jaxgan.data
from jaxgan import checkpoint
from jaxgan.checks import InputError
from jaxgan.cli.config import TrainConfig
from jaxgan.evaluation.inputs import conditions
from jaxgan.game import Game, GameState, init
from jaxgan.hooks.log import read_metrics
from jaxgan.sampling import sample
from jaxgan.typing import Key


@dataclasses.dataclass(frozen=True, eq=False)
class LoadedRun:
    """A run, finished or still going, as its files tell it.

    Attributes:
        folder: the run's directory.
        game: its game.
        state: the state of the checkpoint that was read.
        config: its settings, by attribute.
        record: all of config.json.
    """

    folder: Path
    game: Game
    state: GameState
    config: Any
    record: dict[str, Any]

    @property
    def step(self) -> int:
        """The finished steps of the state."""
        return int(self.state.rounds)

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl."""
        return read_metrics(self.folder)

    @property
    def result(self) -> dict[str, Any] | None:
        """The content of result.json; None while the run is going."""
        path = self.folder / "result.json"
        return json.loads(path.read_text()) if path.exists() else None

    @functools.cached_property
    def data(self) -> Any:
        """The data set that the run plays, loaded when it is asked for."""
        return _RecordedSet(self.record).load()

    def sample(self, count: int, *, key: Key | None = None, condition: Any = None):
        """Returns ``count`` samples of the averaged networks, see `jaxgan.sample`.

        Args:
            count: how many.
            key: by default ``jax.random.key(0)``.
            condition: of a conditional game; by default from its data: every class in
                turn, or held-out examples.
        """
        key = jax.random.key(0) if key is None else key
        if condition is None and self.game.condition is not None:
            condition = conditions(self.game, self.data, count)
        return sample(self.game, self.state, key, count, condition=condition)


def load_run(
    folder: str | Path,
    game: Game | None = None,
    *,
    step: int | None = None,
    best: bool = False,
) -> LoadedRun:
    """Reads a run: its game, the state of a checkpoint, its settings.

    Nothing in the folder is changed, so the run may be going on. The game is made
    by the module that config.json names, imported by that name from where Python finds
    modules, never from the folder.

    Args:
        folder: the run's directory.
        game: the game, where its module is not here.
        step: of the checkpoint; by default the newest good one.
        best: the best checkpoint instead, of a run with ``--evaluate-every``.

    Raises:
        InputError: if the folder holds no run or no such checkpoint; if its module
            cannot be imported; if the game is not the run's.

    Example::

        run = jaxgan.load_run("runs/mlp-digits-0")
        images = run.sample(64)     # [64 8 8 1], floats in [-1, 1]
    """
    folder = Path(folder).expanduser()
    record = _read_record(folder)
    config: Any = SimpleNamespace(**record["config"])
    if game is None:
        game, config = _made(folder, record)
    batch = {
        name: jnp.zeros((1, *shape), dtype)
        for name, (dtype, shape) in record["data"]["columns"].items()
    }
    like = jax.eval_shape(lambda: init(game, jax.random.key(0), batch))
    kept = folder / ("best" if best else "checkpoints")
    state = checkpoint.read_one(kept, like, step=step).state
    return LoadedRun(folder, game, state, config, record)


def restore_from(run: str, like: GameState) -> GameState:
    """Returns the state of RUN, or of RUN:STEP, for a game such as that of ``like``.

    Raises:
        InputError: if there is none, or its networks or optimizers are others.
    """
    folder, _, step = run.rpartition(":")
    if not (folder and step.isdecimal()):
        folder, step = run, ""
    _read_record(Path(folder))
    kept = Path(folder) / "checkpoints"
    number = int(step) if step else None
    return checkpoint.read_one(kept, like, step=number).state


def _read_record(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    try:
        record = json.loads(path.read_text())
        _ = record["config"], record["data"]["columns"], record["made_by"]["module"]
    except FileNotFoundError as error:
        raise InputError(
            f"{folder} holds no run: there is no config.json. Give the folder that "
            "--workdir named."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is not the config of a run of this jaxgan: {error!r}."
        ) from error
    return record


def _made(folder: Path, record: dict[str, Any]) -> tuple[Game, TrainConfig]:
    """The game and the config, by the module that the record names."""
    made_by = record["made_by"]
    name = str(made_by["module"])
    advice = (
        f"Run where `import {name}` works, or pass the game: load_run({str(folder)!r}, "
        "game=...)."
    )
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", name):
        raise InputError(f"config.json names no module but {name!r}. {advice}")
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            f"The run's game is made by {name}, which cannot be imported: {error}. "
            f"{advice}"
        ) from error
    config_class: Any = getattr(module, made_by["config_class"], None)
    make_game = getattr(module, made_by["make_game"], None)
    # The record only chooses among an experiment's own: it must not call anything else.
    is_config = isinstance(config_class, type) and issubclass(config_class, TrainConfig)
    if not is_config or not isinstance(make_game, FunctionType):
        raise InputError(
            f"{name} has no {made_by['config_class']} and {made_by['make_game']} that "
            f"make a game, as config.json says. {advice}"
        )
    known = {field.name: field for field in dataclasses.fields(config_class)}
    unknown = sorted(set(record["config"]) - set(known))
    if unknown:
        raise InputError(
            f"{name}.{made_by['config_class']} has no field {unknown[0]!r}, which the "
            f"run's config.json sets; the code has changed. {advice}"
        )
    config = config_class(**record["config"], data_dir=Path(record["data_dir"]))
    return make_game(config, _RecordedSet(record)), config


class _RecordedSet:
    """A data set as config.json tells it; its examples are loaded when asked for."""

    def __init__(self, record: dict[str, Any]):
        self._record = record
        told = record["data"]
        self.name: str = told["name"]
        self.classes: tuple[str, ...] = tuple(told["classes"])
        self.fingerprint: str = record["data_fingerprint"]

    @property
    def image_shape(self) -> tuple[int, ...]:
        """(h, w, c) of one image."""
        return tuple(self._record["data"]["columns"]["image"][1])

    @property
    def num_classes(self) -> int:
        """Number of classes; 0 where nothing is labelled."""
        return len(self.classes)

    @property
    def train(self) -> Any:
        """The training examples."""
        return self.load().train

    @property
    def test(self) -> Any:
        """The held-out examples."""
        return self.load().test

    def load(self) -> Any:
        """Returns the set itself, by the settings of the run."""
        config = self._record["config"]
        size = config["resolution"]
        return jaxgan.data.load(
            config["dataset"],
            data_dir=self._record["data_dir"],
            resolution=jaxgan.data.parse_size(size) if isinstance(size, str) else size,
            crop=config["crop"],
            channels=config["channels"],
        )
