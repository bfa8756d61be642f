"""One update of one objective, and rounds of several; the same for every game.

Each is a pure function ``(state, batch, key) -> (state, metrics)``. ``key`` is the
run's, the same at every call: draws differ because the counters in the state do.
"""

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax

from jaxgan import keys
from jaxgan.checks import InputError
from jaxgan.draws import Draws
from jaxgan.game import Game, GameState
from jaxgan.gan import over_axis
from jaxgan.turn import Nets, Turn, as_floats, batch_size
from jaxgan.typing import Batch, Key, Metrics
from jaxgan.updates import accumulate, cut, in_float32, mean_over_devices

Step = Callable[[GameState, Batch, Key], tuple[GameState, Metrics]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Move:
    """One entry of a schedule.

    Attributes:
        objective: its name.
        fresh: whether it takes examples of its own, or those of the move before.
        every: it is made in every so-manieth round, from the first on; its metrics are
            0 in the others.
    """

    objective: str
    fresh: bool = True
    every: int = 1


def make_update(
    game: Game, name: str, *, axis_name: str | None = None, microbatches: int = 1
) -> Step:
    """One update of an objective; who does not move stays as it is, to the bit.

    Args:
        game: the game.
        name: the objective's.
        axis_name: the mapped axis over which the batch is spread, or None.
        microbatches: how many equal parts of a device's batch are played one after
            another, their gradients averaged: the same update in less memory.

    Returns:
        ``update(state, batch, key) -> (state, metrics)``. The metrics, float32 and
        means over all examples, are ``NAME_loss``, ``NAME_grad_norm`` and the loss's
        outputs, ``NAME_OUTPUT``.
    """
    objective = game.objectives[name]
    modules = {n: over_axis(p.module, axis_name) for n, p in game.players.items()}
    streams = {n: p.streams for n, p in game.players.items()}
    memories = {n: m for n, m in game.memory.items() if name in m.after}
    whole = {output for memory in memories.values() for output in memory.whole}

    def update(state: GameState, batch: Batch, key: Key):
        movers = {player: state.players[player] for player in objective.players}
        size = batch_size(batch)

        def turn(index, parts=1):
            draws = Draws(name, key, state.updates[name], index)
            seen = state.images.as_float()
            return Turn(draws, seen, state.memory, axis_name, parts)

        def measure(collections, batch, index):
            def mean_loss(params):
                variables = {n: p.variables for n, p in state.players.items()}
                for n in movers:
                    variables[n] = {"params": params[n], **collections[n]}
                nets = Nets(modules, streams, variables, turn(index, microbatches))
                loss, outputs = objective.loss(
                    nets, as_floats(batch), turn(index, microbatches)
                )
                _check_loss(name, loss, len(index))
                new = {
                    n: {k: v for k, v in variables[n].items() if k != "params"}
                    for n in movers
                }
                return in_float32(loss).mean(), (new, {**outputs, "loss": loss})

            params = {n: mover.params for n, mover in movers.items()}
            grads, (new, outputs) = jax.grad(mean_loss, has_aux=True)(params)
            means = {
                k: in_float32(v).mean() for k, v in outputs.items() if k not in whole
            }
            return grads, new, (means, {k: outputs[k] for k in whole})

        index = keys.example_indices(size, axis_name)
        old = {n: mover.collections for n, mover in movers.items()}
        if microbatches == 1:
            grads, collections, (means, kept) = measure(old, batch, index)
        else:
            params = {n: mover.params for n, mover in movers.items()}
            parts = cut((batch, index), microbatches)
            grads, collections, found = accumulate(measure, params, old, parts)
            means = jax.tree.map(lambda m: m.mean(axis=0), found[0])
            kept = jax.tree.map(lambda k: k.reshape(-1, *k.shape[2:]), found[1])
        found = grads, collections, means
        grads, collections, means = mean_over_devices(found, axis_name)
        outputs = {**means, **_gathered(kept, axis_name)}
        moved = {
            n: mover.apply_gradients(
                grads=grads[n], value=means["loss"], collections=collections[n]
            )
            for n, mover in movers.items()
        }
        made = size * keys.axis_size(axis_name)
        everyone = turn(jnp.arange(made, dtype=jnp.int32))
        remembered = {
            n: m.update(state.memory[n], outputs, everyone) for n, m in memories.items()
        }
        state = state.replace(
            players={**state.players, **moved},
            updates={**state.updates, name: state.updates[name] + 1},
            memory={**state.memory, **remembered},
        )
        if name == game.clock:
            state = _tick(game, state, made)
        means["grad_norm"] = optax.tree.norm(grads)
        return state, {f"{name}_{k}": v for k, v in means.items()}

    return update


def make_train_step(
    game: Game,
    schedule: Sequence[str | Move],
    *,
    axis_name: str | None = None,
    microbatches: int = 1,
) -> Step:
    """A round: the schedule's moves, one after another.

    Algorithm 1 of the 2014 paper is k times "d", then "g" on the last of its batches:
    ``("d",) * k + (Move(objective="g", fresh=False),)``.

    Args:
        game: the game.
        schedule: objectives by name, or `Move`s; the first takes fresh examples.
        axis_name: as for `make_update`.
        microbatches: as for `make_update`.

    Returns:
        ``train_step(state, batch, key) -> (state, metrics)``. The batch's leaves are
        ``[n b ...]``, one batch for each fresh move. The metrics of an objective that
        moves several times in a row are means.

    Example:
        >>> schedule = ["d", "d", Move(objective="g", fresh=False)]
        >>> [(move.objective, count) for move, count in _runs(schedule)]
        [('d', 2), ('g', 1)]
    """
    runs = _runs(schedule)
    if not runs or not runs[0][0].fresh:
        raise InputError("A schedule begins with a move that takes fresh examples.")
    how: dict[str, Any] = {"axis_name": axis_name, "microbatches": microbatches}
    names = {move.objective for move, _ in runs}
    updates = {name: make_update(game, name, **how) for name in names}
    fresh = sum(count for move, count in runs if move.fresh)

    def train_step(state: GameState, batch: Batch, key: Key):
        if batch_size(batch) != fresh:
            raise InputError(
                f"The schedule takes {fresh} fresh batches, so the batch's arrays must "
                f"be [{fresh} b ...], got {jax.tree.map(jnp.shape, batch)}."
            )
        metrics: Metrics = {}
        place = 0
        for move, count in runs:
            step = _in_its_rounds(updates[move.objective], move.every)
            if move.fresh:
                rows = jax.tree.map(lambda leaf: leaf[place : place + count], batch)  # noqa: B023
                place += count
            else:
                last = jax.tree.map(lambda leaf: leaf[place - 1], batch)  # noqa: B023
                repeat = lambda leaf: jnp.broadcast_to(leaf, (count, *leaf.shape))  # noqa: B023
                rows = jax.tree.map(repeat, last)
            play = lambda state, part: step(state, part, key)  # noqa: B023
            state, found = lax.scan(play, state, rows)
            metrics |= jax.tree.map(lambda m: m.mean(axis=0), found)
        return state.replace(rounds=state.rounds + 1), metrics

    return train_step


def _runs(schedule: Sequence[str | Move]) -> list[tuple[Move, int]]:
    """Equal moves in a row as one, with their number."""
    moves = [
        move if isinstance(move, Move) else Move(objective=move) for move in schedule
    ]
    return [(move, len(list(same))) for move, same in itertools.groupby(moves)]


def _in_its_rounds(step: Step, every: int) -> Step:
    if every == 1:
        return step

    def sometimes(state: GameState, batch: Batch, key: Key):
        play = lambda state: step(state, batch, key)
        shapes = jax.eval_shape(play, state)[1]
        wait = lambda state: (
            state,
            jax.tree.map(lambda m: jnp.zeros(m.shape, m.dtype), shapes),
        )
        return lax.cond(state.rounds % every == 0, play, wait, state)

    return sometimes


def _tick(game: Game, state: GameState, made: int) -> GameState:
    """The clock's update is over: averages move, and its images are counted."""
    seen = state.images.as_float()
    averages = {
        name: player.ema.update(
            state.averages[name], state.players[name].variables, seen, made
        )
        for name, player in game.players.items()
        if player.ema is not None
    }
    return state.replace(averages=averages, images=state.images.plus(made))


def _gathered(outputs: dict[str, Any], axis_name: str | None) -> dict[str, Any]:
    """The outputs of all devices' examples, in their order, without gradients."""
    outputs = lax.stop_gradient(outputs)
    if axis_name is None:
        return outputs
    return {k: lax.all_gather(v, axis_name, tiled=True) for k, v in outputs.items()}


def _check_loss(name: str, loss: Any, examples: int) -> None:
    if jnp.shape(loss) != (examples,):
        raise InputError(
            f"The loss of the objective {name!r} must be one number an example, "
            f"[{examples}], got shape {jnp.shape(loss)}. Take the loss of each patch "
            "and feature first, then the mean over those of an example."
        )
