"""An experiment's run: from its settings to result.json and report.html."""

import json
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import jax

from jaxgan import compiled, hooks, processes, report
from jaxgan.checkpoint import digest
from jaxgan.checks import InputError
from jaxgan.cli import command, dry_run, kept, summary
from jaxgan.cli import workdir as directory
from jaxgan.cli.config import (
    PLACES,
    TrainConfig,
    check_data,
    defaults,
    identity,
    resolve,
)
from jaxgan.cli.judges import EVALUATORS, judges_of
from jaxgan.cli.load import restore_from
from jaxgan.data import DataSet, parse_size
from jaxgan.environment import repeatable_on_cpus, repeatable_on_gpus
from jaxgan.evaluation import Evaluator
from jaxgan.files import expand, write_json
from jaxgan.game import Game, GameState, init
from jaxgan.hooks import Hook, collapse
from jaxgan.loop import fit
from jaxgan.report import brief
from jaxgan.report.records import read_result
from jaxgan.rounds import Schedule, algorithm_1
from jaxgan.typing import Key

MakeGame = Callable[[Any, DataSet], Game]
Begin = Callable[[GameState], GameState]
"""A function from a game's initial state to the state that a run begins with."""


def main(
    config_class: type[TrainConfig],
    make_game: MakeGame,
    *,
    evaluators: Sequence[Evaluator] = EVALUATORS,
    schedule: Schedule | None = None,
    presets: Mapping[str, TrainConfig] | None = None,
    play: Callable[..., Any] | None = None,
) -> None:
    """Runs an experiment from its command line; see `command.main`.

    Args:
        config_class: the experiment's settings.
        make_game: ``(config, data) -> game``.
        evaluators: the samples' evaluators, see `jaxgan.evaluation`. With
            ``--evaluate-every`` the best checkpoint is the one with the lowest value of
            the first result, or the highest if its ``higher_is_better`` is true.
        schedule: the rounds; by default Algorithm 1 with ``--d-steps``.
        presets: configs by name, for ``--preset``, see `command.main`.
        play: a function to call in place of `run`, with its arguments, such as for
            several runs one after another.
    """
    name = config_class.experiment
    how: dict[str, Any] = {"evaluators": evaluators, "schedule": schedule}
    command.main(
        config_class,
        partial(_joined, play or run, make_game, **how),
        prog=f"python -m experiments.{name}",
        description=sys.modules[config_class.__module__].__doc__,
        presets=presets,
    )


def _joined(
    play: Callable[..., Any], make_game: MakeGame, config: TrainConfig, **how: Any
) -> None:
    repeatable_on_gpus()
    if config.exact_shards is not None:
        repeatable_on_cpus(config.exact_shards)
    compiled.keep(expand(config.data_dir, "--data-dir").absolute() / "compiled")
    place = (config.coordinator, config.processes, config.process)
    if config.distributed or any(part is not None for part in place):
        processes.join(*place)
    play(config, make_game, **how)


def run(
    config: TrainConfig,
    make_game: MakeGame,
    *,
    evaluators: Sequence[Evaluator] = EVALUATORS,
    schedule: Schedule | None = None,
    begin: Begin | None = None,
    adopt: Begin | None = None,
) -> dict[str, Any] | None:
    """Trains and evaluates, or continues the same run if its workdir holds one.

    With several processes, all of them call it with the same workdir.

    Args:
        config: the settings.
        make_game: see `main`.
        evaluators: see `main`.
        schedule: see `main`.
        begin: changes the state that a new run begins with, unless ``--from`` gives
            it. Anything that it depends on, such as another run's digest, belongs in
            the config.
        adopt: changes the state that ``--from`` gives, such as what depends on the
            data; it raises InputError if this run cannot go on from it.

    Returns:
        The content of result.json; None for a dry run.

    Raises:
        InputError: if the config, the data or the workdir cannot be used.
        NonFiniteError: if a metric became infinite or NaN.
        Stopped: by SIGTERM or SIGINT; the state is saved.
        CheckpointError: if a checkpoint could not be written.
        PeerLostError: if another process has ended.
    """
    config = resolve(config.with_defaults())
    data = _introduce(config)
    game = make_game(config, data)
    key = jax.random.key(config.seed)
    state = init(game, key, dry_run.first_batch(data, 1))
    rounds = _rounds(config, schedule)
    if config.dry_run:
        if processes.is_first():
            print(dry_run.text(game, state, data, config, rounds))
        return None
    path = config.workdir
    assert path is not None  # resolve made it explicit
    state = _first_state(config, path, state, adopt)
    with ExitStack() as stack:
        record = directory.describe(config, data, make_game)
        claim = directory.claim(path, record, defaults(type(config)))
        result = processes.first_decides(
            lambda: stack.enter_context(claim) or read_result(path)
        )
        directory.check_shared(path)
        finished = directory.is_finished(result, config)
        if not finished:
            if begin is not None and config.from_run is None and not kept.has_any(path):
                state = begin(state)
            result = _train(game, state, data, key, config, rounds, evaluators)
        assert result is not None
        if processes.is_first():
            _leave(path, result, finished=finished)
    processes.check_same(result["digest"])
    return result


