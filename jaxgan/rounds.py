"""Rounds: the updates of several objectives, one after another, as a schedule says."""

import dataclasses
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from jaxgan.checks import InputError, check_count
from jaxgan.game import Game, GameState
from jaxgan.turn import batch_size
from jaxgan.typing import Batch, Key, Metrics
from jaxgan.update import Step, make_update


@dataclasses.dataclass(frozen=True, kw_only=True)
class Move:
    """One entry of a schedule.

    Attributes:
        objective: the objective's name.
        fresh: whether it takes new examples, instead of those of the previous move.
        every: its period in rounds, starting with the first. In the rounds between,
            nothing is computed, and its metrics are 0.
    """

    objective: str
    fresh: bool = True
    every: int = 1


Schedule = Sequence[str | Move]


def algorithm_1(d_steps: int = 1) -> tuple[str | Move, ...]:
    """Returns the schedule of the 2014 paper: k times "d", then "g" on the last batch.

    Args:
        d_steps: the paper's k.
    """
    check_count("d_steps", d_steps)
    return ("d",) * d_steps + (Move(objective="g", fresh=False),)


def fresh_batches(schedule: Schedule) -> int:
    """Returns the number of batches that a round takes.

    Example:
        >>> fresh_batches(algorithm_1(d_steps=3))
        3
    """
    return sum(not isinstance(move, Move) or move.fresh for move in schedule)


def make_train_step(
    game: Game,
    *,
    schedule: Schedule | None = None,
    d_steps: int | None = None,
    updates: Mapping[str, Step] | None = None,
    axis_name: str | None = None,
    microbatches: int = 1,
    shards: int | None = None,
) -> Step:
    """Makes a function that plays a round: the schedule's moves, one after another.

    Args:
        game: the game.
        schedule: objectives by name, or `Move`s; the first takes fresh examples. By
            default Algorithm 1, for games whose objectives are "d" and "g". Without the
            game's clock in it, no images are counted, so averages and all else that
            follows the images seen stay as they are.
        d_steps: Algorithm 1's discriminator updates per generator update, the paper's
            k; by default 1.
        updates: updates to use instead of `jaxgan.make_update`'s, by objective, such as
            `jaxgan.unrolled.make_unrolled_update`'s.
        axis_name: the mapped axis over which the batch is spread, or None.
        microbatches: as for `jaxgan.make_update`.
        shards: as for `jaxgan.make_update`; not with ``updates``, which have their own.

    Returns:
        ``train_step(state, batch, key) -> (state, metrics)``. The batch's leaves are
        ``[n b ...]``, one batch for each fresh move. The metrics of an objective that
        moves several times in a row are means.

    Raises:
        InputError: if the schedule does not fit the game, or if arguments are given
            that exclude each other.
    """
    if schedule is None:
        schedule = algorithm_1(1 if d_steps is None else d_steps)
    elif d_steps is not None:
        raise InputError("Give make_train_step a schedule or d_steps, not both.")
    if updates and shards is not None:
        raise InputError(
            "Updates get their exact shards from make_update(shards=...); leave out "
            f"shards={shards} when you give updates."
        )
    schedule = tuple(schedule)
    runs = _runs(schedule)
    names = {move.objective for move, _ in runs}
    _check(game, runs, names)
    how: dict[str, Any] = {"axis_name": axis_name, "microbatches": microbatches}
    how["shards"] = shards
    made = {name: make_update(game, name, **how) for name in names}
    made |= updates or {}
    steps = [_in_its_rounds(made[move.objective], move.every) for move, _ in runs]
    fresh = fresh_batches(schedule)

    def train_step(state: GameState, batch: Batch, key: Key):
        check_leading(batch, fresh)
        metrics: Metrics = {}
        for step, (_, rows) in zip(steps, runs, strict=True):

            def play(state, row, step=step):
                return step(state, jax.tree.map(lambda leaf: leaf[row], batch), key)

            if len(rows) == 1:
                state, found = play(state, rows[0])
            else:
                state, found = lax.scan(play, state, jnp.array(rows))
                found = jax.tree.map(jnp.mean, found)
            metrics |= found
        return state.replace(rounds=state.rounds + 1), metrics

    return train_step


def _runs(schedule: Schedule) -> list[tuple[Move, list[int]]]:
    """Merges equal consecutive moves, with the rows of the batch that each uses.

    Example:
        >>> runs = _runs(["d", "d", Move(objective="g", fresh=False)])
        >>> [(move.objective, rows) for move, rows in runs]
        [('d', [0, 1]), ('g', [1])]
    """
    moves = [
        move if isinstance(move, Move) else Move(objective=move) for move in schedule
    ]
    taken = itertools.accumulate(int(move.fresh) for move in moves)
    rows = [number - 1 for number in taken]
    pairs = itertools.groupby(zip(moves, rows, strict=True), key=lambda pair: pair[0])
    return [(move, [row for _, row in same]) for move, same in pairs]


def _in_its_rounds(step: Step, every: int) -> Step:
    if every == 1:
        return step

    def sometimes(state: GameState, batch: Batch, key: Key):
        play = lambda state: step(state, batch, key)
        shapes = jax.eval_shape(play, state)[1]
        nothing = {name: jnp.zeros(s.shape, s.dtype) for name, s in shapes.items()}
        wait = lambda state: (state, nothing)
        return lax.cond(state.rounds % every == 0, play, wait, state)

    return sometimes


def _check(game: Game, runs: list[tuple[Move, list[int]]], names: set[str]) -> None:
    unknown = sorted(names - set(game.objectives))
    if unknown:
        raise InputError(
            f"The schedule names the objective {unknown[0]!r}, but the game has "
            f"{sorted(game.objectives)}. Use make_train_step(game, schedule=...)."
        )
    if not runs or not runs[0][0].fresh:
        raise InputError("A schedule must begin with a move that takes fresh examples.")
    for move, _ in runs:
        check_count(f"Move({move.objective!r}, every=...)", move.every)


def check_leading(batch: Batch, fresh: int) -> None:
    """Raises InputError unless the leaves are ``[fresh b ...]``."""
    shapes = [jnp.shape(leaf) for leaf in jax.tree.leaves(batch)]
    if batch_size(batch) != fresh or min(map(len, shapes)) < 2:
        raise InputError(
            f"A round takes a fresh batch {fresh} time(s), so the batch's arrays must "
            f"be [{fresh} b ...], got shapes "
            f"{jax.tree.map(jnp.shape, batch)}."
        )
