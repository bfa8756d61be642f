"""One update of one objective; the same for every game.

It is a pure function ``(state, batch, key) -> (state, metrics)``. ``key`` is the run's,
the same at every call: the counters in the state make the draws differ.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import struct
from jax import lax

from jaxgan import keys, networks
from jaxgan.checks import InputError, check_count
from jaxgan.draws import Draws
from jaxgan.game import Game, GameState, Memory
from jaxgan.means import gathered, in_float32, in_parts, mean_over_devices, own
from jaxgan.shards import in_shards
from jaxgan.turn import Nets, Turn, as_floats, batch_size
from jaxgan.typing import Array, Batch, Key, Metrics, Variables

Step = Callable[[GameState, Batch, Key], tuple[GameState, Metrics]]
First = Callable[[GameState, Batch, Key], GameState]


def make_update(
    game: Game,
    name: str,
    *,
    axis_name: str | None = None,
    microbatches: int = 1,
    shards: int | None = None,
) -> Step:
    """Makes an update of one objective; other players stay as they are, to the bit.

    The update takes a step of the objective's players to lower its mean loss over the
    batch.

    Args:
        game: the game.
        name: the objective's name.
        axis_name: the mapped axis over which the batch is spread, or None.
        microbatches: number of equal parts of a device's batch that are processed one
            after another, their gradients averaged: the same update in less memory,
            except with batch norm, which normalises each part by itself and moves its
            running averages once for each.
        shards: number of equal shards of the whole batch, so that the update is the
            same to the bit on any number of devices that divides it, see
            `jaxgan.shards`. Batch norm normalises within a shard, and its running
            averages are means over the shards. None: one shard per device, and sums
            whose last bits depend on the number of devices.

    Returns:
        ``update(state, batch, key) -> (state, metrics)``. The metrics, float32 and
        means over all examples, are ``NAME_loss``, ``NAME_grad_norm`` and the loss's
        outputs, ``NAME_OUTPUT``.
    """
    how: dict[str, Any] = {"axis_name": axis_name, "microbatches": microbatches}
    measure = make_measure(game, name, shards=shards, **how)

    def update(state: GameState, batch: Batch, key: Key):
        with jax.named_scope(f"{name}_step"):
            found = measure(state, batch, key)
            return move(game, name, state, found, key), found.metrics(name)

    return update


class Measured(struct.PyTreeNode):
    """An objective's gradients at a state, with its other results.

    Attributes:
        grads: the gradients of each mover (a player that the objective updates), means
            over all examples.
        collections: the movers' new collections.
        means: the means of the loss and its outputs, float32.
        whole: the outputs that some memory reads unaveraged, ``[b ...]`` of all
            devices.
        examples: number of examples, over all devices.
    """

    grads: dict[str, Any]
    collections: dict[str, Any]
    means: Metrics
    whole: dict[str, Any]
    examples: int = struct.field(pytree_node=False)

    def metrics(self, name: str) -> Metrics:
        """Returns the means and the gradients' norm, named after the objective."""
        found = {**self.means, "grad_norm": optax.tree.norm(self.grads)}
        return {f"{name}_{k}": v for k, v in found.items()}


def make_measure(
    game: Game,
    name: str,
    *,
    axis_name: str | None = None,
    microbatches: int = 1,
    shards: int | None = None,
    first: First | None = None,
) -> Callable[[GameState, Batch, Key], Measured]:
    """Makes a function that computes the gradients of an objective's mean loss.

    It does not update the players.

    Args:
        game: the game.
        name: the objective's name.
        axis_name: as for `make_update`.
        microbatches: as for `make_update`.
        shards: as for `make_update`.
        first: moves other players before the loss is computed, as a function of the
            movers' parameters; gradients pass through it. None by default.
    """
    check_count("microbatches", microbatches)
    whole = [o for m in _memories(game, name).values() for o in m.whole]
    # A shard is processed as a separate batch: nothing in it reaches another shard.
    axis = axis_name if shards is None else None
    mean_loss = _make_mean_loss(
        game, name, axis, parts=microbatches * (shards or 1), first=first
    )

    def measure(state: GameState, batch: Batch, key: Key) -> Measured:
        movers = {n: state.players[n] for n in game.objectives[name].players}
        params = {n: player.params for n, player in movers.items()}
        old = {n: player.collections for n, player in movers.items()}
        params, old = own((params, old), axis_name)

        def of_part(collections, batch, index):
            at = params, _begun(collections, old), state
            if shards is not None:
                at, index = _tied(at, index)
            grad = jax.grad(mean_loss, has_aux=True)
            grads, (new, outputs) = grad(*at, batch, key, index)
            means = {n: in_float32(v).mean() for n, v in outputs.items()}
            return grads, new, means, {n: outputs[n] for n in whole}

        def of_examples(collections, *examples):
            return in_parts(of_part, params, collections, examples, microbatches)

        size = batch_size(batch)
        examples = batch, keys.example_indices(size, axis_name)
        if shards is None:
            *found, kept = of_examples(old, *examples)
            found = *mean_over_devices(found, axis_name), gathered(kept, axis_name)
        else:
            how = {"shards": shards, "axis_name": axis_name}
            never = state.updates[name] < 0
            found = in_shards(of_examples, old, examples, never=never, **how)
        return Measured(*found, examples=size * keys.axis_size(axis_name))

    return measure


