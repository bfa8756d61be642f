"""The arguments of a loss beside its batch: the networks as functions, and the turn."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from jaxgan import images, keys
from jaxgan.checks import InputError
from jaxgan.draws import Draws
from jaxgan.example_keys import by_example
from jaxgan.typing import Array, Batch, Key, Variables


@dataclasses.dataclass(frozen=True)
class Turn:
    """One update of one objective: its random streams, and what the game remembers.

    Attributes:
        draws: the streams: ``turn.draws("noise")`` is one key an example.
        images: how many images have been seen, float32, for schedules.
        memory: the game's memory, by name.
        axis_name: the mapped axis over which the batch is spread, or None.
        parts: the number of microbatches.
    """

    draws: Draws
    images: Array
    memory: Mapping[str, Any]
    axis_name: str | None = None
    parts: int = 1

    @classmethod
    def first(cls, objective: str, key: Key, memory: Mapping[str, Any]) -> "Turn":
        """The turn of one example before any update, for shapes."""
        index, zero = jnp.zeros(1, jnp.int32), jnp.zeros((), jnp.int32)
        return cls(Draws(objective, key, zero, index), jnp.zeros(()), memory)

    def normal(self, name: str, shape: tuple[int, ...]) -> Array:
        """N(0, 1) of ``shape`` for each example, ``[b *shape]``."""
        return self.draws.normal(name, shape)

    def mean(self, values: Array) -> Array:
        """The mean ``[...]`` of ``[b ...]`` over the examples of all devices.

        Gradients pass through it. A loss that needs it cannot be played in parts.

        Raises:
            InputError: with microbatches, whose means are not known to each other.
        """
        if self.parts > 1:
            raise InputError(
                f"The objective {self.draws.player!r} takes a mean over its whole "
                f"batch, which {self.parts} microbatches do not see. Use "
                "microbatches=1."
            )
        mean = values.mean(axis=0)
        return mean if self.axis_name is None else lax.pmean(mean, self.axis_name)


class Nets:
    """The networks of one update as functions, in training mode.

    ``nets(name, *inputs)`` plays a network. The collections that it changes are seen by
    its later calls in the same update, and kept if it moves.

    Args:
        modules: by name.
        streams: the random streams that each asks for.
        variables: of each, changed as they are played.
        turn: whose the draws are.
    """

    def __init__(
        self,
        modules: Mapping[str, nn.Module],
        streams: Mapping[str, tuple[str, ...]],
        variables: dict[str, Variables],
        turn: Turn,
    ):
        self._modules, self._streams = modules, streams
        self._variables, self._turn = variables, turn
        self._calls: dict[str, int] = {}

    def variables(self, name: str, inputs: tuple) -> Variables:
        """The network's variables as they are now."""
        return self._variables[name]

    def __call__(self, name: str, *inputs: Any) -> Any:
        """What the network makes of a batch.

        Args:
            name: the player's.
            inputs: what its module takes, each ``[b ...]``.
        """
        call = self._calls.get(name, 0)
        self._calls[name] = call + 1
        stream = self._turn.draws.stream(f"{name}/{call}")
        variables = self.variables(name, inputs)
        index = self._turn.draws.index
        output, new = self._apply(name, variables, inputs, stream, index)
        self.keep(name, {**variables, **new})
        return output

    def keep(self, name: str, variables: Variables) -> None:
        """Takes what a call made of the network's variables."""
        self._variables[name] = variables

    def alone(self, name: str) -> Callable[..., Any]:
        """The network, as it is now, on one example: ``(key, *inputs) -> output``.

        For gradients by the input: what one example's output is to its own input, no
        other example can touch. Changed collections are dropped.
        """

        def play(key: Key, *inputs: Any) -> Any:
            batch = jax.tree.map(lambda leaf: leaf[None], inputs)
            variables, index = self.variables(name, batch), jnp.zeros(1, jnp.int32)
            output, _ = self._apply(name, variables, batch, key, index)
            return jax.tree.map(lambda leaf: leaf[0], output)

        return play

    def _apply(self, name: str, variables: Variables, inputs, stream: Key, index):
        rngs = {
            each: by_example(keys.stream(stream, each, 0), index)
            for each in self._streams[name]
        }
        mutable = [collection for collection in variables if collection != "params"]
        return self._modules[name].apply(
            variables, *inputs, train=True, mutable=mutable, rngs=rngs
        )


def batch_size(batch: Batch) -> int:
    """The examples of a batch, whose leaves all have them in their first dimension.

    Raises:
        InputError: if they have not.
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


def as_floats(batch: Batch) -> Batch:
    """The batch with its images as floats: uint8 leaves become [-1, 1].

    Floating leaves become float32; integers are labels, and stay.
    """

    def convert(leaf: Any) -> Array:
        leaf = jnp.asarray(leaf)
        kept = jnp.issubdtype(leaf.dtype, jnp.integer) and leaf.dtype != jnp.uint8
        return leaf if kept or leaf.dtype == bool else images.as_float(leaf)

    return jax.tree.map(convert, batch)
