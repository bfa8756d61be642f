"""An experiment's run: from its settings to result.json and report.html."""

import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxgan.data
from jaxgan import compiled, evaluation, hooks, processes, report
from jaxgan.checkpoint import digest
from jaxgan.checks import InputError
from jaxgan.cli import command, summary
from jaxgan.cli import workdir as directory
from jaxgan.cli.config import PLACES, TrainConfig, check_data, identity, resolve
from jaxgan.cli.load import restore_from
from jaxgan.data import DataSet, ImageDataSet, parse_size
from jaxgan.environment import repeatable_on_gpus
from jaxgan.evaluation import Evaluator
from jaxgan.files import write_json
from jaxgan.game import Game, GameState, init
from jaxgan.hooks import Hook, collapse
from jaxgan.loop import fit
from jaxgan.rounds import Move, Schedule, algorithm_1, fresh_batches
from jaxgan.update import make_update

MakeGame = Callable[[Any, DataSet], Game]

EVALUATORS: tuple[Evaluator, ...] = (evaluation.TwoSample(), evaluation.Classes())
"""How samples are judged unless an experiment says otherwise."""

_BEST = "two_sample"


def main(
    config_class: type[TrainConfig],
    make_game: MakeGame,
    *,
    evaluators: Sequence[Evaluator] = EVALUATORS,
    schedule: Schedule | None = None,
) -> None:
    """Runs an experiment as its command line says; see `command.main`.

    Args:
        config_class: the experiment's settings.
        make_game: ``(config, data) -> game``.
        evaluators: of the samples, see `jaxgan.evaluation`. With ``--evaluate-every``
            the best checkpoint is that of the lowest value of the first result.
        schedule: the rounds; by default Algorithm 1 with ``--d-steps``.
    """
    name = config_class.experiment
    command.main(
        config_class,
        partial(_joined, make_game, evaluators=evaluators, schedule=schedule),
        prog=f"python -m experiments.{name}",
        description=sys.modules[config_class.__module__].__doc__,
    )


def _joined(make_game: MakeGame, config: TrainConfig, **how: Any) -> None:
    repeatable_on_gpus()
    compiled.keep(config.data_dir.expanduser().absolute() / "compiled")
    place = (config.coordinator, config.processes, config.process)
    if config.distributed or any(part is not None for part in place):
        processes.join(*place)
    run(config, make_game, **how)


def run(
    config: TrainConfig,
    make_game: MakeGame,
    *,
    evaluators: Sequence[Evaluator] = EVALUATORS,
    schedule: Schedule | None = None,
) -> dict[str, Any] | None:
    """Trains and judges; continues what its workdir holds of the same run.

    With several processes all of them call it, and their workdir is one folder.

    Returns:
        What result.json holds; None for a dry run.

    Raises:
        InputError: if the config, the data or the workdir cannot be used.
        NonFiniteError: if a metric became infinite or NaN.
        Stopped: by SIGTERM or SIGINT; the state is saved.
        CheckpointError: if a checkpoint could not be written.
        PeerLostError: if another process has ended.
    """
    config = resolve(config.with_defaults())
    if processes.is_first():
        places = {name: str(getattr(config, name)) for name in PLACES}
        shown = {"experiment": config.experiment, **identity(config), **places}
        print(json.dumps(shown, indent=2))
    data = load_data(config)
    check_data(config, data)
    game = make_game(config, data)
    key = jax.random.key(config.seed)
    state = init(game, key, _first_batch(data, 1))
    rounds = algorithm_1(config.d_steps) if schedule is None else schedule
    if config.dry_run:
        if processes.is_first():
            print(_dry_run(game, state, data, config, rounds))
        return None
    path = config.workdir
    assert path is not None  # resolve made it explicit
    state = _first_state(config, path, state)
    with ExitStack() as stack:
        record = directory.describe(config, data, make_game)
        claim = directory.claim(path, record)
        result = processes.first_decides(
            lambda: stack.enter_context(claim) or directory.read_result(path)
        )
        directory.check_shared(path)
        finished = directory.is_finished(result, config)
        if not finished:
            judges = _judges(config, evaluators, path)
            others = _hooks(config, path)
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
                device_cache_mib=config.device_cache_mib,
            )
            result = _result(game, state, config, judges, path)
        assert result is not None
        if processes.is_first():
            if finished:
                print(
                    f"This run is finished, after {result['steps']} steps; nothing was "
                    f"done again in {path}."
                )
            else:
                write_json(path / "result.json", result)
            report.write(path)
            print(summary.text(path, result))
    processes.check_same(result["digest"])
    return result


