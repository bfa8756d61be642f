"""Loaded runs: the game, its state, its settings, and samples."""

import dataclasses
import functools
import importlib
import operator
import re
from pathlib import Path
from types import FunctionType, SimpleNamespace
from typing import Any

import jax
import numpy as np

import jaxgan.data
from jaxgan import checkpoint
from jaxgan.checks import InputError
from jaxgan.cli.config import TrainConfig, check_types, path_fields
from jaxgan.data.vocabulary import Vocabulary
from jaxgan.evaluation.inputs import conditions
from jaxgan.files import expand
from jaxgan.game import Game, GameState, init
from jaxgan.hooks.log import read_metrics
from jaxgan.report.records import expect, read_config, read_result
from jaxgan.sampling import sample
from jaxgan.typing import Key


@dataclasses.dataclass(frozen=True, eq=False)
class LoadedRun:
    """A run, finished or still going, read from its files.

    Attributes:
        folder: the run's directory.
        game: its game.
        state: the state of the checkpoint that was read.
        config: its settings, by attribute.
        record: the whole content of config.json.
    """

    folder: Path
    game: Game
    state: GameState
    config: Any
    record: dict[str, Any]

    @property
    def step(self) -> int:
        """The number of finished steps of the state."""
        return int(self.state.rounds)

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """The lines of metrics.jsonl.

        Raises:
            InputError: a line cannot be read.
        """
        return read_metrics(self.folder)

    @property
    def result(self) -> dict[str, Any] | None:
        """The content of result.json; None while the run is going.

        Raises:
            InputError: it is damaged.
        """
        return read_result(self.folder)

    @functools.cached_property
    def data(self) -> Any:
        """The data set of the run, loaded when it is first used."""
        return _RecordedSet(self.record, self.config).load()

    def sample(self, count: int, *, key: Key | None = None, condition: Any = None):
        """Returns ``count`` samples of the averaged networks, see `jaxgan.sample`.

        Args:
            count: number of samples.
            key: by default ``jax.random.key(0)``.
            condition: for a conditional game; by default from its data: every class in
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

    Nothing in the folder is changed, so the run may still be going. The game is made
    by the module that config.json names, imported by that name from Python's search
    path, never from the folder.

    Args:
        folder: the run's directory.
        game: the game, if its module is not available here.
        step: the checkpoint's step; by default that of the newest good one.
        best: read the best checkpoint instead, of a run with ``--evaluate-every``.

    Raises:
        InputError: if the folder holds no run or no such checkpoint; if its config.json
            is damaged; if its module cannot be imported; if the game is not the run's.

    Example::

        run = jaxgan.load_run("runs/mlp-digits-0")
        images = run.sample(64)     # [64 8 8 1], floats in [-1, 1]
    """
    folder = expand(folder, "folder")
    record = _read_record(folder)
    config: Any = SimpleNamespace(**record["config"])
    if game is None:
        game, config = _made(folder, record)
    like = _state_like(folder, game, record)
    kept = folder / ("best" if best else "checkpoints")
    state = checkpoint.read_one(kept, like, step=step).state
    return LoadedRun(folder, game, state, config, record)


def restore_from(run: str, like: GameState) -> GameState:
    """Returns the state of RUN, or of RUN:STEP, for a game such as that of ``like``.

    A memory that RUN lacks, as when an augmentation is added, begins as in ``like``.

    Raises:
        InputError: if there is none, or its networks or optimizers differ.
    """
    folder, step = _place(run)
    _read_record(folder)
    path = folder / "checkpoints"
    return checkpoint.read_one(path, like, step=step, new_memory=True).state


def data_of(run: str) -> dict[str, Any]:
    """Returns what config.json of RUN, or of RUN:STEP, says of its data.

    Raises:
        InputError: if there is none, or it is damaged.
    """
    return _read_record(_place(run)[0])["data"]


def _place(run: str) -> tuple[Path, int | None]:
    """Returns the folder and the step of RUN or RUN:STEP."""
    folder, _, step = run.rpartition(":")
    return (
        (Path(folder), int(step)) if folder and step.isdecimal() else (Path(run), None)
    )


def _read_record(folder: Path) -> dict[str, Any]:
    """Reads config.json, and checks that it has all it takes to make the run's game."""
    otherwise = "Put back a copy of it."
    record = read_config(folder, otherwise=otherwise)
    try:
        expect(record, data=dict, made_by=dict, data_dir=str)
        expect(record["data"], name=str, classes=list, columns=dict)
        expect(record["made_by"], module=str, config_class=str, make_game=str)
        if not all(isinstance(name, str) for name in record["data"]["classes"]):
            raise ValueError("a class has no name")
        for name, column in record["data"]["columns"].items():
            _struct(name, column)
    except ValueError as error:
        raise InputError(
            f"{folder / 'config.json'} is not the config of a run of this jaxgan: "
            f"{error}. {otherwise}"
        ) from error
    return record


