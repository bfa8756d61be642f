"""Steps in which all players move at once, instead of one after another.

Near an equilibrium, alternating gradient descent may circle and simultaneous descent
spiral away (`experiments.studies.dynamics`). These methods treat the gradients of all
players as one vector field:

- extragradient: the gradients at the point that a first step leads to;
- consensus: plus the gradient of the field's squared norm;
- optimistic: simultaneous steps with ``optax.optimistic_gradient_descent`` or
  ``optax.optimistic_adam_v2`` as every player's optimizer (Daskalakis et al. 2018,
  arXiv:1711.00141).

Like a round of `jaxgan.make_train_step`, each takes a batch of leaves ``[1 b ...]``:
all objectives see the same b examples.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from jaxgan.checks import InputError
from jaxgan.game import Game, GameState
from jaxgan.means import mean_over_devices
from jaxgan.rounds import check_leading
from jaxgan.typing import Batch, Key
from jaxgan.update import Measured, Step, make_measure, move, with_params

Found = dict[str, Measured]
Look = Callable[[GameState, Batch, Key], Found]


def make_simultaneous_step(
    game: Game,
    objectives: Sequence[str] = ("d", "g"),
    *,
    axis_name: str | None = None,
    microbatches: int = 1,
) -> Step:
    """Makes a step that takes all gradients at the old point, then moves all players.

    Args:
        game: the game.
        objectives: names of those whose players move; no player may be in two of them.
        axis_name: the mapped axis over which the batch is spread, or None.
        microbatches: as for `jaxgan.make_update`.

    Returns:
        ``step(state, batch, key) -> (state, metrics)`` on leaves ``[1 b ...]``, with
        the metrics of each objective's update.
    """
    look = _make_look(game, objectives, axis_name, microbatches)

    def step(state: GameState, batch: Batch, key: Key):
        found = look(state, _only(batch), key)
        return _finish(game, state, found, key)

    return step


def make_extragradient_step(
    game: Game,
    objectives: Sequence[str] = ("d", "g"),
    *,
    axis_name: str | None = None,
    microbatches: int = 1,
) -> Step:
    """Makes a step with the gradients at the point that a simultaneous step leads to.

    Korpelevich 1976; for GANs Gidel et al. 2019 (arXiv:1802.10551), by its algorithm 4:
    an optimizer's moments include the gradients at both points, which use the same
    examples and draws.

    Args and returns: those of `make_simultaneous_step`; the metrics are those at the
    second point.
    """
    look = _make_look(game, objectives, axis_name, microbatches)

    def step(state: GameState, batch: Batch, key: Key):
        batch = _only(batch)
        ahead, _ = _finish(game, state, look(state, batch, key), key)
        seen = state.replace(players=ahead.players)
        found = look(seen, batch, key)
        back = {
            name: ahead.players[name].replace(params=player.params, step=player.step)
            for name, player in state.players.items()
        }
        return _finish(game, state.replace(players=back), found, key)

    return step


def make_consensus_step(
    game: Game,
    objectives: Sequence[str] = ("d", "g"),
    *,
    weight: float | jax.Array,
    axis_name: str | None = None,
    microbatches: int = 1,
) -> Step:
    """Makes a simultaneous step that also descends half the field's squared norm.

    Every player's gradient becomes v + weight * J^T v, with v the gradients of all and
    J their Jacobian: Mescheder et al. 2017, "The Numerics of GANs" (arXiv:1705.10461).

    Args:
        game: the game.
        objectives: as for `make_simultaneous_step`.
        weight: the paper's gamma.
        axis_name: as for `make_simultaneous_step`.
        microbatches: as for `make_simultaneous_step`.

    Returns:
        As `make_simultaneous_step`; the gradient norms are those of the sum.
    """
    look = _make_look(game, objectives, axis_name, microbatches)
    movers = [n for name in objectives for n in game.objectives[name].players]

    def step(state: GameState, batch: Batch, key: Key):
        batch = _only(batch)

        def half_squared_length(params):
            found = look(with_params(state, params), batch, key)
            field = [each.grads for each in found.values()]
            squares = [jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(field)]
            return sum(squares) / 2, found

        params = {n: state.players[n].params for n in movers}
        towards, found = jax.grad(half_squared_length, has_aux=True)(params)
        towards = mean_over_devices(towards, axis_name)
        add = lambda grad, more: grad + weight * more
        for name, each in found.items():
            part = {n: towards[n] for n in each.grads}
            found[name] = each.replace(grads=jax.tree.map(add, each.grads, part))
        return _finish(game, state, found, key)

    return step


def _make_look(
    game: Game, objectives: Sequence[str], axis_name: str | None, microbatches: int
) -> Look:
    """Makes a function that takes all objectives' gradients at a state."""
    movers = [n for name in objectives for n in game.objectives[name].players]
    if len(set(movers)) < len(movers):
        twice = next(n for n in movers if movers.count(n) > 1)
        raise InputError(
            f"The player {twice!r} moves in two of the objectives {list(objectives)}; "
            "in a simultaneous step each player has one loss."
        )
    how: dict[str, Any] = {"axis_name": axis_name, "microbatches": microbatches}
    measures = {name: make_measure(game, name, **how) for name in objectives}

    def look(state: GameState, batch: Batch, key: Key) -> Found:
        return {n: measure(state, batch, key) for n, measure in measures.items()}

    return look


def _finish(game: Game, state: GameState, found: Found, key: Key):
    """Returns the state after all moves, and the metrics."""
    # The clock moves last: until then the count of images is that of the old point.
    for name in sorted(found, key=lambda name: name == game.clock):
        state = move(game, name, state, found[name], key)
    metrics = {k: v for n, each in found.items() for k, v in each.metrics(n).items()}
    return state.replace(rounds=state.rounds + 1), metrics


def _only(batch: Batch) -> Batch:
    check_leading(batch, 1)
    return jax.tree.map(lambda leaf: leaf[0], batch)
