"""A game of any players and objectives, and its state, as values.

Networks that learn are players. An objective says which of them move together, and on
which loss. What a game remembers besides its networks (the strength of an augmentation,
a running mean, a pool of old images) is its memory. A method is a file that builds some
of these; the update (`jaxgan.update`) knows nothing else.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jax.core import Tracer

from jaxgan import ema, keys, networks, probe
from jaxgan.checks import InputError
from jaxgan.count import Count
from jaxgan.player import NetworkState, Player, start
from jaxgan.turn import Nets, Turn, as_floats, batch_size
from jaxgan.typing import Array, Batch, Key, Variables

# Compiling the initialisation with optimisations takes seconds; running it without
# them, milliseconds.
_RUNS_ONCE: dict[str, Any] = {"xla_backend_optimization_level": 0}

Loss = Callable[[Nets, Batch, Turn], tuple[Array, Mapping[str, Array]]]
Sample = Callable[[Nets, Key, Any], Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Objective:
    """Players that move together, and their loss.

    Attributes:
        players: the names of the players that move.
        loss: ``(nets, batch, turn) -> (loss [b], outputs)``. ``nets(name, *inputs)``
            applies a network, ``turn`` holds the update's random streams and the game's
            memory, and the outputs ``[b ...]`` are logged as means, by name.
    """

    players: tuple[str, ...]
    loss: Loss


@dataclasses.dataclass(frozen=True, kw_only=True)
class Memory:
    """A value that the game keeps besides its networks.

    Attributes:
        init: ``() -> value``, a pytree of arrays or numbers.
        update: ``(value, outputs, turn) -> value``, called after each update of one of
            ``after``, with its outputs as means over all examples of all devices.
        after: the objectives after which it changes.
        whole: the outputs that are passed unaveraged instead, ``[b ...]`` of all
            devices.
    """

    init: Callable[[], Any]
    update: Callable[[Any, Mapping[str, Array], Turn], Any]
    after: tuple[str, ...]
    whole: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Game:
    """Players, objectives and memory. It is static: a step closes over it.

    Attributes:
        players: the players, by name.
        objectives: the objectives, by name; the random streams and the metrics are
            named after them.
        clock: the objective whose updates count the images seen, and move the averages.
        memory: the memories, by name.
        sample: ``(nets, keys [b], condition) -> [b ...]``: generates the examples that
            a user sees, from one key per example and, if the game needs one, a
            condition. For `jaxgan.sample`.
        condition: the batch's entry that ``sample`` is conditional on, or the names of
            several, which it takes as a dict; None for an unconditional game.
        output: the batch's entry whose distribution ``sample`` imitates, against which
            samples are judged; None if there is no such entry.
        show: the way to show samples, see `jaxgan.show`; None: the one suggested by
            their shape.
    """

    players: Mapping[str, Player]
    objectives: Mapping[str, Objective]
    clock: str
    memory: Mapping[str, Memory] = dataclasses.field(default_factory=dict)
    sample: Sample | None = None
    condition: str | tuple[str, ...] | None = None
    output: str | None = "image"
    show: Any = None

    def __post_init__(self):
        if not isinstance(self.condition, str | tuple | None):
            raise InputError(
                "A game's condition must be a name, a tuple of names, or None; got "
                f"{self.condition!r}."
            )
        for name, each in self.players.items():
            networks.check_module(name, each.module)
        _check_known("clock", (self.clock,), self.objectives)
        for name, objective in self.objectives.items():
            where = f"objectives[{name!r}].players"
            _check_known(where, objective.players, self.players)
        for name, memory in self.memory.items():
            _check_known(f"memory[{name!r}].after", memory.after, self.objectives)

    def check(self, state: "GameState", batch: Batch) -> None:
        """Raises InputError for a batch whose values (not shapes) do not fit.

        `init` calls it if the values are known. This default accepts any.
        """

    def check_condition(self, condition: Any) -> None:
        """Raises InputError if a condition passed to `jaxgan.sample` does not fit.

        This default accepts any.
        """


class GameState(struct.PyTreeNode):
    """State of a game: an immutable pytree.

    Attributes:
        players: the players' `NetworkState`s, by name.
        averages: the averaged players' variables, by name.
        updates: number of finished updates of each objective, the counter of its
            random streams.
        memory: the memories' values, by name.
        images: number of images in the clock's finished updates, over all devices.
        rounds: number of finished rounds of `jaxgan.make_train_step`.
        clock: the game's clock.
    """

    # A transformation may put anything in a pytree, even in place of an empty dict.
    players: dict[str, NetworkState]
    averages: Any
    updates: Any
    memory: Any
    images: Count
    rounds: Any
    clock: str = struct.field(pytree_node=False)

    @property
    def step(self) -> Any:
        """The number of finished updates of the clock: in a GAN, of the generator."""
        return self.updates[self.clock]


def init(game: Game, key: Key, batch: Batch) -> GameState:
    """Returns the state before the first update.

    Every objective's loss is traced on the batch, not computed: its calls of the
    networks determine their shapes.

    Args:
        game: the game.
        key: the run's key; the networks' streams are derived from it.
        batch: one batch, for its shapes, and to be checked.

    Raises:
        InputError: if no objective calls one of the players; if a network's call, an
            optimizer or the batch does not fit; if a loss needs per-example gradients
            of a network that makes an example's output depend on others (batch norm).
    """
    size = batch_size(batch)
    # Not weakly typed, as arrays restored from a checkpoint are not.
    array = lambda leaf: jnp.asarray(leaf, jnp.result_type(leaf))
    memory = {n: jax.tree.map(array, part.init()) for n, part in game.memory.items()}
    noted = _Noted({}, {}, {})

    def play_all(key, batch):
        for name, objective in game.objectives.items():
            turn = Turn.first(name, key, memory, size)
            objective.loss(_Noting(game, turn, noted), as_floats(batch), turn)

    jax.eval_shape(play_all, key, batch)
    missing = sorted(set(game.players) - set(noted.inputs))
    if missing:
        raise InputError(
            f"No objective plays {missing[0]!r}, so its shapes are not known. Play it "
            "in a loss, or take it out of the game."
        )
    for (name, group), inputs in noted.parted.items():
        probe.check_uncoupled(name, game.players[name], inputs, group)

    def draw(key):
        players = game.players.items()
        drawn = {n: _draw(n, each, key, noted.inputs[n]) for n, each in players}
        return {n: start(n, each, drawn[n]) for n, each in players}

    traced = _is_traced((key, batch))
    options = None if traced else _RUNS_ONCE
    players = jax.jit(draw, compiler_options=options)(key)
    averaged = [name for name, each in game.players.items() if each.ema is not None]
    zero = lambda: jnp.zeros((), jnp.int32)
    state = GameState(
        players=players,
        averages={name: ema.init(players[name].variables) for name in averaged},
        updates={name: zero() for name in game.objectives},
        memory=memory,
        images=Count.of(0),
        rounds=zero(),
        clock=game.clock,
    )
    if not traced:
        game.check(state, batch)
    return state


class _Noted(NamedTuple):
    """The shapes in the losses' calls of the networks.

    Attributes:
        inputs: the shapes of the inputs of each network's first call, by name.
        variables: the shapes of its variables, by name.
        parted: the shapes of the inputs of calls on groups, by (name, group).
    """

    inputs: dict[str, Any]
    variables: dict[str, Any]
    parted: dict[tuple[str, int], Any]


class _Noting(Nets):
    """Networks that record their calls; only shapes pass through them."""

    def __init__(self, game: Game, turn: Turn, noted: _Noted):
        super().__init__(game.players, noted.variables, turn)
        self._noted = noted

    def _find(self, name: str, inputs: tuple) -> Variables:
        player = self._players[name]
        networks.check_call(name, player.module, inputs)
        if name not in self._noted.inputs:
            self._noted.inputs[name] = shapes = _shapes(inputs)
            draw = functools.partial(_draw, name, player, inputs=shapes)
            self._variables[name] = jax.eval_shape(draw, jax.random.key(0))
        # New zeros at each call: values of one trace cannot be used in another.
        zeros = lambda leaf: jnp.zeros(leaf.shape, leaf.dtype)
        return jax.tree.map(zeros, self._variables[name])

    def _keep(self, name: str, variables: Variables) -> None:
        """Does nothing: a call's results belong to its own trace."""

    def _check_apart(self, name: str, inputs: tuple, group: int) -> None:
        probe.check_declared(name, self._players[name].module, group)
        self._noted.parted[name, group] = _shapes(inputs)


def _draw(name: str, player: Player, key: Key, inputs: tuple) -> Variables:
    """Draws a network's initial variables, for inputs of these shapes."""
    params_key, other_key = jax.random.split(keys.stream(key, f"init/{name}", 0))
    rngs = {stream: keys.stream(other_key, stream, 0) for stream in player.streams}
    # Flax draws from "params" for a stream that is not given here.
    rngs["params"] = params_key
    how = networks.mode(player.module, train=False)
    return player.module.lazy_init(rngs, *inputs, **how)


def _shapes(inputs: tuple) -> Any:
    shape = lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype)
    return jax.tree.map(shape, inputs)


def _is_traced(inputs: Any) -> bool:
    """Returns whether these are tracers, or any new array here would be one."""
    leaves = [*jax.tree.leaves(inputs), jnp.zeros(())]
    return any(isinstance(leaf, Tracer) for leaf in leaves)


def _check_known(where: str, names: tuple[str, ...], known: Mapping[str, Any]) -> None:
    unknown = [name for name in names if name not in known]
    if unknown:
        raise InputError(
            f"Game: {where} names {unknown[0]!r}, but the game has {sorted(known)}."
        )