def _struct(name: str, column: Any) -> jax.ShapeDtypeStruct:
    """Returns the struct of one example of a column, from config.json's [dtype, shape].

    Raises:
        ValueError: the column has another form.
    """
    try:
        dtype, shape = column
        sizes = [operator.index(size) for size in shape]
        if any(not 0 <= size < 2**31 for size in sizes):
            raise ValueError
        return jax.ShapeDtypeStruct((1, *sizes), np.dtype(dtype))
    except (TypeError, ValueError) as error:
        raise ValueError(f"the column {name!r} is {column!r:.80}") from error


def _state_like(folder: Path, game: Game, record: dict[str, Any]) -> GameState:
    """Returns the shapes of an initial state of the game."""
    columns = record["data"]["columns"].items()
    batch = {name: _struct(name, column) for name, column in columns}
    try:
        return jax.eval_shape(lambda batch: init(game, jax.random.key(0), batch), batch)
    except Exception as error:  # whatever the game's networks raise
        raise InputError(
            "The game does not fit the examples described by "
            f"{folder / 'config.json'}: {type(error).__name__}: {error}. It may not be "
            "the run's game, or the file is damaged: put back a copy of it."
        ) from error


def _made(folder: Path, record: dict[str, Any]) -> tuple[Game, TrainConfig]:
    """Makes the game and the config, with the module that the record names."""
    made_by = record["made_by"]
    name = str(made_by["module"])
    advice = (
        f"Run where `import {name}` works, or pass the game: load_run({str(folder)!r}, "
        "game=...)."
    )
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", name):
        raise InputError(f"config.json does not name a module: {name!r}. {advice}")
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            f"The run's game is made by {name}, which cannot be imported: {error}. "
            f"{advice}"
        ) from error
    config_class: Any = getattr(module, made_by["config_class"], None)
    make_game = getattr(module, made_by["make_game"], None)
    # The record only chooses among an experiment's own names: it must not call others.
    is_config = isinstance(config_class, type) and issubclass(config_class, TrainConfig)
    if not is_config or not isinstance(make_game, FunctionType):
        raise InputError(
            f"{name} has no {made_by['config_class']} and {made_by['make_game']} that "
            f"make a game, although config.json names them. {advice}"
        )
    known = {field.name: field for field in dataclasses.fields(config_class)}
    unknown = sorted(set(record["config"]) - set(known))
    if unknown:
        raise InputError(
            f"{name}.{made_by['config_class']} has no field {unknown[0]!r}, which the "
            f"run's config.json sets; the code has changed. {advice}"
        )
    # JSON has no tuples.
    as_tuple = lambda value: tuple(value) if isinstance(value, list) else value
    settings: dict[str, Any] = {
        name: as_tuple(value) for name, value in record["config"].items()
    }
    for field in path_fields(config_class):
        if isinstance(settings.get(field), str):  # JSON has no paths
            settings[field] = Path(settings[field])
    config = config_class(**settings, data_dir=Path(record["data_dir"]))
    check_types(config)
    try:
        return make_game(config, _RecordedSet(record, config)), config
    except Exception as error:  # whatever the module raises
        raise InputError(
            f"{name}.{made_by['make_game']} could not make a game from the settings in "
            f"{folder / 'config.json'}: {type(error).__name__}: {error}. {advice}"
        ) from error


class _RecordedSet:
    """A data set described by config.json; its examples are loaded when first used."""

    def __init__(self, record: dict[str, Any], config: Any):
        self._record = record
        # Without the run's module, its settings are plain values.
        self._load = getattr(config, "load", jaxgan.data.load)
        told = record["data"]
        self.name: str = told["name"]
        self.classes: tuple[str, ...] = tuple(told["classes"])
        self.fingerprint: str = record["data_fingerprint"]

    @property
    def image_shape(self) -> tuple[int, ...]:
        """The shape (h, w, c) of one image."""
        return self.shape_of("image")

    def shape_of(self, column: str) -> tuple[int, ...]:
        """Returns the shape of one example's entry in a column."""
        return tuple(self._record["data"]["columns"][column][1])

    @property
    def num_classes(self) -> int:
        """The number of classes; 0 without labels."""
        return len(self.classes)

    @property
    def vocabulary(self) -> Vocabulary:
        """The words of a captioned set."""
        return Vocabulary.from_json(self._record["data"].get("vocabulary"))

    @property
    def train(self) -> Any:
        """The training examples."""
        return self.load().train

    @property
    def test(self) -> Any:
        """The held-out examples."""
        return self.load().test

    def load(self) -> Any:
        """Returns the set itself, loaded with the run's settings."""
        config = self._record["config"]
        size = config.get("resolution")
        return self._load(
            config["dataset"],
            data_dir=self._record["data_dir"],
            resolution=jaxgan.data.parse_size(size) if isinstance(size, str) else size,
            # Records of older versions lack some of these.
            crop=config.get("crop", False),
            channels=config.get("channels"),
            skip_damaged=config.get("skip_damaged", False),
            bits=config.get("bits"),
        )