def _introduce(config: TrainConfig) -> DataSet:
    """Prints the settings and the note on the data; returns the data."""
    if processes.is_first():
        places = {name: str(getattr(config, name)) for name in PLACES}
        shown = {"experiment": config.experiment, **identity(config), **places}
        print(json.dumps(shown, indent=2))
    data = load_data(config)
    if processes.is_first() and data.note:
        print(brief.text(data.note, most=1_000))
    check_data(config, data)
    return data


def _train(
    game: Game,
    state: GameState,
    data: DataSet,
    key: Key,
    config: TrainConfig,
    rounds: Schedule,
    evaluators: Sequence[Evaluator],
) -> dict[str, Any]:
    """Trains to the last step; returns the content of result.json."""
    path = config.workdir
    assert path is not None  # resolve made it explicit
    best = None if config.evaluate_every is None else path / "best"
    evaluators = judges_of(config, game, data, evaluators)
    judges = hooks.Evaluate(evaluators, every=config.evaluate_every, folder=best)
    others = _hooks(game, config, path)
    state = fit(
        game,
        state,
        data,
        key,
        steps=config.steps,
        batch_size=config.batch_size,
        hooks=(*others[:-1], judges, others[-1]),
        schedule=rounds,
        microbatches=config.microbatches,
        shards=config.exact_shards,
        device_cache_mib=config.device_cache_mib,
    )
    return _result(game, state, config, judges, path)


def _leave(path: Path, result: dict[str, Any], *, finished: bool) -> None:
    """Writes result.json and the report, and prints the summary.

    With result.json the run is finished: any failure of the report is only a warning.
    """
    if finished:
        print(
            f"This run is finished, after {result['steps']} steps; nothing was done "
            f"again in {path}."
        )
    else:
        write_json(path / "result.json", result)
    try:
        report.write(path)
    except Exception as error:
        warnings.warn(
            f"The report could not be written: {type(error).__name__}: {error}. The "
            f"run is finished; `python -m experiments.report {path}` tries it again.",
            stacklevel=2,
        )
    print(summary.text(path, result))


def _rounds(config: TrainConfig, schedule: Schedule | None) -> Schedule:
    if schedule is None:
        return algorithm_1(config.d_steps)
    if config.d_steps != 1:
        raise InputError(
            f"{config.experiment} has its own schedule, so --d-steps has no effect; "
            f"leave it out, got {config.d_steps}."
        )
    return schedule


def load_data(config: TrainConfig) -> Any:
    """Returns the data set that the settings name."""
    resolution = config.resolution
    if isinstance(resolution, str):
        resolution = parse_size(resolution)
    return config.load(
        config.dataset,
        data_dir=config.data_dir,
        manual_dir=config.manual_dir,
        resolution=resolution,
        crop=config.crop,
        channels=config.channels,
        skip_damaged=config.skip_damaged,
        bits=config.bits,
    )


def _first_state(
    config: TrainConfig, path: Path, state: GameState, adopt: Begin | None
) -> GameState:
    """Returns the state of ``--from``, unless the run has checkpoints already."""
    if kept.has_any(path) or config.from_run is None:
        return state
    state = restore_from(config.from_run, state)
    if state.rounds >= config.steps:
        raise InputError(
            f"{config.from_run} is at step {int(state.rounds)} already, and its steps "
            f"count: --steps must be larger, got {config.steps}."
        )
    last = config.steps * config.batch_size
    if int(state.images) >= last and processes.is_first():
        warnings.warn(
            f"{config.from_run} has seen {int(state.images):,} images already, and "
            "what follows their number, such as a learning rate that decays to 0, ends "
            f"after --steps times --batch-size, {last:,} images. Raise --steps, unless "
            "this command has no such schedule.",
            stacklevel=2,
        )
    return state if adopt is None else adopt(state)


def _hooks(game: Game, config: TrainConfig, path: Path) -> tuple[Hook, ...]:
    monitor = hooks.CollapseMonitor(every=config.log_every)
    return (
        kept.Mark(path),  # before the log: see `kept.check`
        hooks.Progress(),
        hooks.Log(path, every=config.log_every),
        hooks.TensorBoard(path / "tensorboard"),
        # A game of several outputs names none to compare with the data.
        *([] if game.output is None else [monitor]),
        hooks.Samples(path, every=config.sample_every),
        hooks.Checkpoint(path / "checkpoints", every=config.checkpoint_every),
    )


def _result(
    game: Game,
    state: GameState,
    config: TrainConfig,
    judges: hooks.Evaluate,
    path: Path,
) -> dict[str, Any]:
    rows = processes.first_decides(lambda: hooks.read_metrics(path))
    judged = {name: result.as_json() for name, result in judges.results.items()}
    return {
        "steps": int(state.rounds),
        "images": int(state.images),
        "seconds": max((row.get("seconds", 0.0) for row in rows), default=0.0),
        "evaluation": judged,
        "warnings": collapse.history(game, rows, config.steps),
        **({} if judges.best is None else {"best": judges.best}),
        "digest": digest(state),
    }
