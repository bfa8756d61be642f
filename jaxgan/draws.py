"""What one update draws: latents, noise, dropout masks. Each example has its own.

The draws of an example follow from its global index within the update's batch alone,
so they are the same on any number of devices and for any number of microbatches.
"""

import dataclasses
from typing import Any

import flax.linen as nn
import jax

from jaxgan import keys
from jaxgan.example_keys import by_example
from jaxgan.typing import Array, Key, Variables


@dataclasses.dataclass(frozen=True)
class Draws:
    """One update's random streams: ``draw(name)`` is one key an example, ``[b]``.

    Attributes:
        player: "d" or "g".
        key: the run's key.
        step: the player's update counter.
        index: the examples' global indices, ``[b]``.
    """

    player: str
    key: Key
    step: Any
    index: Array

    def stream(self, name: str) -> Key:
        """The one key from which all examples' keys of a stream come."""
        return keys.stream(self.key, f"{self.player}/{name}", self.step)

    def __call__(self, name: str) -> Key:
        return keys.per_example(self.stream(name), self.index)

    def normal(self, name: str, shape: tuple[int, ...]) -> Array:
        """N(0, 1) of ``shape`` for each example, ``[b *shape]``."""
        return jax.vmap(lambda key: jax.random.normal(key, shape))(self(name))


def apply(
    module: nn.Module, variables: Variables, x, condition, stream: Key, index: Array
) -> tuple[Array, Variables]:
    """A forward pass in training mode: (output, its new mutable collections).

    What the network draws from its stream "dropout" each example draws by itself, see
    `jaxgan.example_keys`.

    Args:
        module: the network.
        variables: its parameters and collections.
        x: latents or examples, ``[b ...]``.
        condition: what it is conditional on, or None.
        stream: the key of this pass.
        index: the examples' global indices, ``[b]``.
    """
    rngs = {"dropout": by_example(stream, index)}
    mutable = [name for name in variables if name != "params"]
    return module.apply(variables, x, condition, train=True, mutable=mutable, rngs=rngs)