def load_data(config: TrainConfig) -> ImageDataSet:
    """Returns the data set that the settings name."""
    resolution = config.resolution
    if isinstance(resolution, str):
        resolution = parse_size(resolution)
    return jaxgan.data.load(
        config.dataset,
        data_dir=config.data_dir,
        manual_dir=config.manual_dir,
        resolution=resolution,
        crop=config.crop,
        channels=config.channels,
    )


def _first_state(config: TrainConfig, path: Path, state: GameState) -> GameState:
    """The state that the run begins with; checkpoints of its own will replace it."""
    own = any(each.name.isdecimal() for each in path.glob("checkpoints/*"))
    if config.from_run is None or own:
        return state
    state = restore_from(config.from_run, state)
    if state.rounds >= config.steps:
        raise InputError(
            f"{config.from_run} is at step {int(state.rounds)} already, and its steps "
            f"count: --steps must be more, got {config.steps}."
        )
    return state


def _judges(
    config: TrainConfig, evaluators: Sequence[Evaluator], path: Path
) -> hooks.Evaluate:
    best: dict[str, Any] = {}
    if config.evaluate_every is not None:
        best = {"keep_best": _BEST, "folder": path / "best"}
    return hooks.Evaluate(evaluators, every=config.evaluate_every, **best)


def _hooks(config: TrainConfig, path: Path) -> tuple[Hook, ...]:
    return (
        hooks.Progress(),
        hooks.Log(path, every=config.log_every),
        hooks.TensorBoard(path / "tensorboard"),
        hooks.CollapseMonitor(every=config.log_every),
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
    signs = [row for row in rows if "distance_ratio" in row]
    return {
        "steps": int(state.rounds),
        "images": int(state.images),
        "seconds": max((row.get("seconds", 0.0) for row in rows), default=0.0),
        "evaluation": judged,
        "warnings": collapse.history(game, signs, config.steps),
        **({} if judges.best is None else {"best": judges.best}),
        "digest": digest(state),
    }


def _first_batch(data: DataSet, count: int) -> Any:
    return jax.tree.map(jnp.asarray, data.train.batch(np.arange(count)))


def _dry_run(
    game: Game, state: GameState, data: DataSet, config: TrainConfig, rounds: Schedule
) -> str:
    batch = _first_batch(data, config.batch_size)
    key = jax.random.key(config.seed)
    times: Counter[str] = Counter()
    for move in rounds:
        move = Move(objective=move) if isinstance(move, str) else move
        times[move.objective] += 1 / move.every  # pyright: ignore
    flops, moved = 0.0, 0.0
    for name, share in times.items():
        lowered = jax.jit(make_update(game, name)).lower(state, batch, key)
        cost: Any = lowered.compile().cost_analysis()
        flops += share * cost["flops"]
        moved += share * cost["bytes accessed"]
    count = lambda tree: sum(leaf.size for leaf in jax.tree.leaves(tree))
    shapes = jax.tree.map(lambda leaf: leaf.shape[1:], batch)
    held = 0 if data.test is None else len(data.test)
    epochs = config.steps * config.batch_size * fresh_batches(rounds) / len(data.train)
    lines = (
        *(
            f"{name + ':':15} {count(state.players[name].params):,} parameters"
            for name in game.players
        ),
        f"data:           {len(data.train):,} training examples of {shapes}, {held:,} "
        "held out",
        f"one train step: {flops:.3g} FLOPs, {moved:.3g} bytes moved, for the whole "
        "batch, by the compiler's estimate",
        f"the run:        {config.steps:,} steps, {epochs:.1f} epochs",
        "dry run: no workdir was made",
    )
    return "\n".join(lines)