def _make_mean_loss(
    game: Game, name: str, axis_name: str | None, *, parts: int, first: First | None
):
    """Makes an objective's mean loss, a function of its movers' parameters."""
    objective = game.objectives[name]
    players = {n: player.over(axis_name) for n, player in game.players.items()}

    def mean_loss(params, collections, state, batch, key, index):
        now = state if first is None else first(with_params(state, params), batch, key)
        variables = {n: player.variables for n, player in now.players.items()}
        for n in objective.players:
            variables[n] = {"params": params[n], **collections[n]}
        draws, seen = Draws(name, key, state.updates[name], index), state.images
        turn = Turn(draws, seen.as_float(), state.memory, axis_name, parts)
        nets = Nets(players, variables, turn)
        loss, outputs = objective.loss(nets, as_floats(batch), turn)
        _check_loss(name, loss, len(index))
        new = {n: _without_params(variables[n]) for n in objective.players}
        mean = own(in_float32(loss).mean(), axis_name)
        return mean, (new, {**outputs, "loss": loss})

    return mean_loss


def move(
    game: Game, name: str, state: GameState, found: Measured, key: Key
) -> GameState:
    """Returns the state after the updates of the movers, the memory and the clock."""
    seen = {"value": found.means["loss"], "images": state.images.as_float()}
    moved = {
        n: state.players[n].apply_gradients(
            grads=grads, collections=found.collections[n], **seen
        )
        for n, grads in found.grads.items()
    }
    index = jnp.arange(found.examples, dtype=jnp.int32)
    draws = Draws(name, key, state.updates[name], index)
    turn = Turn(draws, seen["images"], state.memory)
    remembered = {
        n: memory.update(
            state.memory[n],
            {**found.means, **{o: found.whole[o] for o in memory.whole}},
            turn,
        )
        for n, memory in _memories(game, name).items()
    }
    state = state.replace(
        players={**state.players, **moved},
        updates={**state.updates, name: state.updates[name] + 1},
        memory={**state.memory, **remembered},
    )
    return _tick(game, state, found.examples) if name == game.clock else state


def _tick(game: Game, state: GameState, made: int) -> GameState:
    """Returns the state after the clock's update: averages moved, images counted."""
    seen = state.images.as_float()
    averages = {
        name: player.ema.update(
            state.averages[name], state.players[name].variables, seen, made
        )
        for name, player in game.players.items()
        if player.ema is not None
    }
    return state.replace(averages=averages, images=state.images.plus(made))


def _memories(game: Game, name: str) -> dict[str, Memory]:
    """Returns the memories that change after an objective's update."""
    return {n: memory for n, memory in game.memory.items() if name in memory.after}


def with_params(state: GameState, params: dict[str, Any]) -> GameState:
    """Returns the state with new parameters for some players, by name."""
    moved = {n: state.players[n].replace(params=p) for n, p in params.items()}
    return state.replace(players={**state.players, **moved})


def _begun(now: dict[str, Any], old: dict[str, Any]) -> dict[str, Any]:
    """Returns the movers' collections for the next part of the batch.

    Those that depend on the weights alone are as before the update, for every part.
    """
    return {n: {**now[n], **networks.of_weights(old[n])} for n in now}


def _tied(values: Any, index: Array) -> tuple[Any, Array]:
    """Makes the values seem to depend on a shard's examples.

    Otherwise the compiler moves computations that depend on the weights alone out of
    the loop over the shards, where their rounding depends on the surrounding code:
    spectral norm's products differed in the last bits between one device and two.
    """
    return lax.optimization_barrier((values, index))


def _without_params(variables: Variables) -> dict[str, Any]:
    return {name: value for name, value in variables.items() if name != "params"}


def _check_loss(name: str, loss: Any, examples: int) -> None:
    if jnp.shape(loss) != (examples,):
        raise InputError(
            f"The loss of the objective {name!r} must be one number per example, "
            f"[{examples}], got shape {jnp.shape(loss)}. Average the losses of an "
            "example's patches or features."
        )
