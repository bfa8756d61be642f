"""A game of any players and objectives as a value, and where it stands as a value.

Networks that learn are players. An objective says which of them move together, and on
which loss. What a game remembers beside its networks (the strength of an augmentation,
a running mean, a pool of old images) is its memory. A method is a file that builds some
of these; the update (`jaxgan.update`) knows nothing else.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax
from flax import struct

from jaxgan import ema, keys
from jaxgan.checks import InputError
from jaxgan.count import Count
from jaxgan.gan import NetworkState
from jaxgan.turn import Nets, Turn, as_floats, batch_size
from jaxgan.typing import Array, Batch, Key, Scalar, Schedule, Variables

Loss = Callable[[Nets, Batch, Turn], tuple[Array, Mapping[str, Array]]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class EMA:
    """An exponential moving average of a player, by collection.

    Attributes:
        half_life: in images: a number, or a schedule of the images seen; 0: no average.
        ramp_up: the half-life is at most this share of the images seen; None: of none.
        averaged: the collections that are averaged; all others are copied.
    """

    half_life: Scalar | Schedule = 10_000
    ramp_up: Scalar | None = 0.05
    averaged: tuple[str, ...] = ("params", "batch_stats")

    def update(
        self, average: Variables, variables: Variables, images: Array, made: int
    ) -> Variables:
        """The average after ``made`` more images than ``images``."""
        half_life = self.half_life
        if callable(half_life):
            half_life = half_life(images)
        how = {"images_per_step": made, "images_seen": images}
        new = {}
        for name, value in variables.items():
            kept = name in self.averaged
            new[name] = ema.update(
                average[name],
                value,
                half_life=half_life if kept else 0,
                ramp_up=self.ramp_up if kept else None,
                **how,
            )
        return new


@dataclasses.dataclass(frozen=True, kw_only=True)
class Player:
    """A network that learns.

    Attributes:
        module: a Linen module, called as ``module(*inputs, train=...)``.
        optimizer: its optax optimizer.
        ema: how it is averaged; None: not at all.
        streams: the random streams that the module asks for by ``make_rng``. Each
            example draws from them by itself.
    """

    module: nn.Module
    optimizer: optax.GradientTransformation
    ema: EMA | None = None
    streams: tuple[str, ...] = ("dropout",)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Objective:
    """Players that move together, and their loss.

    Attributes:
        players: the names of those that move.
        loss: ``(nets, batch, turn) -> (loss [b], outputs)``. ``nets(name, *inputs)``
            plays a network, ``turn`` holds the update's random streams and the game's
            memory, and the outputs ``[b ...]`` are logged as means, by name.
    """

    players: tuple[str, ...]
    loss: Loss


@dataclasses.dataclass(frozen=True, kw_only=True)
class Memory:
    """A value that the game keeps beside its networks.

    Attributes:
        init: ``() -> value``, a pytree of arrays.
        update: ``(value, outputs, turn) -> value``, called after each update of one of
            ``after``, with its outputs as means over all examples of all devices.
        after: the objectives after which it changes.
        whole: the outputs that come as they are, ``[b ...]`` of all devices, instead.
    """

    init: Callable[[], Any]
    update: Callable[[Any, Mapping[str, Array], Turn], Any]
    after: tuple[str, ...]
    whole: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Game:
    """Players, objectives and memory. Static: a step closes over it.

    Attributes:
        players: by name.
        objectives: by name, which is a part of the random streams and of the metrics.
        clock: the objective whose updates count the images seen, and move the averages.
        memory: by name.
    """

    players: Mapping[str, Player]
    objectives: Mapping[str, Objective]
    clock: str
    memory: Mapping[str, Memory] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        _check_known("clock", (self.clock,), self.objectives)
        for name, objective in self.objectives.items():
            where = f"objectives[{name!r}].players"
            _check_known(where, objective.players, self.players)
        for name, memory in self.memory.items():
            _check_known(f"memory[{name!r}].after", memory.after, self.objectives)


class GameState(struct.PyTreeNode):
    """Where a game stands: an immutable pytree.

    Attributes:
        players: their `NetworkState`s, by name.
        averages: the averaged players' variables, by name.
        updates: the finished updates of each objective; their random streams' counter.
        memory: by name.
        images: the images of the clock's finished updates, over all devices.
        rounds: the finished rounds of `jaxgan.update.make_train_step`.
    """

    players: dict[str, NetworkState]
    averages: dict[str, Any]
    updates: dict[str, Any]
    memory: dict[str, Any]
    images: Count
    rounds: Any


def init(game: Game, key: Key, batch: Batch) -> GameState:
    """The state before the first update.

    Every objective's loss is traced on one example, and each network is made when it is
    first played: its inputs tell their shapes.

    Args:
        game: the game.
        key: the run's key; the networks' streams are derived from it.
        batch: one batch, for its shapes.

    Raises:
        InputError: if no objective plays one of the players.
    """
    batch_size(batch)
    memory = {name: part.init() for name, part in game.memory.items()}

    def draw(key):
        made: dict[str, Variables] = {}
        for name, objective in game.objectives.items():
            one = as_floats(jax.tree.map(lambda leaf: leaf[:1], batch))
            turn = Turn.first(name, key, memory)
            objective.loss(_Makers(game, key, made, turn), one, turn)
        return made

    variables = jax.jit(draw)(key)
    missing = sorted(set(game.players) - set(variables))
    if missing:
        raise InputError(
            f"No objective plays {missing[0]!r}, so its shapes are not known. Play it "
            "in a loss, or take it out of the game."
        )
    zero = lambda: jnp.zeros((), jnp.int32)
    return GameState(
        players={n: _start(p, variables[n]) for n, p in game.players.items()},
        averages={n: ema.init(variables[n]) for n, p in game.players.items() if p.ema},
        updates={name: zero() for name in game.objectives},
        memory=memory,
        images=Count.of(0),
        rounds=zero(),
    )


class _Makers(Nets):
    """Networks that are made when they are first played."""

    def __init__(self, game: Game, key: Key, made: dict, turn: Turn):
        modules = {name: player.module for name, player in game.players.items()}
        streams = {name: player.streams for name, player in game.players.items()}
        super().__init__(modules, streams, made, turn)
        self._key = key

    def variables(self, name: str, inputs: tuple) -> Variables:
        """The network's variables, made if it has none."""
        if name not in self._variables:
            stream = keys.stream(self._key, f"init/{name}", 0)
            names = ("params", *self._streams[name])
            rngs = dict(zip(names, jax.random.split(stream, len(names)), strict=True))
            made = self._modules[name].init(rngs, *inputs, train=False)
            self._variables[name] = made
        return self._variables[name]

    def keep(self, name: str, variables: Variables) -> None:
        """Nothing: before the first update no statistics have moved."""


def _start(player: Player, variables: Variables) -> NetworkState:
    others = {name: value for name, value in variables.items() if name != "params"}
    state = NetworkState.create(
        apply_fn=player.module.apply,
        params=variables["params"],
        tx=player.optimizer,
        collections=others,
    )
    # An array from the start: a Python int would make the second call compile anew.
    return state.replace(step=jnp.zeros((), jnp.int32))


def _check_known(where: str, names: tuple[str, ...], known: Mapping[str, Any]) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(
            f"Game: {where} names {unknown[0]!r}, but there are {sorted(known)}."
        )
