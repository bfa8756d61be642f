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
from jaxgan.typing import Batch, Key, Metrics, Variables
from jaxgan.updates import accumulate, cut, in_float32, mean_over_devices

Step = Callable[[GameState, Batch, Key], tuple[GameState, Metrics]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Move:
    """One entry of a schedule.

    Attributes:
        objective: its name.
        fresh: whether it takes examples of its own, or those of the move before.
        every: its period in rounds, from the first on. In the rounds between, nothing
            is computed, and its metrics are 0.
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
    memories = {n: m for n, m in game.memory.items() if name in m.after}
    whole = frozenset(o for memory in memories.values() for o in memory.whole)
    play = _player_of(game, name, whole, axis_name, microbatches)

    def update(state: GameState, batch: Batch, key: Key):
        made = batch_size(batch) * keys.axis_size(axis_name)
        turn = _turns(name, state, key, axis_name)
        grads, collections, means, kept = play(state, turn, batch)
        moved = {
            n: state.players[n].apply_gradients(
                grads=grads[n], value=means["loss"], collections=collections[n]
            )
            for n in objective.players
        }
        outputs, everyone = {**means, **kept}, turn(jnp.arange(made, dtype=jnp.int32))
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


def _turns(name: str, state: GameState, key: Key, axis_name: str | None):
    """``turn(index, parts=1)``: the objective's turn for the examples of that index."""

    def turn(index, parts: int = 1) -> Turn:
        draws = Draws(name, key, state.updates[name], index)
        return Turn(draws, state.images.as_float(), state.memory, axis_name, parts)

    return turn


def _player_of(
    game: Game,
    name: str,
    whole: frozenset[str],
    axis_name: str | None,
    microbatches: int,
):
    """Plays the objective's loss on a batch, on all devices.

    Returns:
        ``play(state, turn, batch) -> (gradients, collections, means, kept)``: by mover
        the first two; the means of the loss and its outputs; and the ``whole`` outputs
        of all examples.
    """
    objective = game.objectives[name]
    modules = {n: over_axis(p.module, axis_name) for n, p in game.players.items()}
    streams = {n: p.streams for n, p in game.players.items()}

    def play(state: GameState, turn, batch: Batch):
        params = {n: state.players[n].params for n in objective.players}
        old = {n: state.players[n].collections for n in objective.players}

        def mean_loss(params, collections, batch, index):
            variables = {n: p.variables for n, p in state.players.items()}
            for n in objective.players:
                variables[n] = {"params": params[n], **collections[n]}
            now = turn(index, microbatches)
            nets = Nets(modules, streams, variables, now)
            loss, outputs = objective.loss(nets, as_floats(batch), now)
            _check_loss(name, loss, len(index))
            new = {n: _without_params(variables[n]) for n in objective.players}
            return in_float32(loss).mean(), (new, {**outputs, "loss": loss})

        def measure(collections, batch, index):
            grad = jax.grad(mean_loss, has_aux=True)
            grads, (new, outputs) = grad(params, collections, batch, index)
            means = {
                n: in_float32(v).mean() for n, v in outputs.items() if n not in whole
            }
            return grads, new, (means, {n: outputs[n] for n in whole})

        examples = batch, keys.example_indices(batch_size(batch), axis_name)
        if microbatches == 1:
            grads, new, (means, kept) = measure(old, *examples)
        else:
            parts = cut(examples, microbatches)
            grads, new, found = accumulate(measure, params, old, parts)
            means = jax.tree.map(lambda m: m.mean(axis=0), found[0])
            kept = jax.tree.map(lambda k: k.reshape(-1, *k.shape[2:]), found[1])
        found = mean_over_devices((grads, new, means), axis_name)
        return *found, _gathered(kept, axis_name)

    return play


def _without_params(variables: Variables) -> dict[str, Any]:
    return {name: value for name, value in variables.items() if name != "params"}


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
