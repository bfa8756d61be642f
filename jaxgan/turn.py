"""The arguments of a loss besides its batch: the networks as functions, the turn."""

import contextlib
import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from jaxgan import images, networks
from jaxgan.checks import InputError
from jaxgan.draws import Draws
from jaxgan.player import Player
from jaxgan.typing import Array, Batch, Key, Variables


@dataclasses.dataclass(frozen=True)
class Turn:
    """One update of one objective: its random streams, and the game's memory.

    Attributes:
        draws: the streams: ``turn.draws("noise")`` is one key per example.
        images: number of images seen, float32, for schedules.
        memory: the game's memory, by name.
        axis_name: the mapped axis over which the batch is spread, or None.
        parts: number of parts (microbatches or exact shards) that the batch is
            processed in.
    """

    draws: Draws
    images: Array
    memory: Mapping[str, Any]
    axis_name: str | None = None
    parts: int = 1

    @classmethod
    def first(
        cls, objective: str, key: Key, memory: Mapping[str, Any], examples: int
    ) -> "Turn":
        """Returns a turn before any update, of ``examples`` examples, for shapes."""
        index = jnp.arange(examples, dtype=jnp.int32)
        draws = Draws(objective, key, jnp.zeros((), jnp.int32), index)
        return cls(draws, jnp.zeros(()), memory)

    def normal(self, name: str, shape: tuple[int, ...]) -> Array:
        """Draws from N(0, 1), ``shape`` for each example: ``[b *shape]``."""
        return self.draws.normal(name, shape)

    def mean(self, values: Array) -> Array:
        """Returns the mean ``[...]`` of ``[b ...]`` over the examples of all devices.

        Gradients pass through it. A loss that needs it cannot be computed in parts.

        Raises:
            InputError: in parts, as none of them sees the whole batch.
        """
        if self.parts > 1:
            raise InputError(
                f"The objective {self.draws.objective!r} takes a mean over its whole "
                f"batch, so it cannot be computed in {self.parts} parts. Use "
                "microbatches=1, and no exact shards."
            )
        mean = values.mean(axis=0)
        return mean if self.axis_name is None else lax.pmean(mean, self.axis_name)


class Nets:
    """The networks of one update as functions.

    ``nets(name, *inputs)`` applies a network. The collections that a call changes are
    used by the network's later calls in the same update, and kept if the network moves.
    Those that depend on its weights alone (`jaxgan.networks.OF_WEIGHTS`) are kept, but
    not used by those calls.

    Args:
        players: the players, by name.
        variables: each player's variables, which the calls change.
        turn: the update's turn, for the draws.
        train: whether the networks are applied in training mode.
    """

    def __init__(
        self,
        players: Mapping[str, Player],
        variables: dict[str, Variables],
        turn: Turn,
        *,
        train: bool = True,
    ):
        self._players, self._variables = players, variables
        self._turn, self._train = turn, train
        self._first = {n: networks.of_weights(v) for n, v in variables.items()}
        self._calls: dict[str, int] = {}

    def __call__(self, name: str, *inputs: Any) -> Any:
        """Applies a network to a batch.

        Args:
            name: the player's name.
            inputs: the arguments of its module, each ``[b ...]``.
        """
        call = self._calls.get(name, 0)
        self._calls[name] = call + 1
        stream = self._turn.draws.stream(f"{name}/{call}")
        index = self._turn.draws.index
        _check_group(name, self._players[name].module, len(index))
        output, new = self._apply(name, inputs, stream, index)
        self._keep(name, {**self._variables[name], **new})
        return output

    def alone(self, name: str) -> Callable[..., Any]:
        """Returns the current network for one example: ``(key, *inputs) -> output``.

        Use it for the gradient of an example's output with respect to its own input.
        No other example affects that gradient: `jaxgan.game.init` refuses a network
        whose examples see each other. Changed collections are dropped.
        """
        play = self.grouped(name, 1)

        def alone(key: Key, *inputs: Any) -> Any:
            output = play(key, *jax.tree.map(lambda leaf: leaf[None], inputs))
            return jax.tree.map(lambda leaf: leaf[0], output)

        return alone

    def grouped(self, name: str, group: int) -> Callable[..., Any]:
        """Returns the current network for one group of examples that see each other.

        Args:
            name: the player's name.
            group: number of consecutive examples; see `jaxgan.networks.group_of`.

        Returns:
            ``(key, *inputs [g ...]) -> output [g ...]``. Changed collections are
            dropped.
        """

        def play(key: Key, *inputs: Any) -> Any:
            self._check_apart(name, inputs, group)
            index = jnp.arange(group, dtype=jnp.int32)
            output, _ = self._apply(name, inputs, key, index)
            return output

        return play

    def _apply(self, name: str, inputs: tuple, stream: Key, index: Array):
        """Returns (output, new collections); row i draws as example index[i]."""
        player, variables = self._players[name], self._find(name, inputs)
        rngs = player.rngs(stream, index)
        mutable = [n for n in variables if n != "params"] if self._train else False
        how = networks.mode(player.module, train=self._train)
        with self._guard(player.module):
            found = player.module.apply(
                variables, *inputs, rngs=rngs, mutable=mutable, **how
            )
        return found if self._train else (found, {})

    def _guard(self, module: nn.Module) -> Any:
        if self._turn.axis_name is None or not self._train:
            return contextlib.nullcontext()
        return nn.intercept_methods(networks.refuse_own_share)

    def _find(self, name: str, inputs: tuple) -> Variables:
        """Returns the network's current variables."""
        return {**self._variables[name], **self._first[name]}

    def _keep(self, name: str, variables: Variables) -> None:
        """Stores the network's variables after a call."""
        self._variables[name] = variables

    def _check_apart(self, name: str, inputs: tuple, group: int) -> None:
        """Does nothing: `jaxgan.game.init` has checked that groups are independent."""


def _check_group(name: str, module: nn.Module, examples: int) -> None:
    group = networks.group_of(module)
    if examples % group:
        raise InputError(
            f"The {name} looks at groups of {group} examples, but gets {examples} at a "
            "time. Choose a batch size whose share for each device, microbatch and "
            f"exact shard is a multiple of {group}."
        )


def batch_size(batch: Batch) -> int:
    """Returns the number of examples of a batch, the first dimension of its leaves.

    Raises:
        InputError: if it is not the same for all leaves.
    """
    leaves = jax.tree_util.tree_leaves_with_path(batch)
    shapes = {jax.tree_util.keystr(path): jnp.shape(leaf) for path, leaf in leaves}
    sizes = {shape[:1] for shape in shapes.values()}
    if len(sizes) != 1 or sizes == {()}:
        raise InputError(
            "The batch's arrays must have the same number of examples in their first "
            f"dimension, got shapes {shapes}."
        )
    return sizes.pop()[0]


def as_floats(tree: Any) -> Any:
    """Converts the images of a batch, or of a part of one, to floats in [-1, 1].

    Floating leaves become float32. Other integers are labels and stay, as do uint8
    leaves ``[b]``, which are not images.
    """

    def convert(leaf: Any) -> Array:
        leaf = jnp.asarray(leaf)
        pixels = leaf.dtype == jnp.uint8 and leaf.ndim > 1
        floating = jnp.issubdtype(leaf.dtype, jnp.floating)
        return images.as_float(leaf) if pixels or floating else leaf

    return jax.tree.map(convert, tree)
